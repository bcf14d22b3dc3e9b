"""Files of ground truth: every format gives the same records, and a bad line stops no other."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evergreen.bundle.content import Signature
from evergreen.capture.label_files import MAX_LINE_BYTES, FilePlace, LabelFile, LabelFileError
from evergreen.capture.label_values import LabelLines
from evergreen.errors import FieldError
from evergreen.model_definition import ModelDefinition

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONE = "6f2c1a34-0d8e-4f0c-9a56-2b1f7c3d9e80"
TWO = "0d8e6f2c-1a34-4f0c-9a56-9e802b1f7c3d"
WHEN = datetime(2025, 12, 31, 8, tzinfo=UTC)
TEXT_WHEN = "2025-12-31T08:00:00.000000Z"
INTEGERS = ("classification", ("0", "1"), "integer")
BOOLEANS = ("classification", ("False", "True"), "boolean")
STRINGS = ("classification", ("late", "in time"), "string")
NUMBERS = ("regression", None, "string")


def _lines(kind: Any, file: LabelFile) -> LabelLines:
    task, classes, class_type = kind
    definition = ModelDefinition.model_validate(
        {"name": "m", "task": task, "target": "y", "features": {"a": {"type": "float"}}}
    )
    signature = Signature(
        task=task, target="y", features=(), classes=classes, class_type=class_type
    )

    def request_id(caller: str) -> str:
        if caller != "order-7":
            raise ValueError("no logged request has this id")
        return TWO

    return LabelLines(
        definition, signature, file.columns, is_text=file.is_text, request_id=request_id
    )


def read(file: LabelFile, kind: Any = INTEGERS, place: FilePlace = FilePlace()) -> list[Any]:  # noqa: B008
    """Return ``(request, row, label, observed_at)`` of a record, ``(line, field)`` of a fault."""
    lines = _lines(kind, file)
    return [
        (line.number, found.path)
        if isinstance(found, FieldError)
        else (found["request_id"], found["row"], found["label"], found["observed_at"])
        for line in file.lines(place)
        for found in lines.read(line.content, NOW)
    ]


def _write(path: Path, text: str | bytes) -> LabelFile:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return LabelFile(path)


def _csv(path: Path, *lines: str) -> LabelFile:
    return _write(path / "f", "\n".join(("request_id,row,label,observed_at", *lines)))


def _parquet(path: Path, **columns: Any) -> LabelFile:
    pq.write_table(pa.table(columns), path / "f", row_group_size=2)
    return LabelFile(path / "f")


def test_csv_parquet_and_json_lines_give_the_same(tmp_path: Path) -> None:
    items = [
        {"request_id": ONE, "row": 3, "label": 1, "observed_at": "2025-12-31T09:00:00+01:00"},
        {"request_id": TWO, "label": 0},
    ]
    document = _write(tmp_path / "j", "".join(json.dumps(item) + "\n\n" for item in items))
    expected = [(ONE, 3, 1, TEXT_WHEN), (TWO, 0, 0, "2026-01-01T00:00:00.000000Z")]
    assert read(document) == expected
    assert read(_csv(tmp_path, f"{ONE},3,1,2025-12-31T09:00:00+01:00", f"{TWO},,0,")) == expected
    columns = {"request_id": [ONE, TWO], "row": [3.0, None], "label": [1, 0]}
    assert read(_parquet(tmp_path, **columns, observed_at=[WHEN, None])) == expected


@pytest.mark.parametrize(
    ("kind", "text", "label"),
    [
        (INTEGERS, "1", 1),
        (INTEGERS, " 1.0", 1),
        (INTEGERS, "-7", -7),
        (INTEGERS, "1.5", None),
        (INTEGERS, "late", None),
        (BOOLEANS, "true", True),
        (BOOLEANS, "False", False),
        (BOOLEANS, "Yes", True),
        (BOOLEANS, "nein", False),
        (BOOLEANS, "1", None),
        (STRINGS, "late", "late"),
        (STRINGS, "7", "7"),
        (NUMBERS, "12", 12.0),
        (NUMBERS, "-1.5e3", -1500.0),
        (NUMBERS, "nan", None),
        (NUMBERS, "1e400", None),
        (NUMBERS, "1_000", None),
        (NUMBERS, "many", None),
        (NUMBERS, "", None),
    ],
)
def test_text_is_read_as_the_models_type_or_refused(
    tmp_path: Path, kind: Any, text: str, label: object
) -> None:
    [found] = read(_csv(tmp_path, f"{ONE},0,{text},"), kind)
    assert found == ((2, "label") if label is None else (ONE, 0, label, found[-1]))
    assert label is None or type(found[2]) is type(label)


@pytest.mark.parametrize(
    ("kind", "values", "label"),
    [
        (INTEGERS, [1.0, None], 1),
        (BOOLEANS, [True, None], True),
        (BOOLEANS, [1, None], None),
        (STRINGS, pa.array(["late", None]).dictionary_encode(), "late"),
        (NUMBERS, [Decimal("1.5"), None], 1.5),
        (NUMBERS, [float("nan"), None], None),
        (NUMBERS, ["12", None], None),
    ],
)
def test_values_of_parquet_keep_their_type(
    tmp_path: Path, kind: Any, values: Any, label: object
) -> None:
    first, second = read(_parquet(tmp_path, request_id=[ONE, TWO], label=values), kind)
    assert second == (2, "label")
    assert first == ((1, "label") if label is None else (ONE, 0, label, first[-1]))


def test_a_time_without_a_zone_is_refused(tmp_path: Path) -> None:
    naive = [WHEN.replace(tzinfo=None)]
    assert read(_parquet(tmp_path, request_id=[ONE], label=[1], observed_at=naive)) == [
        (1, "observed_at")
    ]


@pytest.mark.parametrize(
    "bad",
    [
        ONE.encode() + b",0",
        ONE.encode() + b",0,\xff,",
        ONE.encode() + b",0,1,yesterday",
        b'"' + ONE.encode() + b"\n,0,1,",
        b"not-an-id,0,1,",
        b"x" * 300_000 + b",0,1,",
    ],
)
def test_a_bad_line_of_csv_is_refused_with_its_number(tmp_path: Path, bad: bytes) -> None:
    good = f"{TWO},0,1,\n".encode()
    quote = b'"' * bad.startswith(b'"')
    header = b"request_id,row,label,observed_at\n"
    found = read(_write(tmp_path / "f", header + good + bad + quote + b"\n" + good))
    assert [each[0] for each in found] == [TWO, 3, TWO]


def test_a_quote_that_is_never_closed_is_refused(tmp_path: Path) -> None:
    found = read(_csv(tmp_path, f"{TWO},0,1,", f'"{ONE},0,1,', f"{TWO},0,1,"))
    assert [each[0] for each in found] == [TWO, 3]


@pytest.mark.parametrize(
    "bad",
    [
        b"{",
        b"7",
        b'{"request_id": NaN}',
        b'{"label": "\\ud800"}',
        b"[" * 100_000,
        b'{"label": 1, "label": 0}',
        b'{"label": "' + b"x" * (3 * MAX_LINE_BYTES) + b'"}',
        b'{"label": "\xff"}',
    ],
)
def test_a_bad_line_of_json_is_refused_with_its_number(tmp_path: Path, bad: bytes) -> None:
    good = json.dumps({"request_id": ONE, "label": 1}).encode() + b"\n"
    found = read(_write(tmp_path / "f", good + bad + b"\n" + good))
    assert [each[0] for each in found] == [ONE, 2, ONE]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_reading_goes_on_at_any_place(tmp_path: Path, form: str) -> None:
    ids = [f"6f2c1a34-0d8e-4f0c-9a56-2b1f7c3d9e{number:02d}" for number in range(7)]
    if form == "parquet":
        file = _parquet(tmp_path, request_id=ids, label=[1] * 7)
    elif form == "csv":
        file = _write(tmp_path / "f", 'label,request_id,x\n1,"' + '","a\nb"\n1,"'.join(ids) + '",')
    else:
        file = _write(tmp_path / "f", "\r\n".join(f'{{"request_id":"{i}","label":1}}' for i in ids))
    places = [FilePlace(), *(line.after for line in file.lines(FilePlace()))]
    assert places[-1].at == file.size
    for number, place in enumerate(places):
        assert [found[0] for found in read(file, place=place)] == ids[number:]
        assert [line.after for line in file.lines(place)] == places[number + 1 :]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_columns_are_found_by_their_names(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "f"
    rows = (("arr_late", "flight", "order"), ("1", "UA 1", "order-7"), ("0", "x", "order-8"))
    path.write_text("\ufeff" + "\r\n".join(delimiter.join(row) for row in rows))
    file = LabelFile(path, {"label": "arr_late", "id": "order"})
    assert read(file) == [(TWO, 0, 1, "2026-01-01T00:00:00.000000Z"), (3, "order")]
    assert file.ignored == ("flight",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("request_id,late\n", "no column label; its columns are request_id, late"),
        ("label,late\n", "no column request_id or id"),
        ("label,label,id\n", "has label twice"),
        ("", "no column label"),
        ("label\xff".encode("latin-1"), "UTF-8"),
        ('\n[{"label": 1}]', "one JSON list"),
        ("PAR1PAR1", "not Parquet"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_refused(
    tmp_path: Path, text: str | bytes, says: str
) -> None:
    with pytest.raises(LabelFileError, match=says):
        _write(tmp_path / "f", text)


def _event(data: object, encoding: str, event: object = ONE) -> dict[str, Any]:
    return {
        "groundTruthData": {"data": data, "encoding": encoding},
        "eventMetadata": {"eventId": event},
        "eventVersion": "0",
    }


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """As of `evergreen labels import MODEL <(command)`: reading could not go on in its middle."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LabelFileError, match=r"is no file on disk\. Write it to one first"):
        LabelFile(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (_event("1", "CSV"), [(ONE, 0, 1)]),
        (_event("1\n0\n", "CSV"), [(ONE, 0, 1), (ONE, 1, 0)]),
        (_event("[1, 0]", "JSON"), [(ONE, 0, 1), (ONE, 1, 0)]),
        (_event([1, 0], "JSON"), [(ONE, 0, 1), (ONE, 1, 0)]),
        (_event(1, "JSON", "order-7"), [(TWO, 0, 1)]),
        (_event(1, "JSON", "order-9"), [(1, "id")]),
        (_event(1, "JSON", 9), [(1, "request_id")]),
        (_event("1,0", "CSV"), [(1, "groundTruthData.data")]),
        (_event("{", "JSON"), [(1, "groundTruthData.data")]),
        (_event("MQ==", "BASE64"), [(1, "groundTruthData.encoding")]),
        ({"groundTruthData": 1}, [(1, "groundTruthData")]),
    ],
)
def test_sagemakers_lines_are_read(tmp_path: Path, event: Any, found: list[Any]) -> None:
    file = _write(tmp_path / "f", json.dumps(event))
    assert [each[:3] for each in read(file)] == found
