"""What `evergreen log` shows of the request log, and what it answers in SQL."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli.commands import log
from cli.main import app
from cli.shared.log_queries import columns_read, tables_read
from evergreen.capture.ground_truth import labels_landing_prefix
from evergreen.capture.request_log import new_request_id, request_log_landing_prefix
from evergreen.clock import to_text, utc_now
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.lake.compaction import compact
from tests.support.log_records import encode, request_records
from tests.support.target_in_process import TargetInProcess
from tests.support.trained_models import DEFINITION, ROW, TOML

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from tests.support.aws_in_process import Account

IDS = [new_request_id() for _ in range(5)]
NOW = utc_now()


@pytest.fixture
def target(aws: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TargetInProcess:
    """Five requests, one an hour; the last was delivered twice, and the first has two labels."""
    deployed = TargetInProcess.of(aws)
    folder = tmp_path / "models" / DEFINITION.name
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(TOML)
    monkeypatch.setattr(log, "MODELS", folder.parent)
    monkeypatch.setattr(log, "choose", lambda **_: deployed)
    for number, request_id in enumerate(IDS):
        moment = NOW - timedelta(hours=5 - number)
        [record] = request_records(
            timestamp=moment,
            request_id=request_id,
            definition=DEFINITION,
            model_version=str(1 + number // 3),
            rows=[ROW | {"stops": number}],
            outputs=["late"],
            confidences=[0.5 + number / 10],
            metadata={"role": "champion", "id": f"order-{number}"},
        )
        prefix = f"{request_log_landing_prefix(DEFINITION.name)}{moment:%Y/%m/%d/%H}/"
        for name in ("once", "twice") if number == 4 else ("once",):
            deployed.storage.put(f"{prefix}{name}", encode(record))
    for number, label in enumerate(("late", "on time")):
        came = to_text(NOW - timedelta(minutes=10 - number))
        item = {"timestamp": came, "request_id": IDS[0], "row": 0, "model": DEFINITION.name}
        line = encode({**item, "label": label, "observed_at": came})
        prefix = labels_landing_prefix(DEFINITION.name)
        deployed.storage.put(f"{prefix}{NOW:%Y/%m/%d/%H}/{number}", line)
    return deployed


def _log(*options: str) -> Result:
    return CliRunner().invoke(app, ["log", DEFINITION.name, *options])


def _rows(sql: str, *options: str) -> list[dict[str, Any]]:
    result = _log("--sql", sql, "--json", *options)
    assert result.exit_code == 0, result.exception
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


@pytest.mark.usefixtures("target")
def test_the_newest_rows_come_first_and_each_once() -> None:
    result = _log("--limit", "3")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[-2] for line in lines[1:]] == [IDS[4], IDS[3], IDS[2]]
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    documents = json.loads(_log("--json").stdout)
    assert [each["request_id"] for each in documents] == IDS[::-1]
    assert documents[0]["input_data"]["stops"] == 4
    assert documents[0]["metadata"]["id"] == "order-4"


@pytest.mark.usefixtures("target")
def test_a_window_is_a_period_or_two_times() -> None:
    def found(*options: str) -> list[str]:
        return [each["request_id"] for each in json.loads(_log("--json", *options).stdout)]

    assert found("--since", "150 minutes") == [IDS[4], IDS[3]]
    times = [to_text(NOW - timedelta(hours=hours)) for hours in (4, 2)]
    assert found("--since", times[0], "--until", times[1]) == [IDS[2], IDS[1]]
    assert "No row of late_bus" in _log("--since", "1 minute").stdout


@pytest.mark.usefixtures("target")
def test_a_query_sees_each_row_once_with_its_last_label() -> None:
    counts = _rows(
        "select model_version as v, count(*) as n from request_log group by 1 order by 1"
    )
    assert counts == [{"v": "1", "n": 3}, {"v": "2", "n": 2}]
    assert _rows(
        "select label, stops, request_id, labelled_at > timestamp as later from labelled"
    ) == [{"label": "on time", "stops": 0.0, "request_id": IDS[0], "later": True}]
    assert _rows("select count(*) n from labels") == [{"n": 1}]
    newest = "select timestamp from request_log order by timestamp desc limit 1"
    assert _rows(newest) == [{"timestamp": to_text(NOW - timedelta(hours=1))}]
    assert _rows("from request_log", "--since", "90 minutes")[0]["line"] == "U1"
    ids = "select metadata->>'id' as id from request_log where stops = 2"
    assert _rows(ids) == [{"id": "order-2"}]


@pytest.mark.usefixtures("target")
def test_a_query_prints_a_table_or_csv() -> None:
    sql = "select request_id, '[b]x' as \"a[b]\", row from request_log order by timestamp"
    table = _log("--sql", sql).stdout.splitlines()
    assert table[0].split() == ["request_id", "a[b]", "row"]
    assert table[1].split() == [IDS[0], "[b]x", "0"]
    assert len(table) == 6
    rows = list(csv.DictReader(io.StringIO(_log("--sql", sql, "--csv").stdout)))
    assert [row["request_id"] for row in rows] == IDS
    assert [row["stops"] for row in csv.DictReader(io.StringIO(_log("--csv").stdout))] == [
        "4", "3", "2", "1", "0"
    ]  # fmt: skip


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select nothing from request_log", "nothing"),
        ("select from from", "syntax error"),
        (
            "select * from log",
            "Table with name log does not exist. The views are request_log, labels, labelled;",
        ),
        ("select cast(request_id as integer) from request_log", "Could not convert"),
    ],
)
def test_a_query_that_cannot_run_says_why(sql: str, says: str) -> None:
    result = _log("--sql", sql)
    assert result.exit_code == 1
    assert says in str(result.exception)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--since", "yesterday"), "neither a period"),
        (("--since", "1 hour", "--until", "2 hours"), "not before"),
        (("--csv", "--json"), "either"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: tuple[str, ...], says: str) -> None:
    result = CliRunner().invoke(app, ["log", "flight_delay", *options])
    assert result.exit_code == 2
    assert says in " ".join(result.output.replace("│", " ").split())


ALL = frozenset({"a", "b", "Wind", "timestamp"})


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("select count(*) from request_log", set()),
        ("select a from request_log r where r.b > 1", {"a", "b"}),
        ('select wind, "a" from request_log', {"Wind", "a"}),
        ("with x as (select a as c from request_log) select c from x", {"a"}),
        ("select a from request_log join labels using (b)", {"a", "b"}),
        ("select a * 2 from request_log", {"a"}),
        ("select * from request_log", ALL),
        ("select r.* from request_log r", ALL),
        ("from request_log", ALL),
        ("summarize request_log", ALL),
        ("select columns('a.*') from request_log", ALL),
        ("select r from request_log r", ALL),
        ("pivot request_log on a using count(*)", ALL),
        ("this is no query", ALL),
    ],
)
def test_only_columns_that_a_query_may_read_are_read(sql: str, read: set[str]) -> None:
    assert columns_read(sql, ALL) == read


def test_only_tables_that_a_query_may_read_are_read() -> None:
    assert tables_read("select 1 from request_log") == {"request_log"}
    assert tables_read("select 1 from LABELS") == {"labels"}
    assert tables_read("select 1 from labelled") == {"labels", "request_log"}


def test_requests_are_erased_after_a_question(target: TargetInProcess) -> None:
    arguments = ["log", DEFINITION.name, "--delete-request", IDS[0], "--delete-request", IDS[1]]
    refused = CliRunner().invoke(app, arguments, input="n\n")
    assert refused.exit_code == 1
    assert "Erase 2 requests of late_bus for good?" in refused.stderr
    assert _rows("select count(*) n from request_log") == [{"n": 5}]
    result = CliRunner().invoke(app, arguments, input="y\n")
    assert result.exit_code == 0, result.exception
    lines = (line.rsplit(maxsplit=1) for line in result.stdout.splitlines())
    told = dict(parts for parts in lines if len(parts) == 2)
    assert told["request log: raw objects"] == "2"
    assert told["labels: raw objects"] == "2"
    assert _rows("select count(*) n from request_log") == [{"n": 3}]
    assert _rows("select count(*) n from labels") == [{"n": 0}]
    [record] = target.storage.list("erasures/")
    assert IDS[0].encode() not in (target.storage.get(record.key) or b"")


def test_what_is_erased_is_in_no_version_of_any_object(target: TargetInProcess) -> None:
    s3, storage, gone = target.account.s3, target.storage, IDS[0]
    s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    broken = f'{{"request_id": "{gone}", "row": 0.5}}\n'.encode()
    storage.put(f"{request_log_landing_prefix(DEFINITION.name)}{NOW:%Y/%m/%d/%H}/broken", broken)
    assert not compact(storage, target.lake_tables, DEFINITION, include_open=True).failures
    rows = pa.Table.from_pylist(
        [
            {**ROW, "late": "late", "timestamp": NOW, "split": "train", "request_id": one, "row": 0}
            for one in IDS[:3]
        ]
    )
    manifest = write_dataset(
        storage, DEFINITION, rows, sources=["test"], data_until=NOW, clock=lambda: NOW
    )
    result = _log("--delete-request", gone, "--yes", "--json")
    assert result.exit_code == 0, result.exception
    record = json.loads(result.stdout)
    assert record["erased"] == {
        "holdout predictions": 0,
        "data sets": 1,
        "labels: rejected lines": 0,
        "labels: raw objects": 2,
        "labels: table": 1,
        "request log: rejected lines": 1,
        "request log: raw objects": 2,
        "request log: table": 1,
    }
    assert record["old_versions"] > 0
    versions = s3.list_object_versions(Bucket="data")["Versions"]
    assert len(versions) > 10
    for version in versions:
        key, number = version["Key"], version["VersionId"]
        body = s3.get_object(Bucket="data", Key=key, VersionId=number)["Body"].read()
        assert gone.encode() not in body
        if key.endswith(".parquet"):
            assert gone not in pq.read_table(io.BytesIO(body))["request_id"].to_pylist()
    assert _rows("select count(*) n from request_log") == [{"n": 4}]
    assert load_dataset(storage, DEFINITION.name, manifest.dataset_id).num_rows == 2


@pytest.mark.usefixtures("target")
def test_rows_are_erased_by_a_condition() -> None:
    result = _log("--delete-where", "stops >= 3 -- the late ones", "--yes", "--json")
    assert result.exit_code == 0, result.exception
    record = json.loads(result.stdout)
    assert (record["by"], record["requests"]) == ("where", 2)
    assert record["erased"]["request log: raw objects"] == 3  # one was delivered twice
    assert _rows("select max(stops) n from request_log") == [{"n": 2.0}]


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--delete-request", "order-7"), "no request_id"),
        (("--delete-where", "nothing = 1"), "nothing"),
        (("--delete-where", "true", "--delete-request", IDS[0]), "either"),
    ],
)
def test_an_erasure_of_nothing_that_is_known_is_refused(
    options: tuple[str, ...], says: str
) -> None:
    result = _log(*options, "--yes")
    assert result.exit_code != 0
    assert says in str(result.exception) + result.output
    assert _rows("select count(*) n from request_log") == [{"n": 5}]
