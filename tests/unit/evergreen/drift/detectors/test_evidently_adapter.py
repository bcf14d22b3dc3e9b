"""The tests alone say what Evidently's report says, and the report is drawn when asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evergreen.drift.detectors.evidently_adapter import (
    CHI_SQUARE,
    KS,
    MISSING_RATE,
    UNSEEN_RATE,
    EvidentlyRun,
    run_tests,
)
from evergreen.errors import EvergreenError

METHODS = {
    "number": KS,
    "city": CHI_SQUARE,
    "number (missing or present)": MISSING_RATE,
    "city (unseen in the reference)": UNSEEN_RATE,
}


def side(rng: np.random.Generator, rows: int, shift: float) -> dict[str, Any]:
    cities = np.array(["a", "b", "c"], dtype=object)
    city = cities[rng.choice(3, rows, p=[0.5 - shift, 0.3, 0.2 + shift])]
    return {
        "number": rng.normal(shift, size=rows),
        "city": city,
        "city (unseen in the reference)": city,
        "number (missing or present)": np.where(
            rng.random(rows + 7) < 0.1 + shift, "missing", "present"
        ).astype(object),
    }


@pytest.fixture(scope="module")
def run() -> EvidentlyRun:
    rng = np.random.default_rng(1)
    return run_tests(side(rng, 400, 0.0), side(rng, 150, 0.1), METHODS, 0.05)


def test_kolmogorov_smirnov_is_scipys(run: EvidentlyRun) -> None:
    expected = stats.ks_2samp(run.reference["number"], run.window["number"]).pvalue
    assert run.p_values["number"] == pytest.approx(expected, rel=1e-12)


def test_the_report_agrees_and_is_one_page(run: EvidentlyRun) -> None:
    page = run.html()  # raises if a p-value or a method of the report is another
    assert page.lstrip().startswith("<")
    assert "number (missing or present)" in page


def test_a_report_that_says_otherwise_is_refused(run: EvidentlyRun) -> None:
    other = replace(run, p_values=run.p_values | {"city": 0.123})
    with pytest.raises(EvergreenError, match=r"^city: .*report says"):
        other.html()


def test_a_single_row_is_drawn_too() -> None:
    one = {"number": np.array([1.0]), "city": np.array(["a"], dtype=object)}
    methods = {"number": KS, "city": CHI_SQUARE}
    single = run_tests(one, one, methods, 0.05)
    assert single.p_values == {"number": 1.0, "city": 1.0}
    assert single.html()
