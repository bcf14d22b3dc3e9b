"""Ports against real sockets."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from local import ports

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((ports.HOST, 0))
        server.listen(1)
        yield server.getsockname()[1]


def test_preferred_port_is_used_while_it_is_free() -> None:
    free = ports.pick(None)
    assert ports.is_free(free)
    assert ports.pick(free) == free


def test_taken_port_gives_way_to_a_higher_one(taken: int) -> None:
    assert not ports.is_free(taken)
    assert ports.pick(taken) > taken


def test_ports_promised_to_others_are_avoided() -> None:
    free = ports.pick(None)
    assert ports.pick(free, frozenset({free})) > free


def test_block_begins_after_the_last_taken_port_in_it(taken: int) -> None:
    first = ports.pick_block(taken - 3, 10)
    assert taken not in range(first, first + 10)
    assert first > taken - 3


def test_no_free_block_is_an_error() -> None:
    with pytest.raises(ports.NoFreePortError, match="no 10 neighbouring free ports"):
        ports.pick_block(65_530, 10)


def test_owner_of_a_taken_port_is_named(taken: int) -> None:
    assert f"process {os.getpid()}" in (ports.owner(taken) or "")


def test_free_port_has_no_owner() -> None:
    assert ports.owner(ports.pick(None)) is None
