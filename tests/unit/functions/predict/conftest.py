"""The prediction function of one model, with its account in process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.predict import service as wiring
from functions.predict.settings import settings
from functions.shared import clients
from tests.support.trained_models import TOML, promote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws_in_process import Account


def forget() -> None:
    for cached in (settings, wiring.service, wiring.recorder):
        cached.cache_clear()


@pytest.fixture(autouse=True)
def deployed(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    aws.storage()
    for stream in ("requests", "labels"):
        aws.create_stream(stream)
    folder = tmp_path / "late_bus"
    folder.mkdir()
    (folder / "model.toml").write_text(TOML)
    told = {
        "EVERGREEN_STAGE": "dev",
        "EVERGREEN_BUCKET": "data",
        "EVERGREEN_MODEL": "late_bus",
        "EVERGREEN_REQUEST_STREAM": "requests",
        "EVERGREEN_LABEL_STREAM": "labels",
        "EVERGREEN_MODELS": str(tmp_path),
        "EVERGREEN_VERSION": "1.2.3",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clients, "aws_client", aws.client)
    monkeypatch.setattr("evergreen.capture.delivery.FIRST_PAUSE_SECONDS", 0)
    forget()
    yield
    forget()


@pytest.fixture
def promoted(aws: Account) -> Account:
    promote(aws.storage(), aws.production(), "1")
    return aws
