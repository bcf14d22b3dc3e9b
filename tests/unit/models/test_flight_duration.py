"""The regression example's data and estimator; its whole story is told by the end-to-end test."""

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
from evergreen.datasets.schema import to_columns
from evergreen.model_definition import load_definition
from evergreen.serving.requests import RequestReader
from evergreen.training.mlflow_model import own_types
from evergreen.training.onnx_export import export_bundle
from evergreen.training.trainer import load_trainer, to_features
from models.flight_duration.data import FEATURES, TARGET, TIME
from models.flight_duration.data import load as load_flights

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = MODELS / "flight_duration"
DEFINITION = load_definition(FOLDER)
# MLflow warns about its own type hints while it is being imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")


@cache
def january() -> pd.DataFrame:
    return load_flights([1], fraction=0.1)


def test_the_data_are_encoded_as_the_definition_says() -> None:
    flights = january()
    assert list(flights.columns) == [*DEFINITION.features, TARGET, TIME]
    table = pa.Table.from_pandas(flights, preserve_index=False)
    pd.testing.assert_frame_equal(to_features(DEFINITION, table), flights[list(FEATURES)])


def test_flights_come_in_time_order_of_the_months_asked_for() -> None:
    flights = january()
    assert flights[TIME].is_monotonic_increasing
    local = flights[TIME].dt.tz_convert("America/New_York")
    assert set(local.dt.month) == {1}
    assert (flights["departure_minute"] == local.dt.hour * 60 + local.dt.minute).all()
    assert flights[TARGET].between(15, 700).all()


def test_every_flight_is_a_valid_request() -> None:
    rows = january()[list(FEATURES)].head(300).astype(object)
    assert RequestReader(DEFINITION).read(to_json({"instances": rows.to_dict("records")})).size


def test_the_estimator_learns_and_can_be_exported_and_saved(tmp_path: Path) -> None:
    flights = january()
    table = pa.Table.from_pandas(flights, preserve_index=False)
    features = flights[list(FEATURES)]
    estimator = load_trainer(FOLDER)(features, flights[TARGET])
    predicted = estimator.predict(features)
    assert np.sqrt(np.mean((predicted - flights[TARGET]) ** 2)) < 15
    assert flights[TARGET].std() > 60
    bundle = export_bundle(estimator, DEFINITION, to_columns(DEFINITION, table), "1")
    assert bundle.signature.classes is None
    dump(estimator, tmp_path / "model.skops")
    again = load(tmp_path / "model.skops", trusted=own_types(estimator, DEFINITION.name))
    assert np.array_equal(again.predict(features), predicted)
