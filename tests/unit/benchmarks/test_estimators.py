"""The page of estimators says what the code does, on a cheap part of its pipelines."""

from __future__ import annotations

import pytest

from tests.benchmarks.estimators.__main__ import BEGIN, PAGE, lines_of
from tests.benchmarks.estimators.pipelines import PIPELINES
from tests.benchmarks.estimators.trial import try_pipeline

MISSING = "classification, missing values as they are"
BOOSTED = "classification, boosted trees of other libraries"
NUMBERS = "classification, transformer of numbers before LogisticRegression"
ENCODERS = "classification, encoder of categories before LogisticRegression"


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("classification", "LogisticRegression"),
        ("classification", "LinearDiscriminantAnalysis"),
        ("regression", "Ridge"),
        (NUMBERS, "a transformer of your own"),
        (MISSING, "HistGradientBoostingClassifier"),
        (MISSING, "RandomForestClassifier"),
        (ENCODERS, "OneHotEncoder, default"),
        (ENCODERS, "OneHotEncoder, infrequent_if_exist"),
        ("classification, around a forest", "FixedThresholdClassifier"),
        (BOOSTED, "lightgbm.LGBMClassifier"),
    ],
)
def test_the_page_has_what_a_trial_finds(group: str, name: str) -> None:
    trial = try_pipeline(group, PIPELINES[group][name]())
    (line,) = [each for each in lines_of(group, {name: trial}) if f"`{name}`" in each]
    assert line in PAGE.read_text(encoding="utf-8")


def test_the_page_has_every_pipeline_and_says_where_an_answer_differs() -> None:
    table = PAGE.read_text(encoding="utf-8").split(BEGIN)[1]
    names = [name for pipelines in PIPELINES.values() for name in pipelines]
    assert len(names) >= 60
    assert all(f"| `{name}` |" in table for name in names)
    differing = [line.split("`")[1] for line in table.splitlines() if "answers differ" in line]
    assert differing == ["GaussianProcessRegressor"]
