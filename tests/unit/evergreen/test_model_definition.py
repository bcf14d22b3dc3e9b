"""A model definition is read, or refused with the file, the key and what is allowed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from evergreen.errors import ModelDefinitionError, UnknownModelError
from evergreen.model_definition import find_definition, load_definition, load_definitions

if TYPE_CHECKING:
    from pathlib import Path

VALID = """
name = "demand"
task = "regression"
target = "units"
[features]
price = { type = "float", min = 0 }
shop = { type = "category" }
promoted = { type = "boolean", nullable = true }
[drift]
schedules = [{ every = "1 hour", window = "24 hours" }]
"""


def _write(models: Path, text: str, folder: str = "demand") -> Path:
    target = models / folder
    target.mkdir()
    (target / "model.toml").write_text(text)
    return target


def test_a_valid_definition_is_read_in_order_with_defaults(tmp_path: Path) -> None:
    definition = load_definition(_write(tmp_path, VALID))
    assert list(definition.features) == ["price", "shop", "promoted"]
    assert definition.numeric_features == ["price", "promoted"]
    assert definition.category_features == ["shop"]
    assert definition.metric == "rmse"
    assert definition.drift.schedules[0].window == timedelta(hours=24)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"regression"', '"regresion"', r"task: .*'classification', 'regression' or 'time_series'"),
        ('"float", min = 0', '"number"', r"features\.price\.type: .*'float'"),
        (
            "min = 0",
            "minimum = 0",
            r"minimum is no key of \[features\.price\]; did you mean min\? Its keys: ",
        ),
        ("min = 0", "min = 2, max = 1", "min is greater than max"),
        ('type = "category"', 'type = "category", max = 3', "no meaning for a category"),
        ('"24 hours"', '"a while"', r"drift\.schedules\.0\.window: .*'6 hours'"),
        ('target = "units"', 'target = "price"', "also listed under features"),
        ('target = "units"', "", "target is missing"),
        (
            "[drift]",
            "[evaluation]\nmetrik = 'f1'\n[drift]",
            r"metrik is no key of \[evaluation\]; did you mean metric\? Its keys: metric, ",
        ),
        ("every =", "evry =", r"evry is no key of \[drift\.schedules\.0\]; did you mean every"),
        ("[drift]", "[zzz]\n[drift]", r"zzz is no key of the top of the file\. Its keys: name, "),
        ('"demand"', '"Demand!"', "name: .*lower-case"),
        ('"demand"', '"supply"', "the folder is 'demand'"),
        ("price = {", "row = {", "columns of the request log"),
        ("price = {", "'price \"net\"' = {", "cannot be names of features"),
        ("price = {", '"" = {', "cannot be names of features"),
        ("[features]", "[features", "not valid TOML"),
        ("price = { ", "price = { known = ['a'], ", "known has no meaning for a float feature"),
        ('shop = { type = "category"', "shop = { type = 'category', known = ['a', 'a']", "twice"),
        (
            'shop = { type = "category"',
            "shop = { type = 'category', unknown = 'count'",
            "known does",
        ),
        ("[drift]", '[retraining]\nby = "import"\nevery = "1 day"\n[drift]', "retrains nothing"),
        ("[drift]", '[evaluation]\nmetric = "f1"\n[drift]', "does not fit task"),
        ("[drift]", "[evaluation]\ninterval = 1\n[drift]", "less than or equal to 0.999"),
        ('"regression"', '"time_series"', "cannot do without"),
        ("[drift]", '[forecast]\nhorizon = 7\nseasonal_naive = "price"\n[drift]', "belongs to"),
        ("[drift]", '[request_log]\nredact = ["colour"]\n[drift]', "colour"),
        (
            "[drift]",
            '[evaluation]\nsegments = ["colour"]\n[drift]',
            r"evaluation.segments .*\['colour'\] \(allowed: price, shop, promoted\)",
        ),
        (
            "[drift]",
            '[evaluation]\nsegments = ["shop"]\n[request_log]\nredact = ["shop"]\n[drift]',
            r"segments names \['shop'\], which request_log.redact keeps out",
        ),
        ("[drift]", '[evaluation]\nsegments = ["shop", "shop"]\n[drift]', "names a feature twice"),
        (
            "[drift]",
            "[evaluation]\nmax_segment_regression = -1\n[drift]",
            "evaluation.max_segment_regression: .*greater than or equal to 0",
        ),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    folder = _write(tmp_path, VALID.replace(old, new, 1))
    with pytest.raises(ModelDefinitionError, match=expected) as caught:
        load_definition(folder)
    assert str(folder / "model.toml") in str(caught.value)


@pytest.mark.parametrize("naive", ["shop", "colour"])
def test_the_naive_forecast_is_a_numeric_feature(tmp_path: Path, naive: str) -> None:
    forecast = f'[forecast]\nhorizon = 7\nseasonal_naive = "{naive}"\n[features]'
    text = VALID.replace("[features]", forecast).replace("regression", "time_series")
    with pytest.raises(ModelDefinitionError, match=f"'{naive}' is not a numeric feature"):
        load_definition(_write(tmp_path, text))


def test_a_folder_without_a_definition_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelDefinitionError, match="file not found"):
        load_definition(tmp_path)


def test_models_are_found_by_name_only(tmp_path: Path) -> None:
    _write(tmp_path, VALID)
    (tmp_path / "notes").mkdir()
    assert list(load_definitions(tmp_path)) == ["demand"]
    assert find_definition(tmp_path, "demand").target == "units"
    with pytest.raises(UnknownModelError, match="Known models: demand"):
        find_definition(tmp_path, "../demand")
