"""Rows as text: CSV with and without a header, and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.errors import RequestError
from evergreen.serving.request_forms import ABSENT
from evergreen.serving.text_rows import read_csv, read_json_lines, typed

TYPES = {"wind": "float", "stops": "integer", "line": "category", "express": "boolean"}
VALUES = st.tuples(
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.integers(-(2**53), 2**53),
    st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    st.none() | st.booleans(),
)


def as_csv(rows: list[tuple[Any, ...]], header: list[str] | None) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


@given(st.lists(VALUES, min_size=1, max_size=5), st.booleans())
def test_rows_read_back_as_they_were_written(rows: list[tuple[Any, ...]], header: bool) -> None:
    table = read_csv(as_csv(rows, list(TYPES) if header else None), TYPES, header=header)
    assert table.size == len(rows)
    assert list(zip(*table.columns.values(), strict=True)) == rows


def test_a_header_is_known_by_the_name_of_any_feature_and_gives_the_order() -> None:
    table = read_csv("\ufeffexpress, line\nTrue,U1\n0,\n".lstrip("\ufeff"), TYPES)
    assert table.columns["express"] == [True, False]
    assert table.columns["line"] == ["U1", None]
    assert table.columns["wind"] == [ABSENT, ABSENT]
    assert table.path(1, "line") == "line 3, line"
    assert read_csv("1,2,U1,true", TYPES).path(0, "line") == "line 1, line"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("", "float", None),
        ("NaN", "float", None),
        (" 1.5 ", "float", 1.5),
        ("1,5", "float", "1,5"),
        ("12", "integer", 12),
        ("9007199254740993", "integer", 9007199254740993),
        ("12.0", "integer", 12.0),
        ("twelve", "integer", "twelve"),
        ("TRUE", "boolean", True),
        ("0", "boolean", False),
        ("yes", "boolean", "yes"),
        ("1_000", "integer", "1_000"),
        (" a", "category", " a"),
    ],
)
def test_a_text_is_read_as_the_type_of_its_feature(text: str, kind: str, value: object) -> None:
    found = typed(text, kind)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "$"),
        ("wind,stops,line,colour\n1,2,a,b", "line 1, colour"),
        ("wind,wind\n1,2", "line 1, wind"),
        ("1,2,a,true\n1,2", "line 2"),
    ],
)
def test_lines_that_are_no_rows_are_refused_with_their_place(text: str, path: str) -> None:
    with pytest.raises(RequestError) as refused:
        read_csv(text, TYPES)
    assert refused.value.fields[0].path == path


def test_columns_that_are_no_features_can_be_passed_over() -> None:
    table = read_csv("wind,colour\n1,red", TYPES, ignore_others=True)
    assert (table.ignored, table.columns["wind"]) == (("colour",), [1.0])


def test_a_text_may_be_long_and_have_any_character() -> None:
    text = "U1\u2028\x85" + "x" * 200_000
    for table in (
        read_csv(f'0.5,12,"{text}",false\n', TYPES),
        read_json_lines(json.dumps([0.5, 12, text, False], ensure_ascii=False) + "\r\n", TYPES),
    ):
        assert list(table.columns["line"]) == [text]


def test_json_lines_are_objects_lists_or_lists_named_features() -> None:
    row = [0.5, 12, "U1", False]
    forms = [dict(zip(TYPES, row, strict=True)), row, {"features": row}]
    for form in forms:
        table = read_json_lines(f"{json.dumps(form)}\n\n{json.dumps(form)}\n", TYPES)
        assert [list(values) for values in table.columns.values()] == [[each] * 2 for each in row]
    with pytest.raises(RequestError) as refused:
        read_json_lines("{} {}", TYPES)
    assert refused.value.status == 400
