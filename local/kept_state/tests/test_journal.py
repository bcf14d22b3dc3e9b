"""The journal in process: what is kept, and what a kill or a damaged disk leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from evergreen_kept_state.journal import Journal, KeptObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[[], Journal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Open the journal of one folder again and again, as starts of LocalStack do."""
    journals: list[Journal] = []

    def opened() -> Journal:
        for each in journals:
            each.close()
        journals.append(Journal(tmp_path / "kept"))
        return journals[-1]

    yield opened
    for each in journals:
        each.close()


def put(journal: Journal, key: str, version: str, body: bytes) -> KeptObject:
    kept = KeptObject("b", key, version, b"record", journal.write_body([body]), len(body))
    journal.save_object(kept)
    return kept


def test_objects_are_found_again_in_the_order_of_their_versions(start: Start) -> None:
    journal = start()
    first, other = put(journal, "k", "z", b"1"), put(journal, "other", "y", b"22")
    second = put(journal, "k", "a", b"333")
    marker = KeptObject("b", "other", "m", b"marker")
    journal.save_object(marker)
    put(journal, "gone", "g", b"4")
    journal.forget_object("b", "gone", "g")
    journal = start()
    assert list(journal.objects("b")) == [first, other, second, marker]
    assert list(journal.objects("another")) == []
    assert second.body
    assert journal.path(second.body).read_bytes() == b"333"


def test_a_version_that_is_written_again_is_the_newest(start: Start) -> None:
    journal = start()
    first, second = put(journal, "k", "null", b"1"), put(journal, "k", "2", b"2")
    again = replace(first, record=b"again")
    journal.save_object(again)
    assert list(journal.objects("b")) == [second, again]


def test_a_body_without_a_record_is_deleted_at_the_next_start(start: Start) -> None:
    journal = start()
    whole = put(journal, "k", "1", b"1")
    cut_off = journal.write_body([b"a kill came before its record"])
    journal = start()
    assert not journal.path(cut_off).exists()
    assert list(journal.objects("b")) == [whole]


def test_a_body_that_is_not_whole_is_left_out_and_no_other(start: Start) -> None:
    journal = start()
    short, missing, whole = (put(journal, "k", version, b"12345") for version in "123")
    assert short.body
    assert missing.body
    journal.path(short.body).write_bytes(b"12")
    journal.delete_body(missing.body)
    journal.delete_body(missing.body)
    assert list(journal.objects("b")) == [whole]
    assert list(start().objects("b")) == [whole]


def test_parameters_are_found_again(start: Start) -> None:
    journal = start()
    journal.save_parameter("1", "us-east-1", "/a", "[1]")
    journal.save_parameter("1", "us-east-1", "/a", "[1, 2]")
    journal.save_parameter("1", "eu-west-1", "/a", "[3]")
    journal.save_parameter("1", "us-east-1", "/b", "[4]")
    journal.save_parameter("1", "us-east-1", "/b", None)
    assert sorted(start().parameters()) == [
        ("1", "eu-west-1", "/a", "[3]"),
        ("1", "us-east-1", "/a", "[1, 2]"),
    ]


def test_a_damaged_database_is_put_aside_and_the_start_goes_on(
    start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    journal = start()
    put(journal, "k", "1", b"1")
    journal.close()
    (folder / "state.sqlite").write_bytes(b"no database" * 1000)
    journal = start()
    assert list(journal.objects("b")) == []
    [aside] = tmp_path.glob("kept.damaged-*")
    assert len(list((aside / "bodies").iterdir())) == 1
    put(journal, "k", "2", b"2")
