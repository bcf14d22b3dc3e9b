"""The stack when it does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.ports import pick
from local.settings import Paths, Settings
from local.stack import Stack, StackNotRunningError, down, running_stack
from local.state import StateFile
from local.status import Health, status, unwritten_bytes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(Paths(root=tmp_path, state=tmp_path / "state"))


def test_without_a_stack_the_error_says_how_to_start_it(settings: Settings) -> None:
    with pytest.raises(StackNotRunningError, match=r"not running\. Start it with `evergreen up`"):
        running_stack(settings)
    assert status(settings) == []


def test_down_without_a_stack_stops_nothing(settings: Settings) -> None:
    assert down(settings, lambda *_: None, clean=True) == []


def test_recorded_external_emulator_that_is_gone_is_shown_so(settings: Settings) -> None:
    url = f"http://127.0.0.1:{pick(None)}"
    StateFile(settings.paths.state_file).change(endpoint_url=url, mlflow_uri="http://mlflow")
    [service] = status(settings)
    assert (service.url, service.health) == (url, Health.NOT_ANSWERING)


def test_what_firehose_has_not_written_is_counted(settings: Settings) -> None:
    assert unwritten_bytes(settings) == 0
    settings.paths.firehose.mkdir(parents=True)
    (settings.paths.firehose / "one").write_bytes(b"12345")
    (settings.paths.firehose / "two").write_bytes(b"678")
    assert unwritten_bytes(settings) == 8


def test_client_environment_names_the_stack(settings: Settings) -> None:
    environment = Stack(settings, "http://aws", "http://mlflow", "glue").client_environment()
    assert environment["AWS_ENDPOINT_URL"] == environment["AWS_ENDPOINT_URL_S3"] == "http://aws"
    assert environment["MLFLOW_TRACKING_URI"] == "http://mlflow"
    assert environment["EVERGREEN_LAKE_CATALOG"] == "glue"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"]
