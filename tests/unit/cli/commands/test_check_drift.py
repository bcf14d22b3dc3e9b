"""What `evergreen check-drift` refuses before it asks anybody."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cli.main import app
from evergreen.errors import UnknownModelError


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--window", "3 parsecs"], "not a period such as"),
        (["--window", "0 hours"], "not a period such as"),
        (["--end", "tomorrow"], "write it as"),
        (["--end", "2026-05-04T15:00:00"], "names no time zone"),
        (["--end", "2999-05-04T15:00:00Z"], "is in the future"),
    ],
)
def test_bad_periods_are_named(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(app, ["check-drift", "flight_delay", *arguments])
    assert result.exit_code == 2
    text = " ".join(result.output.replace("│", " ").split())
    assert says in text
    assert arguments[0] in text


def test_unknown_model_lists_those_there_are() -> None:
    result = CliRunner().invoke(app, ["check-drift", "nope"])
    assert isinstance(result.exception, UnknownModelError)
    assert "flight_delay" in str(result.exception)
