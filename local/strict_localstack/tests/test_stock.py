"""Changes to LocalStack's code are made to the expected code or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evergreen_strict_localstack.stock import UnexpectedCodeError, is_on, rewrite

PREFIX = "hello "


def greet(name: str) -> str:
    return PREFIX + name


def test_a_passage_is_replaced_and_the_module_is_still_seen() -> None:
    assert rewrite(greet, ("+ name", "+ name.upper()"))("x") == "hello X"
    assert greet("x") == "hello x"


@pytest.mark.parametrize("passage", ["absent", "name"])
def test_unexpected_code_is_an_error(passage: str) -> None:
    with pytest.raises(UnexpectedCodeError, match=passage):
        rewrite(greet, (passage, ""))


BROKEN = """
from evergreen_strict_localstack.stock import UnexpectedCodeError, apply
def change():
    raise UnexpectedCodeError("it has no such line")
apply(change, "EVERGREEN_STRICT_X")
print("started")
"""


def test_a_change_that_cannot_be_made_ends_the_process() -> None:
    source = str(Path(__file__).parents[1] / "src")
    done = subprocess.run(
        [sys.executable, "-c", BROKEN],
        env={"PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (70, "")
    assert "it has no such line" in done.stderr
    assert "EVERGREEN_STRICT_X=off" in done.stderr


def test_a_strictness_is_on_unless_it_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_on("EVERGREEN_STRICT_X")
    monkeypatch.setenv("EVERGREEN_STRICT_X", "off")
    assert not is_on("EVERGREEN_STRICT_X")
