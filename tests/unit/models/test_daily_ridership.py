"""The time series example's data and estimator; its whole story is told by the end-to-end test."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydantic_core import to_json
from skops.io import dump, load

from cli.shared.examples import MODELS
from cli.shared.traffic import split_form
from evergreen.datasets.schema import to_columns
from evergreen.model_definition import load_definition
from evergreen.serving.requests import RequestReader
from evergreen.training.mlflow_model import own_types
from evergreen.training.onnx_export import export_bundle
from evergreen.training.trainer import load_trainer, to_features
from models.daily_ridership.data import FEATURES, FILE, HORIZON, LAGS, TARGET, TIME
from models.daily_ridership.data import load as load_days

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = MODELS / "daily_ridership"
DEFINITION = load_definition(FOLDER)
# MLflow warns about its own type hints while it is being imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")


@cache
def days() -> pd.DataFrame:
    return load_days()


@cache
def recorded() -> pd.Series:
    return pd.read_csv(FILE, parse_dates=["date"]).set_index("date")["ridership"]


def test_the_data_are_encoded_as_the_definition_says() -> None:
    assert list(days().columns) == [*DEFINITION.features, TARGET, TIME]
    table = pa.Table.from_pandas(days(), preserve_index=False)
    pd.testing.assert_frame_equal(to_features(DEFINITION, table), days()[list(FEATURES)])


def test_a_row_knows_nothing_that_was_not_known_when_it_was_made() -> None:
    made = days()[TIME].dt.tz_localize(None)
    assert DEFINITION.forecast is not None
    assert DEFINITION.forecast.horizon == HORIZON
    meant = made + pd.Timedelta(days=HORIZON)
    assert days()[TARGET].to_numpy() == pytest.approx(recorded()[meant].to_numpy())
    for lag in LAGS:
        known = meant - pd.Timedelta(days=lag)
        assert (known <= made).all()
        column = days()[f"riders_{lag}_days_before"].to_numpy()
        assert column == pytest.approx(recorded()[known].to_numpy(), rel=1e-6)
    assert (days()["weekday"] == meant.dt.day_name()).all()


def test_the_naive_forecast_is_the_same_weekday_of_the_week_before() -> None:
    assert DEFINITION.forecast is not None
    naive = days()[DEFINITION.forecast.seasonal_naive]
    off = recorded().diff(7).iloc[max(LAGS) :].abs()
    assert np.abs(days()[TARGET] - naive).mean() == pytest.approx(off.mean())
    assert 1 < off.mean() < 1.5


def test_periods_are_years_and_a_share_is_refused() -> None:
    leap = load_days([2004])
    assert len(leap) == 366
    assert leap[TIME].is_monotonic_increasing
    assert leap["holiday"].sum() == 11
    with pytest.raises(ValueError, match="use it whole"):
        load_days([2004], 0.5)


def test_every_day_is_a_valid_request_within_its_ranges() -> None:
    body = to_json({"dataframe_split": split_form(DEFINITION, days().head(1000))})
    assert RequestReader(DEFINITION).read(body).size == 1000
    for name, feature in DEFINITION.features.items():
        if feature.min is not None and feature.max is not None:
            assert days()[name].between(feature.min, feature.max).all(), name


def test_the_estimator_beats_the_naive_forecast_and_can_be_exported_and_saved(
    tmp_path: Path,
) -> None:
    known, later = load_days([2001, 2002]), load_days([2003])
    estimator = load_trainer(FOLDER)(known[list(FEATURES)], known[TARGET])
    features, ground_truth = later[list(FEATURES)], later[TARGET]
    error = np.sqrt(np.mean((ground_truth - estimator.predict(features)) ** 2))
    naive = np.sqrt(np.mean((ground_truth - later["riders_7_days_before"]) ** 2))
    assert error < 0.7 * naive
    table = pa.Table.from_pandas(later, preserve_index=False)
    bundle = export_bundle(estimator, DEFINITION, to_columns(DEFINITION, table), "1")
    assert bundle.signature.task == "time_series"
    dump(estimator, tmp_path / "model.skops")
    again = load(tmp_path / "model.skops", trusted=own_types(estimator, DEFINITION.name))
    assert np.array_equal(again.predict(features), estimator.predict(features))
