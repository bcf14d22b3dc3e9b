"""The quick reader takes what the careful one takes, value for value, and leaves it the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.capture.request_log import RequestLogWriter
from evergreen.errors import RequestError
from evergreen.serving.quick_rows import QuickReader
from evergreen.serving.requests import RequestReader
from tests.support.fixed_clock import NOW
from tests.unit.evergreen.serving.test_requests import (
    DEFINITION,
    FEATURES,
    GOOD,
    any_value,
    fitting,
    same,
)

if TYPE_CHECKING:
    from evergreen.serving.requests import PredictionRequest

READER = RequestReader(DEFINITION)
QUICK = QuickReader(FEATURES)

some_rows = st.lists(
    fitting | st.fixed_dictionaries(dict.fromkeys(FEATURES, any_value)), min_size=1, max_size=4
)


def read_or_refused(key: str, rows: Any, **more: Any) -> PredictionRequest | list[tuple[str, str]]:
    """Only ``inputs`` is never read quickly."""
    try:
        return READER.read(json.dumps({key: rows, **more}).encode())
    except RequestError as error:
        return [(each.path.replace("inputs[", "instances["), each.message) for each in error.fields]


@given(some_rows)
def test_both_readers_take_the_same_and_refuse_the_same(rows: Any) -> None:
    quick, careful = read_or_refused("instances", rows), read_or_refused("inputs", rows)
    if isinstance(quick, list) or isinstance(careful, list):
        assert quick == careful
        return
    assert same(quick.columns, careful.columns)
    # 1, 1.0 and true are equal, and as texts they differ.
    assert [repr([*each]) for each in quick.written.values()] == [
        repr([*each]) for each in careful.written.values()
    ]


@pytest.mark.parametrize(
    "more", [{"id": "a"}, {"metadata": {"a": [1, None]}}, {"params": {"b": 1}}]
)
def test_what_stands_beside_the_rows_is_read_too(more: dict[str, Any]) -> None:
    quick = read_or_refused("instances", [GOOD], **more)
    careful = read_or_refused("inputs", [GOOD], **more)
    assert not isinstance(quick, list)
    assert not isinstance(careful, list)
    assert quick.rows is not None
    assert careful.rows is None
    assert (quick.id, quick.metadata, quick.warnings) == (
        careful.id,
        careful.metadata,
        careful.warnings,
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [',
        b'{"instances": []}',
        b'{"instances": null}',
        b"{}",
        b'{"instances": [{"weight": NaN}]}',
        json.dumps({"instances": [GOOD], "dataframe_records": [GOOD]}).encode(),
        json.dumps({"instances": [GOOD], "inputs": [GOOD]}).encode(),
        json.dumps({"instances": [GOOD | {"other": 1}]}).encode(),
        json.dumps({"instances": [[1, 2]]}).encode(),
        json.dumps({"instances": [GOOD | {"new": 1}]}).encode(),
        json.dumps({"instances": [{**GOOD, "place": "\ud800"}]}).encode(),
        b'{"instances": [' + json.dumps(GOOD).encode() + b'], "metadata": {"a": 1e}}',
    ],
)
def test_the_rest_is_left_to_the_careful_reader(body: bytes) -> None:
    assert QUICK.read(body) is None


@pytest.mark.parametrize("redact", [(), ("kind", "weight")])
def test_a_record_is_the_same_from_objects_and_from_columns(redact: tuple[str, ...]) -> None:
    log = DEFINITION.request_log.model_copy(update={"redact": redact})
    writer = RequestLogWriter(DEFINITION.model_copy(update={"request_log": log}))
    request = READER.read(json.dumps({"dataframe_records": [GOOD, GOOD]}).encode())
    assert request.rows is not None
    about: dict[str, Any] = {
        "timestamp": NOW,
        "request_id": "r",
        "model_version": "1",
        "written": request.written,
        "outputs": [1.0, 2.0],
        "confidences": None,
        "metadata": {},
    }
    lines = writer.lines(**about, rows=request.rows)
    assert lines == writer.lines(**about)
    assert json.loads(lines.splitlines()[0])["input_data"].keys() == FEATURES.keys() - {*redact}


def test_names_that_are_no_names_in_python() -> None:
    names = ["wind speed", "class", "räume", "__init__", "feature_1", "x" * 200]
    row = {name: float(place) for place, name in enumerate(names)}
    feature = FEATURES["weight"]
    read = QuickReader(dict.fromkeys(names, feature)).read(
        json.dumps({"instances": [row]}).encode()
    )
    assert read is not None
    assert read.columns == {name: (value,) for name, value in row.items()}


def test_a_second_form_that_is_null_is_still_a_second_form() -> None:
    body = json.dumps({"instances": [GOOD], "dataframe_records": None}).encode()
    with pytest.raises(RequestError) as refused:
        RequestReader(DEFINITION).read(body)
    assert "exactly one of" in refused.value.fields[0].message
