"""The prediction function of one model, with its account in process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.predict_function import predict_function
from tests.support.trained_models import promote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws_in_process import Account


@pytest.fixture(autouse=True)
def deployed(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with predict_function(aws, tmp_path, monkeypatch):
        yield


@pytest.fixture
def promoted(aws: Account) -> Account:
    promote(aws.storage(), aws.production(), "1")
    return aws
