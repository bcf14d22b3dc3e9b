"""The example's data and estimator; its whole story is told by the end-to-end test."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydantic_core import to_json

from evergreen.datasets.schema import to_columns
from evergreen.model_definition import load_definition
from evergreen.serving.requests import RequestReader
from evergreen.training.onnx_export import export_bundle
from evergreen.training.trainer import load_trainer, to_features
from models.flight_delay.data import FEATURES, TARGET, TIME, load_flights

FOLDER = Path(__file__).parents[3] / "models" / "flight_delay"
DEFINITION = load_definition(FOLDER)
# MLflow warns about its own type hints while it is being imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")


@cache
def january() -> pd.DataFrame:
    return load_flights([1], fraction=0.1, seed=1)


def test_the_data_are_encoded_as_the_definition_says() -> None:
    flights = january()
    assert list(flights.columns) == [*DEFINITION.features, TARGET, TIME]
    assert list(FEATURES) == list(DEFINITION.features)
    table = pa.Table.from_pandas(flights, preserve_index=False)
    encoded = pd.DataFrame(to_columns(DEFINITION, table)).astype(
        dict.fromkeys(DEFINITION.category_features, object)
    )
    pd.testing.assert_frame_equal(flights[list(FEATURES)], encoded)
    pd.testing.assert_frame_equal(to_features(DEFINITION, table), encoded)


def test_flights_come_in_time_order_of_the_months_asked_for() -> None:
    flights = january()
    assert flights[TIME].is_monotonic_increasing
    local = flights[TIME].dt.tz_convert("America/New_York")
    assert set(local.dt.month) == {1}
    minute = local.dt.hour * 60 + local.dt.minute
    assert (flights["departure_minute"] == minute).all()
    assert (flights["weekday"] == local.dt.dayofweek).all()


def test_the_draw_depends_on_the_seed_alone() -> None:
    pd.testing.assert_frame_equal(january(), load_flights([1], fraction=0.1, seed=1))
    assert not january().equals(load_flights([1], fraction=0.1, seed=2))
    assert 2500 < len(january()) < 2800


def test_a_fifth_of_january_was_late_and_weather_is_rarely_missing() -> None:
    flights = january()
    assert set(flights[TARGET]) == {0, 1}
    assert 0.15 < flights[TARGET].mean() < 0.3
    assert flights["temp"].isna().mean() < 0.02
    assert 0.02 < flights["pressure"].isna().mean() < 0.2


def test_every_flight_is_a_valid_request() -> None:
    rows = january()[list(FEATURES)].head(500).astype(object)
    body = to_json({"instances": rows.where(rows.notna(), None).to_dict("records")})
    assert RequestReader(DEFINITION).read(body).size == 500


def test_plausible_ranges_hold_for_the_whole_year() -> None:
    flights = load_flights()
    for name, feature in DEFINITION.features.items():
        if feature.min is not None and feature.max is not None:
            assert flights[name].dropna().between(feature.min, feature.max).all(), name
        if not feature.nullable:
            assert flights[name].notna().all(), name


def test_the_estimator_learns_and_can_be_exported() -> None:
    flights = january()
    table = pa.Table.from_pandas(flights, preserve_index=False)
    estimator = load_trainer(FOLDER)(flights[list(FEATURES)], flights[TARGET])
    predicted = estimator.predict(flights[list(FEATURES)])
    assert np.mean(predicted == flights[TARGET]) > 0.75
    bundle = export_bundle(estimator, DEFINITION, to_columns(DEFINITION, table), "1")
    assert bundle.signature.classes == ("0", "1")
    assert bundle.signature.class_type == "integer"
