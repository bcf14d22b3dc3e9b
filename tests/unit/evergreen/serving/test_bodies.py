"""Bodies: packed, of the right type, and within the limit."""

from __future__ import annotations

import codecs
import gzip
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.errors import RequestError
from evergreen.serving.bodies import (
    CSV_TYPE,
    JSON_LINES_TYPE,
    JSON_TYPE,
    MAX_BYTES,
    chosen,
    media_type,
    read_text,
    unpack_body,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ALL = (JSON_TYPE, CSV_TYPE, JSON_LINES_TYPE)


def status(call: Callable[[], object]) -> int:
    with pytest.raises(RequestError) as refused:
        call()
    return refused.value.status


@given(st.binary(max_size=300).filter(lambda body: not body.startswith(codecs.BOM_UTF8)))
def test_a_packed_body_comes_out_as_it_went_in(body: bytes) -> None:
    assert unpack_body(gzip.compress(body), "gzip") == body
    assert unpack_body(zlib.compress(body), " Deflate ") == body
    assert unpack_body(body, None) == body


def test_a_body_that_the_gateway_has_unpacked_is_taken_as_it_is() -> None:
    assert unpack_body(b'{"instances": []}', "gzip") == b'{"instances": []}'
    assert unpack_body(b"x,y\n1,2\n", "deflate") == b"x,y\n1,2\n"


def test_a_small_body_that_unpacks_to_too_much_is_413() -> None:
    bomb = gzip.compress(b" " * (MAX_BYTES + 1))
    assert len(bomb) < MAX_BYTES / 100
    assert status(lambda: unpack_body(bomb, "gzip")) == 413
    assert len(unpack_body(gzip.compress(b" " * MAX_BYTES), "gzip")) == MAX_BYTES


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(gzip.compress(b"abc")[:-9], id="cut short"),
        pytest.param(b"\x1f\x8b damaged", id="no deflate stream"),
        pytest.param(gzip.compress(b"abc") * 2, id="two in one"),
    ],
)
def test_a_damaged_body_is_400(body: bytes) -> None:
    assert status(lambda: unpack_body(body, "gzip")) == 400


def test_an_encoding_that_nobody_unpacks_is_415() -> None:
    assert status(lambda: unpack_body(b"", "br")) == 415


def test_text_is_utf8_and_a_byte_order_mark_is_no_part_of_it() -> None:
    assert read_text("\ufeffä".encode()) == "ä"
    marked = '\ufeff{"instances": []}'.encode()
    assert unpack_body(marked, None) == unpack_body(gzip.compress(marked), "gzip") == marked[3:]
    assert status(lambda: read_text(b"\xff\xfe")) == 400


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, (JSON_TYPE, {})),
        ("Application/JSON; charset=utf-8", (JSON_TYPE, {"charset": "utf-8"})),
        ("text/csv;header=absent", (CSV_TYPE, {"header": "absent"})),
        ("application/x-ndjson", (JSON_LINES_TYPE, {})),
    ],
)
def test_a_media_type_has_many_spellings(
    header: str | None, found: tuple[str, dict[str, str]]
) -> None:
    assert media_type(header, ALL) == found


@pytest.mark.parametrize("header", ["application/x-www-form-urlencoded", "image/png", ";"])
def test_another_media_type_is_415(header: str) -> None:
    assert status(lambda: media_type(header, (JSON_TYPE,))) == 415


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        (None, (JSON_TYPE, False)),
        ("*/*", (JSON_TYPE, False)),
        ("text/csv", (CSV_TYPE, False)),
        ("text/html; verbose=true, text/csv;q=0.9, */*;q=0.1", (CSV_TYPE, False)),
        ("application/jsonlines", (JSON_LINES_TYPE, False)),
        ("application/x-jsonlines;q=1; verbose=true", (JSON_LINES_TYPE, True)),
        ("*/*;Verbose=TRUE", (JSON_TYPE, True)),
        ("text/*", (CSV_TYPE, False)),
        ("text/csv;q=0.1, application/json", (JSON_TYPE, False)),
        ("text/csv, application/json", (CSV_TYPE, False)),
        ("application/json;q=0, */*;q=0.1", (CSV_TYPE, False)),
    ],
)
def test_the_answer_has_the_form_that_the_caller_accepts(
    accept: str | None, answer: tuple[str, bool]
) -> None:
    assert chosen(accept, ALL) == answer


def test_an_answer_that_nobody_accepts_is_406() -> None:
    assert status(lambda: chosen("image/png", ALL)) == 406
