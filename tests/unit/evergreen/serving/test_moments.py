"""A moment in a request gives the model what a data file's moments gave it in training."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.bundle.content import Signature
from evergreen.bundle.served import served_definition
from evergreen.capture.request_log import RequestLogWriter
from evergreen.datasets.schema import normalise, to_columns
from evergreen.errors import EvergreenError, RequestError
from evergreen.model_definition import ModelDefinition
from evergreen.serving.readers import request_reader
from evergreen.training.trained_features import trained_feature

ALL = ("hour", "minute_of_day", "weekday", "day", "month", "day_of_year", "year", "age_days")
VALUES: dict[str, Any] = {
    "name": "ticket",
    "task": "regression",
    "target": "days",
    "features": {
        "size": {"type": "float"},
        "opened": {"type": "timestamp", "derive": list(ALL), "nullable": True},
    },
}
DEFINITION = ModelDefinition.model_validate(VALUES)
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
READER = request_reader(DEFINITION, clock=lambda: NOW)
MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2090, 1, 1))  # noqa: DTZ001 - zones below
ZONES = st.one_of(
    st.none(), st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
)


def read(*opened: str | None) -> Any:
    rows = [{"size": 1.5, "opened": text} for text in opened]
    return READER.read(json.dumps({"instances": rows}).encode())


def test_the_model_sees_the_parts_in_utc() -> None:
    request = read("2026-03-01T01:30:00+02:00", None, "2026-06-30")
    assert list(request.columns) == ["size", *(f"opened_{part}" for part in ALL)]
    first = [float(request.columns[f"opened_{part}"][0]) for part in ALL[:-1]]
    assert first == [23, 23 * 60 + 30, 5, 28, 2, 59, 2026]
    assert request.columns["opened_age_days"].tolist()[2] == 1.5
    assert all(np.isnan(request.columns[f"opened_{part}"][1]) for part in ALL)
    assert [*DEFINITION.inputs] == ["size", "opened"]
    assert DEFINITION.features["opened_hour"].max == 23


@given(moment=MOMENTS, zone=ZONES)
def test_training_and_serving_derive_the_same(moment: datetime, zone: timezone | None) -> None:
    moment = moment.replace(tzinfo=zone)
    text = moment.isoformat()
    utc = moment.replace(tzinfo=UTC) if zone is None else moment.astimezone(UTC)
    served = read(text).columns
    for values in ([text], [utc], [utc.replace(tzinfo=None)]):
        table = pa.table({"size": [1.5], "opened": values, "timestamp": [NOW]})
        trained = to_columns(DEFINITION, table)
        for name, column in trained.items():
            assert column.tolist() == served[name].tolist()


def test_every_form_of_request_takes_moments_or_what_is_derived() -> None:
    text = "2026-03-01T01:30:00Z"
    expected = read(text).columns
    body = {"inputs": {"size": [1.5], "opened": [text]}}
    csv = f"size,opened\n1.5,{text}\n".encode()
    tensors = [
        {"name": "size", "shape": [1], "datatype": "FP64", "data": [1.5]},
        {"name": "opened", "shape": [1], "datatype": "BYTES", "data": [text]},
    ]
    derived = {name: float(values[0]) for name, values in expected.items()}
    found = [
        READER.read(json.dumps(body).encode()),
        READER.read_csv(csv),
        READER.read_json_lines(json.dumps({"size": 1.5, "opened": text}).encode()),
        READER.read_open_inference(json.dumps({"inputs": tensors}).encode()),
        READER.read(json.dumps({"instances": [derived]}).encode()),
        *(
            READER.read(json.dumps({"instances": [row | {"hue": 1}]}).encode(), ignore_others=True)
            for row in (derived, {"size": 1.5, "opened": text})
        ),
    ]
    for request in found:
        assert {n: v.tolist() for n, v in request.columns.items()} == {
            n: v.tolist() for n, v in expected.items()
        }


@pytest.mark.parametrize("wrong", ["yesterday", "2026-13-01", 1772329800, ""])
def test_what_is_no_moment_is_refused_by_its_place(wrong: object) -> None:
    rows = [{"size": 1, "opened": "2026-03-01"}, {"size": 1, "opened": wrong}]
    if wrong == "":
        assert READER.read(json.dumps({"instances": rows}).encode()).size == 2
        return
    with pytest.raises(RequestError) as refused:
        READER.read(json.dumps({"instances": rows}).encode())
    [fault] = refused.value.fields
    assert fault.path == "instances[1].opened"
    assert "2026-03-01T12:00:00Z" in fault.message


def test_the_log_has_the_moment_and_its_parts_unless_it_is_redacted() -> None:
    request = read("2026-03-01T01:30:00Z")
    about: dict[str, Any] = {
        "timestamp": NOW,
        "request_id": "r",
        "model_version": "1",
        "outputs": [1.0],
        "confidences": None,
        "metadata": {},
    }
    line = RequestLogWriter(DEFINITION).lines(written=request.written, rows=request.rows, **about)
    logged = json.loads(line)["input_data"]
    assert (logged["opened"], logged["opened_hour"]) == ("2026-03-01T01:30:00Z", 1)
    values = VALUES | {"request_log": {"redact": ["opened"]}}
    redacted = ModelDefinition.model_validate(values)
    columns = {name: np.zeros(3, np.float32) for name in redacted.features}
    signature = Signature(
        task="regression",
        target="days",
        features=tuple(trained_feature(redacted, name, columns) for name in redacted.features),
    )
    served = served_definition(redacted, signature)
    assert served.inputs == redacted.inputs
    line = RequestLogWriter(served).lines(written=request.written, rows=request.rows, **about)
    assert json.loads(line)["input_data"] == {"size": 1.5}


def test_a_data_set_has_the_parts_and_a_wrong_text_is_named() -> None:
    times = [NOW, NOW + timedelta(days=1)]
    table = pa.table(
        {
            "size": [1.0, 2.0],
            "opened": ["2026-06-30", None],
            "days": [1.0, 2.0],
            "timestamp": times,
            "split": ["train"] * 2,
        }
    )
    rows = normalise(DEFINITION, table)
    assert rows["opened_age_days"].to_pylist() == [1.5, None]
    assert normalise(DEFINITION, rows) == rows
    wrong = table.set_column(1, "opened", pa.array(["2026-06-30", "soon"]))
    with pytest.raises(EvergreenError, match=r"ticket\.opened: 'soon' in row 2 is no timestamp"):
        normalise(DEFINITION, wrong)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ({"type": "timestamp"}, "needs derive"),
        ({"type": "timestamp", "derive": ["hours"]}, "'hour', 'minute_of_day'"),
        ({"type": "timestamp", "derive": ["hour", "hour"]}, "names one twice"),
        ({"type": "float", "derive": ["hour"]}, "no meaning for a float"),
        ({"type": "timestamp", "derive": ["hour"], "min": 3}, "min and max have no meaning"),
        ({"type": "datetime"}, "write 'timestamp'"),
    ],
)
def test_a_mistake_is_named(feature: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelDefinition.model_validate(VALUES | {"features": {"opened": feature}})


def test_names_and_dumps_of_derived_features() -> None:
    features = {**VALUES["features"], "opened_hour": {"type": "integer"}}
    with pytest.raises(ValueError, match="'opened_hour' is also derived from 'opened'"):
        ModelDefinition.model_validate(VALUES | {"features": features})
    moment = {"timestamp": VALUES["features"]["opened"]}
    with pytest.raises(ValueError, match="columns of the request log"):
        ModelDefinition.model_validate(VALUES | {"features": moment})
    again = ModelDefinition.model_validate(DEFINITION.model_dump(exclude_none=True))
    assert again == DEFINITION
