"""A record is one line of strict JSON that reads back as what was written."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from evergreen.capture.lines import to_lines, to_raw
from tests.support.json_values import FINITE, strict_json


def test_a_record_is_one_compact_line_of_utf_8() -> None:
    assert to_lines([{"city": "Köln", "lines": ["a\nb", 1.5, None]}, {"row": 1}]) == (
        '{"city":"Köln","lines":["a\\nb",1.5,null]}\n{"row":1}\n'.encode()
    )


def test_no_records_are_no_lines() -> None:
    assert to_lines([]) == b""


@given(st.lists(st.dictionaries(st.text(), FINITE)))
def test_records_read_back_exactly(records: list[dict[str, object]]) -> None:
    lines = to_lines(records).split(b"\n")
    assert lines.pop() == b""
    assert [strict_json(line) for line in lines] == records
    assert [json.dumps(strict_json(line)) for line in lines] == [json.dumps(r) for r in records]


@given(st.lists(st.floats()))
def test_what_is_no_finite_number_is_null(numbers: list[float]) -> None:
    [line] = to_lines([numbers]).splitlines()
    assert strict_json(line) == [n if math.isfinite(n) else None for n in numbers]


def test_a_value_encoded_once_stands_in_every_record() -> None:
    about = to_raw({"role": "champion", "note": "a\nb"})
    first, second = to_lines([{"metadata": about}, {"metadata": about}]).splitlines()
    assert first == second == b'{"metadata":{"role":"champion","note":"a\\nb"}}'
