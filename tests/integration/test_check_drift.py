"""`evergreen check-drift` while no version is in production."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cli.main import app
from evergreen.deployment.connection import NotDeployedError
from evergreen.errors import NoProductionModelError

if TYPE_CHECKING:
    from cli.shared.target import Target
    from local.stack import Stack


@pytest.fixture(autouse=True)
def at_the_tests_stack(local_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.shared.target.read_settings", lambda: local_stack.settings)


def test_a_model_that_was_never_promoted_says_how_to(deployed: Target) -> None:
    result = CliRunner().invoke(app, ["check-drift", "daily_ridership"])
    assert isinstance(result.exception, NoProductionModelError)
    assert "daily_ridership" in str(result.exception)
    assert "evergreen promote" in str(result.exception)


def test_a_stage_that_is_not_deployed_says_so(deployed: Target) -> None:
    result = CliRunner().invoke(app, ["check-drift", "daily_ridership", "--stage", "none"])
    assert isinstance(result.exception, NotDeployedError)
    assert "evergreen deploy" in str(result.exception)
