"""A snapshot of the prediction function: it has the clients, and no copy has another's chance."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bundle_folders import models_folder

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import json, random
from functions.predict.handler import handler
from functions.predict.service import service
from functions.shared.clients import aws_client
from snapshot_restore_py import get_after_restore
built = service.cache_info().currsize
numbers = []
for _ in range(2):  # two copies of one snapshot
    random.seed(7)
    for hook, told, named in get_after_restore():
        hook(*told, **named)
    numbers.append(random.random())
print(json.dumps({
    "services": built,
    "clients": aws_client.cache_info().currsize if built else 0,
    "model": bool(built and service().server._champion),
    "alike": numbers[0] == numbers[1],
}))
"""


def start(models: Path, kind: str) -> dict[str, Any]:
    told = {
        "AWS_LAMBDA_INITIALIZATION_TYPE": kind,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        # Whatever is called, nothing answers.
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "EVERGREEN_STAGE": "dev",
        "EVERGREEN_BUCKET": "data",
        "EVERGREEN_MODEL": "late_bus",
        "EVERGREEN_MODELS": str(models),
        "EVERGREEN_REQUEST_STREAM": "requests",
        "EVERGREEN_LABEL_STREAM": "labels",
        "EVERGREEN_VERSION": "1.2.3",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("snap-start", {"services": 1, "clients": 3, "model": False, "alike": False}),
        ("on-demand", {"services": 0, "clients": 0, "model": False, "alike": True}),
    ],
)
def test_a_snapshot_has_the_clients_and_each_copy_a_seed_of_its_own(
    tmp_path: Path, kind: str, expected: dict[str, Any]
) -> None:
    assert start(models_folder(tmp_path), kind) == expected
