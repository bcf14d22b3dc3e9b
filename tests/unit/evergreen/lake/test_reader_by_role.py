"""Rows of a challenger in the shadow are in the log, and only the champion's are built upon."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.lake.compaction import compact
from evergreen.lake.reader import Lake
from evergreen.lake.tables import REQUEST_LOG
from evergreen.model_definition import Shadow
from evergreen.production import ShadowSlot
from evergreen.shadow.slot import start_shadow
from tests.support.fixed_clock import NOW
from tests.support.lake_tables import catalog_in
from tests.support.served_model import World
from tests.support.trained_models import DEFINITION, ROW, promote

if TYPE_CHECKING:
    from evergreen.lake.catalog import LakeCatalog
    from tests.support.aws_in_process import Account

MODEL = DEFINITION.name
START, END = NOW - timedelta(hours=1), NOW + timedelta(hours=1)


@dataclass
class Logged:
    """Requests that both have scored, landed as Firehose would, with ground truth for all."""

    world: World
    served: int
    catalog: LakeCatalog

    @property
    def lake(self) -> Lake:
        return Lake(self.world.storage, self.catalog, clock=lambda: END)


@pytest.fixture
def logged(aws: Account) -> Logged:
    patient = DEFINITION.model_copy(update={"shadow": Shadow(budget_ms=1000)})
    world = World(aws, definition=patient)
    champion = promote(world.storage, world.production, "1")
    other = promote(world.storage, world.production, "2")
    world.production.write(MODEL, champion)
    slot = ShadowSlot(
        version="2", bundle_uri=other.bundle_uri, sha256=other.sha256, started_at=START
    )
    start_shadow(world.storage, world.production, MODEL, slot)
    while not any(record["metadata"]["role"] == "shadow" for record in world.log):
        world.predict()
    world.forget_log()
    for rows in (1, 3, 600):
        world.predict(*[ROW] * rows)
    log = world.log
    _land(world, "request-log", log)
    ground_truth = [
        {
            "timestamp": record["timestamp"],
            "request_id": record["request_id"],
            "row": record["row"],
            "label": record["model_output"],
            "observed_at": record["timestamp"],
        }
        for record in log
        if record["metadata"]["role"] == "champion"
    ]
    _land(world, "labels", ground_truth)
    return Logged(world, 604, catalog_in(world.storage))


def _land(world: World, table: str, records: list[dict[str, Any]]) -> None:
    body = "".join(json.dumps(record) + "\n" for record in records).encode()
    for copy in ("one", "delivered-again"):
        world.storage.put(f"{table}/raw/model={MODEL}/{NOW:%Y/%m/%d/%H}/{copy}", body)


@pytest.mark.parametrize("compacted", [False, True])
def test_every_row_served_is_logged_once_for_each_role(logged: Logged, compacted: bool) -> None:
    if compacted:
        done = compact(
            logged.world.storage, logged.catalog, DEFINITION, include_open=True, clock=lambda: NOW
        ).done
        assert [item.rows for item in done if item.table == REQUEST_LOG.name] == [2 * logged.served]
    table = logged.lake.predictions(DEFINITION, START, END)
    assert Counter(table["role"].to_pylist()) == {
        "champion": logged.served,
        "shadow": logged.served,
    }
    assert set(
        zip(*(table[name].to_pylist() for name in ("role", "model_version")), strict=True)
    ) == {
        ("champion", "1"),
        ("shadow", "2"),
    }


def test_ground_truth_joins_the_champions_rows_only(logged: Logged) -> None:
    labelled = logged.lake.labelled(DEFINITION, START, END)
    assert labelled.num_rows == logged.served
    assert set(labelled["model_version"].to_pylist()) == {"1"}
