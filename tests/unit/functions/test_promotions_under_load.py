"""Many calls at once over HTTP while production changes again and again: none fails or is mixed."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import httpx
import pytest

from evergreen.bundle.store import save_bundle
from evergreen.production import ProductionPointer
from functions.predict.service import service
from functions.serve.app import create_app
from functions.serve.settings import ServerSettings
from tests.support.bundle_folders import serving_variables
from tests.support.fixed_clock import NOW
from tests.support.folder_bucket import Folder
from tests.support.forgotten_settings import forget
from tests.support.served_over_http import served
from tests.support.trained_models import DEFINITION, ROW, bundle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALLS, PROMOTIONS = 200, 20
ROWS = [ROW, {**ROW, "wind": -0.25, "stops": 18}]


class Promoted:
    """Two versions in turn: each tenth call finds that the other one was promoted."""

    def __init__(self, folder: Path) -> None:
        self.storage, self.calls = Folder(folder), 0
        self._versions = [self._pointer(version) for version in ("1", "2")]

    def read(self, model: str) -> ProductionPointer | None:
        self.calls += 1
        return self._versions[self.calls * PROMOTIONS // CALLS % 2]

    read_last_valid = read

    def _pointer(self, version: str) -> ProductionPointer:
        uri, sha256 = save_bundle(self.storage, DEFINITION.name, bundle(version))
        return ProductionPointer(
            version=version,
            bundle_uri=uri,
            sha256=sha256,
            reference_dataset_id="ds",
            promoted_at=NOW,
            metric=0.7,
        )


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Promoted]:
    with patch.dict(os.environ, serving_variables(tmp_path)):
        forget()
        promoted, server = Promoted(tmp_path), service().server
        server._production, server._storage = promoted, promoted.storage
        server._poll_seconds = 0  # it follows each promotion at once
        yield promoted
    forget()


async def called_at_once(address: str) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=CALLS)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        calls = [client.post(address, json={"instances": ROWS}) for _ in range(CALLS)]
        return await asyncio.gather(*calls)


def test_every_call_is_answered_by_one_version_whole_and_logged(
    production: Promoted, tmp_path: Path
) -> None:
    with served(create_app(ServerSettings.model_validate({}))) as port:
        address = f"http://127.0.0.1:{port}/models/late_bus/predict"
        expected: dict[str, Any] = {}
        for production.calls in (0, CALLS // PROMOTIONS):
            answer = httpx.post(address, json={"instances": ROWS}).json()
            expected[answer["model_version"]] = answer["confidences"]
        assert len({tuple(each) for each in expected.values()}) == 2
        production.calls = 0
        answers = asyncio.run(called_at_once(address))
    assert [each.status_code for each in answers] == [200] * CALLS
    contents = [each.json() for each in answers]
    assert [each["confidences"] for each in contents] == [
        expected[each["model_version"]] for each in contents
    ]
    assert production.calls == CALLS  # so there were as many promotions as there should be
    assert Counter(each["model_version"] for each in contents) == {"1": 100, "2": 100}
    files = (tmp_path / "log" / "request-log").rglob("*.jsonl")
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    logged = Counter((each["request_id"], each["row"]) for each in lines)
    assert len(logged) == len(lines) == 2 * (CALLS + 2)
    assert logged.keys() > {(each["request_id"], row) for each in contents for row in (0, 1)}
