"""The request log of a server without AWS: lines in files that stay open for an hour."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from evergreen.errors import LogDeliveryError
from evergreen.serving.from_folder import FileDelivery
from tests.support.fixed_clock import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def written(folder: Path) -> dict[str, str]:
    files = sorted(folder.rglob("*.jsonl"))
    return {str(file.parent.relative_to(folder)): file.read_text() for file in files}


def test_each_hour_has_a_file(tmp_path: Path) -> None:
    moments = iter([NOW, NOW, NOW + timedelta(hours=1)])
    delivery = FileDelivery(tmp_path, "log/", clock=lambda: next(moments))
    assert [delivery.deliver(line) for line in (b"1\n", b"2\n3\n", b"4\n")] == [0, 0, 0]
    hours = [f"log/{moment:%Y/%m/%d/%H}" for moment in (NOW, NOW + timedelta(hours=1))]
    assert written(tmp_path) == dict(zip(hours, ("1\n2\n3\n", "4\n"), strict=True))


def test_a_file_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    delivery = FileDelivery(tmp_path, "log/", clock=lambda: NOW)
    delivery.deliver(b"1\n")
    [file] = tmp_path.rglob("*.jsonl")
    file.unlink()
    delivery.deliver(b"2\n")
    assert [*written(tmp_path).values()] == ["2\n"]


def test_of_lines_that_do_not_all_fit_none_stays(tmp_path: Path) -> None:
    delivery = FileDelivery(tmp_path, "log/", clock=lambda: NOW)
    delivery.deliver(b"12345\n")
    with files_of_at_most(10), pytest.raises(LogDeliveryError, match="not written"):
        delivery.deliver(b"67890\n12345\n")
    delivery.deliver(b"6\n")
    assert [*written(tmp_path).values()] == ["12345\n6\n"]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let the system refuse what makes a file longer, as it does when a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
