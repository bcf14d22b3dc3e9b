"""Settings from an environment given as a mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path


LEFT_OVER = {"MLFLOW_TRACKING_URI": "http://left.over", "EVERGREEN_LAKE_CATALOG": "glue"}


def test_nothing_set_means_our_own_services(tmp_path: Path) -> None:
    settings = read_settings(state=tmp_path, environ=LEFT_OVER)
    assert settings.endpoint_url is None
    assert settings.mlflow_uri is None
    assert settings.lake_catalog is None
    assert settings.ports.localstack == 4566
    assert (settings.paths.root / "pyproject.toml").exists()


def test_named_emulator_is_used_with_its_mlflow() -> None:
    settings = read_settings(
        environ={
            "AWS_ENDPOINT_URL": "http://emulator",
            "MLFLOW_TRACKING_URI": "http://mlflow",
            "EVERGREEN_LAKE_CATALOG": "glue",
        }
    )
    assert settings.endpoint_url == "http://emulator"
    assert settings.mlflow_uri == "http://mlflow"
    assert settings.lake_catalog == "glue"


@pytest.mark.parametrize(("value", "wanted"), [(None, True), ("", True), ("off", False)])
def test_firehose_buffers_unless_that_is_off(value: str | None, *, wanted: bool) -> None:
    environ = {} if value is None else {"EVERGREEN_FIREHOSE_BUFFER": value}
    assert read_settings(environ=environ).buffer_firehose is wanted


def test_single_strictnesses_of_localstack_may_be_switched_off() -> None:
    off = {"EVERGREEN_STRICT_METRICS": "off"}
    assert read_settings(environ={**off, "EVERGREEN_STAGE": "x"}).strictness == off


def test_services_do_not_see_the_users_credentials_or_paths() -> None:
    settings = read_settings(
        environ={
            "PATH": "/bin",
            "AWS_PROFILE": "work",
            "PYTHONPATH": "/elsewhere",
            "MLFLOW_TRACKING_TOKEN": "secret",
        }
    )
    assert settings.inherited == {"PATH": "/bin"}
