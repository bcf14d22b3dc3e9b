"""A bench for decisions, whose registry is a folder or the data bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.release_bench import REGISTRIES, ReleaseBench, open_release_bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws_in_process import Account


@pytest.fixture(autouse=True)
def file_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let MLflow use the store that it keeps in maintenance.

    Without an address of its own, that store tries to import MLflow's database at every read.
    """
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tmp_path.as_uri())


@pytest.fixture(params=REGISTRIES)
def bench(aws: Account, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ReleaseBench]:
    with open_release_bench(aws, tmp_path, request.param) as opened:
        yield opened
