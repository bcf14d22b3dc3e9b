"""The compaction function: each model by itself, and failures told when all else is done."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from evergreen.bundle.content import Bundle, Signature
from evergreen.bundle.store import save_bundle
from evergreen.clock import utc_now
from evergreen.errors import CompactionError
from evergreen.metrics.catalog import SPECS, Metric
from evergreen.production import ProductionPointer
from evergreen.storage import Storage
from functions.compact_logs.handler import handler
from functions.compact_logs.settings import settings
from functions.shared import clients
from tests.support.gateway_events import Context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTEXT: Any = Context()
MODELS = ("alpha", "beta")
LABEL = {
    "timestamp": "2026-05-04T13:00:00Z",
    "request_id": "r1",
    "row": 0,
    "label": 1.0,
    "observed_at": "2026-05-04T13:00:00Z",
}


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in MODELS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.toml").write_text(
            f'name = "{name}"\ntask = "regression"\ntarget = "y"\nfeatures.a.type = "float"\n'
        )
    told = {
        "EVERGREEN_STAGE": "dev",
        "EVERGREEN_BUCKET": "data",
        "EVERGREEN_MODELS": str(tmp_path),
        "EVERGREEN_RAW_RETENTION_DAYS": "30",
        "EVERGREEN_LAKE_CATALOG": "glue",
        "EVERGREEN_LAKE_DATABASE": "evergreen_test",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    # Other tests may have made clients that are not for this account.
    clients.aws_client.cache_clear()
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="data")
        for name in MODELS:
            lines = [json.dumps(LABEL | {"model": each}) for each in (name, "gamma")]
            _put(s3, f"labels/raw/model={name}/2026/05/04/13/one", "\n".join(lines))
        yield s3
    settings.cache_clear()
    clients.aws_client.cache_clear()


def _put(client: Any, key: str, body: str) -> None:
    client.put_object(Bucket="data", Key=key, Body=body.encode())


def _metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {line["model"]: line for line in lines if "_aws" in line}


def test_every_model_is_compacted_and_its_metrics_are_written(
    client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    partitions = handler({}, CONTEXT)["partitions"]
    assert {(each["model"], each["rows"], each["rejected"]) for each in partitions} == {
        (name, 1, 1) for name in MODELS
    }
    found = _metrics(capsys)
    assert set(found) == set(MODELS)
    for line in found.values():
        assert line[Metric.REJECTED_RECORDS] == [1]
        assert line[Metric.COMPACTION_FAILURES] == [0]
        assert line[Metric.OLDEST_RAW] == [0]
        assert line[Metric.UNJOINED_LABELS] == [1]
        assert line.keys() >= {each.metric for each in SPECS if each.emitter == "compact_logs"}


def test_labels_that_the_model_cannot_mean_are_counted(
    client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = Storage("data", client)
    signature = Signature(task="regression", target="y", features=(), label_range=(-1, 3))
    uri, sha256 = save_bundle(storage, "alpha", Bundle("1", signature, b"no model"))
    pointer = ProductionPointer(
        version="1", bundle_uri=uri, sha256=sha256, reference_dataset_id="x", promoted_at=utc_now()
    )
    clients.production("dev").write("alpha", pointer)
    lines = [
        json.dumps(LABEL | {"model": "alpha", "label": label, "row": label}) for label in (2, 44)
    ]
    _put(client, "labels/raw/model=alpha/2026/05/04/13/two", "\n".join(lines))
    handler({"model": "alpha"}, CONTEXT)
    # Of three, none has a prediction, and one is far from all that the version has seen.
    assert _metrics(capsys)["alpha"][Metric.UNJOINED_LABELS] == [3]
    # A bundle that is gone stops no compaction.
    storage.delete_below("bundles/")
    _put(client, "labels/raw/model=alpha/2026/05/04/13/three", lines[0])
    assert handler({"model": "alpha"}, CONTEXT)["partitions"]


def test_a_model_that_fails_is_told_after_the_others_are_done(
    client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    handler({}, CONTEXT)
    for model in MODELS:
        _put(client, f"labels/raw/model={model}/2026/05/04/13/two", json.dumps(LABEL) + "\nno")
    [held] = client.list_objects_v2(Bucket="data", Prefix="labels/held/model=alpha/")["Contents"]
    _put(client, held["Key"], "half")
    capsys.readouterr()
    with pytest.raises(CompactionError, match=r"labels/held/model=alpha/2026-05-04/.*: 1 failed"):
        handler({}, CONTEXT)
    found = _metrics(capsys)
    assert found["alpha"][Metric.COMPACTION_FAILURES] == [1]
    assert found["beta"][Metric.COMPACTION_FAILURES] == [0]
    assert found["beta"][Metric.REJECTED_RECORDS] == [1]
    # The failure has mended itself. A run without news writes no counters, which cost money.
    assert handler({}, CONTEXT)["partitions"] == []
    for line in _metrics(capsys).values():
        assert line[Metric.OLDEST_RAW] == [0]
        assert Metric.REJECTED_RECORDS not in line
        assert Metric.COMPACTION_FAILURES not in line


def test_each_models_tables_are_kept_up_after_its_compaction(client: Any) -> None:
    idle = {"rewritten": 0, "snapshots": 0, "removed": 0}
    upkeep = handler({}, CONTEXT)["upkeep"]
    assert sorted(upkeep, key=itemgetter("model")) == [{"model": name, **idle} for name in MODELS]


def test_a_model_that_takes_all_of_the_time_keeps_no_other_from_its_turn(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: set[str] = set()

    def compact(_storage: Any, _catalog: Any, definition: Any, **_: Any) -> None:
        begun.add(definition.name)
        raise TimeoutError

    monkeypatch.setattr("functions.compact_logs.handler.compact", compact)
    for _ in range(50):  # it fails once in 2^49 times
        with pytest.raises(TimeoutError):
            handler({}, CONTEXT)
    assert begun == {*MODELS}


def test_with_a_role_for_glues_optimizers_glue_keeps_up_the_tables_that_exist(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, list[str], str]] = []

    # Neither moto nor LocalStack has optimizers.
    def keep(_glue: Any, database: str, tables: list[str], role: str) -> list[str]:
        asked.append((database, tables, role))
        return [f"{tables[0]}: retention"]

    monkeypatch.setattr("functions.compact_logs.upkeep.keep_table_optimizers", keep)
    monkeypatch.setenv("EVERGREEN_TABLE_OPTIMIZER_ROLE", "arn:aws:iam::1:role/optimizer")
    settings.cache_clear()
    done = sorted(handler({}, CONTEXT)["upkeep"], key=itemgetter("model"))
    assert done == [{"model": name, "optimizers": [f"{name}_labels: retention"]} for name in MODELS]
    assert sorted(asked) == [
        (settings().lake_database, [f"{name}_labels"], "arn:aws:iam::1:role/optimizer")
        for name in MODELS
    ]
