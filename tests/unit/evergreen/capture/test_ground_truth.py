"""Ground truth becomes records, or is refused with the path of each fault."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.bundle.content import Signature
from evergreen.capture.ground_truth import MAX_LABELS, label_records, parse_labels
from evergreen.capture.request_log import MAX_ROWS, is_request_id, new_request_id
from evergreen.errors import MAX_FIELD_ERRORS, RequestError
from evergreen.lake.lines import LineReader
from evergreen.lake.tables import LABELS
from evergreen.model_definition import GroundTruth, ModelDefinition
from tests.support.log_records import encode

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KNOWN = "6f2c1a34-0d8e-4f0c-9a56-2b1f7c3d9e80"


TASKS = ("classification", "regression")


def _definition(task: str) -> ModelDefinition:
    features = {"a": {"type": "float"}}
    return ModelDefinition.model_validate(
        {"name": "m", "task": task, "target": "y", "features": features}
    )


def _read(body: object, task: str = "classification") -> list[dict[str, Any]]:
    return label_records(body, definition=_definition(task), timestamp=NOW)


def test_defaults_are_the_first_row_and_now() -> None:
    assert _read([{"request_id": KNOWN, "label": 1}]) == [
        {
            "timestamp": "2026-01-01T00:00:00.000000Z",
            "request_id": KNOWN,
            "row": 0,
            "model": "m",
            "label": 1,
            "observed_at": "2026-01-01T00:00:00.000000Z",
        }
    ]


def test_observed_at_is_kept_in_utc() -> None:
    item = {"request_id": KNOWN, "row": 2, "label": 3.5, "observed_at": "2026-01-01T02:00:00+02:00"}
    [record] = _read([item], "regression")
    assert record["observed_at"] == "2026-01-01T00:00:00.000000Z"
    assert record["label"] == 3.5


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ({"label": 1}, "$[1].request_id"),
        ({"request_id": "", "label": 1}, "$[1].request_id"),
        ({"request_id": "my-order-17", "label": 1}, "$[1].request_id"),
        ({"request_id": KNOWN.upper(), "label": 1}, "$[1].request_id"),
        ({"request_id": "x" * 10**6, "label": 1}, "$[1].request_id"),
        ({"request_id": KNOWN}, "$[1].label"),
        ({"request_id": KNOWN, "label": ""}, "$[1].label"),
        ({"request_id": KNOWN, "label": None}, "$[1].label"),
        ({"request_id": KNOWN, "label": [1]}, "$[1].label"),
        ({"request_id": KNOWN, "label": "x" * 257}, "$[1].label"),
        ({"request_id": KNOWN, "label": 2**63}, "$[1].label"),
        ({"request_id": KNOWN, "label": 1, "row": 2**63}, "$[1].row"),
        ({"request_id": KNOWN, "label": 1, "row": 10**400}, "$[1].row"),
        ({"request_id": KNOWN, "label": 1, "row": MAX_ROWS}, "$[1].row"),
        ({"request_id": KNOWN, "label": 1, "row": 0.7}, "$[1].row"),
        ({"request_id": KNOWN, "label": 1, "row": None}, "$[1].row"),
        ({"request_id": KNOWN, "label": 1, "row": "0"}, "$[1].row"),
        ({"request_id": KNOWN, "label": 1.5}, "$[1].label"),
        ({"request_id": KNOWN, "label": 1, "row": -1}, "$[1].row"),
        ({"request_id": KNOWN, "label": 1, "row": True}, "$[1].row"),
        ({"request_id": KNOWN, "label": 1, "observed_at": "yesterday"}, "$[1].observed_at"),
        ({"request_id": KNOWN, "label": 1, "observed_at": 5}, "$[1].observed_at"),
        (
            {"request_id": KNOWN, "label": 1, "observed_at": "0001-01-01T00:00:00+14:00"},
            "$[1].observed_at",
        ),
        (
            {"request_id": KNOWN, "label": 1, "observed_at": "9999-12-31T23:59:59-14:00"},
            "$[1].observed_at",
        ),
        (
            {"request_id": KNOWN, "label": 1, "observed_at": "1970-01-01T00:00:00Z"},
            "$[1].observed_at",
        ),
        (
            {"request_id": KNOWN, "label": 1, "observed_at": "2026-01-03T00:00:00Z"},
            "$[1].observed_at",
        ),
        ({"request_id": KNOWN, "label": 1, "observed_at": "2" * 10**6}, "$[1].observed_at"),
        ({"request_id": KNOWN, "label": 1, "colour": "red"}, "$[1].colour"),
        ("r", "$[1]"),
    ],
)
def test_a_fault_is_named_by_path(item: object, path: str) -> None:
    with pytest.raises(RequestError) as caught:
        _read([{"request_id": KNOWN, "label": 0}, item])
    assert caught.value.status == 422
    assert [fault.path for fault in caught.value.fields] == [path]


@pytest.mark.parametrize("body", [{}, [], None, "x"])
def test_only_a_list_will_do(body: object) -> None:
    with pytest.raises(RequestError) as caught:
        _read(body)
    assert caught.value.status == 422
    assert caught.value.fields[0].message.startswith("must be a list of at least one object")


def test_text_is_no_number() -> None:
    with pytest.raises(RequestError, match="label"):
        _read([{"request_id": KNOWN, "label": "12"}], "regression")


@pytest.mark.parametrize(
    "label", [float("nan"), float("inf"), -float("inf"), 1.7976931348623157e308, 10**400, True]
)
def test_a_number_whose_error_could_not_be_squared_is_refused(label: float) -> None:
    with pytest.raises(RequestError, match=r"\$\[0\]\.label"):
        _read([{"request_id": KNOWN, "label": label}], "regression")


@pytest.mark.parametrize(
    ("class_type", "classes", "right", "wrong"),
    [
        ("boolean", ("False", "True"), [True, False, "True"], [1, 0, "yes", "1"]),
        ("integer", ("0", "1"), [0, 1, 7, "1"], [True, "late"]),
        ("string", ("late", "1"), ["late", "never seen", 1], [0, True]),
    ],
)
def test_a_label_of_another_type_than_the_models_classes_is_refused(
    class_type: Any, classes: tuple[str, ...], right: list[Any], wrong: list[Any]
) -> None:
    signature = Signature(
        task="classification", target="y", features=(), classes=classes, class_type=class_type
    )

    def read(label: object) -> list[dict[str, Any]]:
        return label_records(
            [{"request_id": KNOWN, "label": label}],
            definition=_definition("classification"),
            timestamp=NOW,
            signature=signature,
        )

    for label in right:
        assert read(label)[0]["label"] is label
    for label in wrong:
        with pytest.raises(RequestError) as caught:
            read(label)
        (fault,) = caught.value.fields
        assert fault.path == "$[0].label"
        assert fault.message.endswith("as the model's classes are")


@pytest.mark.parametrize(
    ("task", "truth", "right", "wrong"),
    [
        ("classification", {"classes": [True, False]}, [True, "False"], [1, 0, "banana"]),
        ("classification", {"classes": ["late", "1"]}, ["late", 1], ["LATE", "", True]),
        ("regression", {"min": -1, "max": 1e9}, [-1, 0.5, 1e9], [-1.01, 1e10, 1e30]),
        ("regression", {"max": 5}, [-1e30, 5], [6]),
    ],
)
def test_a_label_that_cannot_be_right_is_refused(
    task: str, truth: dict[str, Any], right: list[Any], wrong: list[Any]
) -> None:
    definition = _definition(task).model_copy(
        update={"ground_truth": GroundTruth.model_validate(truth)}
    )

    def read(label: object) -> list[dict[str, Any]]:
        items = [{"request_id": KNOWN, "label": label}]
        return label_records(items, definition=definition, timestamp=NOW)

    for label in right:
        assert read(label)[0]["label"] is label
    for label in wrong:
        with pytest.raises(RequestError) as caught:
            read(label)
        (fault,) = caught.value.fields
        assert (fault.path, fault.message[:4]) == ("$[0].label", "must")


def test_a_key_that_stands_twice_is_named() -> None:
    body = b'[{"request_id": "%b", "label": 1, "label": 0}]' % KNOWN.encode()
    with pytest.raises(RequestError) as caught:
        _read(parse_labels(body))
    assert [fault.path for fault in caught.value.fields] == ["$[0].label"]


def test_every_fault_of_a_request_is_named_and_nothing_is_taken() -> None:
    items = [
        {"request_id": KNOWN, "label": 1},
        {"request_id": "mine", "label": None, "row": -1, "observed_at": 5},
        {"request_id": KNOWN, "label": 1, "row": 2**63},
    ]
    with pytest.raises(RequestError) as caught:
        _read(items)
    assert [fault.path for fault in caught.value.fields] == [
        *("$[1].request_id", "$[1].row", "$[1].label", "$[1].observed_at"),
        "$[2].row",
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
items = st.fixed_dictionaries(
    {},
    optional={
        "request_id": st.uuids().map(str) | json_values,
        "row": st.integers() | json_values,
        "label": json_values,
        "observed_at": st.datetimes().map(datetime.isoformat) | json_values,
    },
)


@given(st.lists(items | json_values, max_size=3) | json_values, st.sampled_from(TASKS))
def test_whatever_is_sent_is_taken_as_a_whole_or_refused(body: Any, task: str) -> None:
    refusal: RequestError | None = None
    records: list[dict[str, Any]] = []
    try:
        records = _read(body, task)
    except RequestError as error:
        refusal = error
    assert refusal is None or (refusal.status == 422 and refusal.fields)
    assert refusal is not None or len(records) == len(body)
    for line in map(encode, records):
        assert LineReader(LABELS, _definition(task)).read([("key", line)])[0].num_rows == 1


@given(st.text())
def test_only_our_own_form_is_a_request_id(text: str) -> None:
    assert is_request_id(new_request_id())
    assert not is_request_id(text)


def test_limits() -> None:
    with pytest.raises(RequestError) as caught:
        _read([{"request_id": KNOWN, "label": 1}] * (MAX_LABELS + 1))
    assert caught.value.status == 413
    with pytest.raises(RequestError) as caught:
        _read([{}] * 1000)
    assert len(caught.value.fields) == MAX_FIELD_ERRORS
