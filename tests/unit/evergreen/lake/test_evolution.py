"""Definitions change; what was logged is read as the present one has it, and nothing is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlglot

from evergreen.lake.compaction import compact
from evergreen.lake.reader import Lake
from evergreen.lake.sent_features import SentFeatures, sent_features
from evergreen.lake.sql import predictions_query, tables_of
from evergreen.lake.tables import LABELS, REQUEST_LOG
from evergreen.model_definition import ModelDefinition
from tests.support.folder_bucket import Folder
from tests.support.lake_tables import catalog_in
from tests.support.log_records import encode, request_records
from tests.support.made_up_log import DATABASE, MadeUpLog, TrinoOnDuckDb

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def _definition(task: str = "regression", **features: str) -> ModelDefinition:
    kinds = {name: {"type": kind, "nullable": True} for name, kind in features.items()}
    return ModelDefinition.model_validate(
        {"name": "m", "task": task, "target": "y", "features": kinds}
    )


V1 = _definition(kept="float", retyped="category", dropped="float")
V2 = _definition(kept="float", retyped="float", added="category")
V3 = _definition(retyped="category", kept="integer", dropped="float", renamed="category")
SENT: dict[int, dict[str, Any]] = {
    1: {"kept": 1.5, "retyped": "AA", "dropped": 7.0},
    2: {"kept": 2.5, "retyped": 2.25, "added": "new"},
    3: {"retyped": "BB", "kept": 3, "dropped": None, "renamed": "new"},
}
LABEL_ROWS = LABELS.schema(V1).empty_table()
DEFINITIONS = {1: V1, 2: V2, 3: V3}
SEEN_BY_V3: dict[str, list[Any]] = {
    "kept": [1.5, 2.5, 3.0],
    "retyped": ["AA", None, "BB"],
    "dropped": [7.0, None, None],
    "renamed": [None, None, "new"],
}
SEEN_BY_V2: dict[str, list[Any]] = {
    "kept": [1.5, 2.5],
    "retyped": [None, 2.25],
    "added": [None, "new"],
}


@pytest.fixture
def storage(tmp_path: Path) -> Tables:
    return Tables(tmp_path)


class Tables(Folder):
    """A bucket, and the catalogue of its tables."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.catalog = catalog_in(self)


def _land(
    storage: Tables,
    version: int,
    moment: datetime,
    sent: dict[str, Any] | None = None,
    definition: ModelDefinition | None = None,
) -> None:
    [record] = request_records(
        timestamp=moment,
        request_id=f"r{version}" if sent is None else f"{moment}",
        definition=definition or DEFINITIONS[version],
        model_version=str(version),
        rows=[SENT[version] if sent is None else sent],
        outputs=[float(version)],
        confidences=None,
        metadata={"role": "champion"},
    )
    key = f"{REQUEST_LOG.raw_prefix('m', moment.date())}12/{version}"
    storage.put(key, encode(record))


def _seen(storage: Tables, definition: ModelDefinition, *names: str) -> dict[str, list[Any]]:
    lake = Lake(storage, storage.catalog, clock=lambda: NOON + 4 * DAY)
    table = lake.predictions(definition, NOON - DAY, NOON + 4 * DAY, names or None)
    found: dict[str, list[Any]] = table.to_pydict()
    return found


def _compact(storage: Tables, definition: ModelDefinition) -> None:
    report = compact(
        storage, storage.catalog, definition, include_open=True, clock=lambda: NOON + 4 * DAY
    )
    assert report.failures == []
    assert all(each.rejected == 0 for each in report.done)


@pytest.mark.parametrize("apart", [timedelta(hours=1), DAY], ids=["one day", "three days"])
@pytest.mark.parametrize("compacted", [(), (1,), (2,), (1, 2), (3,), (1, 2, 3), (1, 3), (2, 3)])
def test_what_each_version_logged_is_read_by_the_next(
    storage: Tables, apart: timedelta, compacted: tuple[int, ...]
) -> None:
    for version, definition in DEFINITIONS.items():
        _land(storage, version, NOON + version * apart)
        if version in compacted:
            _compact(storage, definition)
        if version == 2:
            seen = _seen(storage, V2)
            assert {name: seen[name] for name in SEEN_BY_V2} == SEEN_BY_V2
    seen = _seen(storage, V3)
    assert {name: seen[name] for name in SEEN_BY_V3} == SEEN_BY_V3
    assert seen["model_output"] == [1.0, 2.0, 3.0]
    assert [json.loads(text) for text in seen["input_data"]] == [*SENT.values()]
    one = _seen(storage, V3, "retyped")
    assert one["retyped"] == SEEN_BY_V3["retyped"]
    assert "input_data" not in one


ODD: list[Any] = [
    *(None, True, False, 0, 7, -(2**60), 0.25, -1e30, 1e-300, [1, 2], {"a": 1}),
    *("", "5", "null", "true", '"', "NaN", "-", "it's", 'say "when"', "\\", "ünï\n", "[1]", "0.5 "),
]
QUOTED = "a b's"


def test_a_query_reads_what_was_sent_as_the_small_engine_does(storage: Tables) -> None:
    # What serves has other features than the definition that its rows are compacted with.
    served = _definition(**{"kept": "float", "retyped": "float", QUOTED: "category"})
    for day, definition in enumerate((V1, V2, V3)):
        for number, value in enumerate(ODD):
            sent = {"kept": value, "retyped": ODD[number - 3], QUOTED: ODD[number - 7]}
            moment = NOON + day * DAY + timedelta(seconds=number)
            _land(storage, number, moment, sent, served)
        _compact(storage, definition)
    start, end = NOON - DAY, NOON + 8 * DAY
    log = storage.catalog.load(REQUEST_LOG, "m")
    assert log
    rows = log.scan().to_arrow()
    assert rows.num_rows == 3 * len(ODD)
    for definition in (V1, V2, V3, served):
        sent_in = sent_features(log, definition, start, end)
        query = predictions_query(definition, tables_of(DATABASE, "m", sent_in), start, end)
        found = TrinoOnDuckDb(MadeUpLog(definition, rows, LABEL_ROWS)).run(query)
        lake = Lake(storage, storage.catalog, clock=lambda: end)
        expected = lake.predictions(definition, start, end)
        assert expected.num_rows == rows.num_rows
        found = found.sort_by("timestamp")
        for place, name in enumerate(definition.features):
            assert found[f"f{place}"].to_pylist() == expected[name].to_pylist(), name
    tree = sqlglot.parse_one(query, dialect="trino")
    assert sqlglot.transpile(tree.sql("trino"), read="trino", write="trino") == [tree.sql("trino")]


def test_a_query_reads_what_was_sent_only_where_a_file_lacks_a_column(storage: Tables) -> None:
    def asked(definition: ModelDefinition, days: int = 9) -> SentFeatures:
        log = storage.catalog.load(REQUEST_LOG, "m")
        return sent_features(log, definition, NOON - DAY, NOON + (days - 0.5) * DAY)

    assert asked(V1) == SentFeatures()
    _land(storage, 1, NOON)
    _compact(storage, V1)
    assert asked(V1) == SentFeatures()
    assert asked(V2) == SentFeatures(absent=frozenset({"retyped", "added"}))
    _land(storage, 2, NOON + 2 * DAY)
    _compact(storage, V2)
    assert asked(V2) == SentFeatures(partial=frozenset({"retyped", "added"}))
    assert asked(V1).partial == {"dropped", "retyped"}
    # Of the days before, no file lacks them. The table calls a column by what it was.
    assert asked(V1, days=2) == SentFeatures(renamed={"retyped": "retyped__string"})


def test_going_back_to_an_earlier_definition_shows_the_values_again(storage: Tables) -> None:
    _land(storage, 1, NOON)
    for definition in (V1, V2):
        _land(storage, 2, NOON + timedelta(hours=1))
        _compact(storage, definition)
    _land(storage, 3, NOON + timedelta(hours=2))
    _compact(storage, V2)
    assert _seen(storage, V1)["retyped"] == ["AA", None, "BB"]


def test_a_day_of_another_task_stops_no_reader_and_is_never_written_over(storage: Tables) -> None:
    _land(storage, 1, NOON)
    _compact(storage, V1)
    classes = _definition("classification", kept="float")
    assert _seen(storage, classes)["request_id"] == []
    _land(storage, 2, NOON)
    report = compact(
        storage, storage.catalog, classes, include_open=True, clock=lambda: NOON + 4 * DAY
    )
    [failure] = report.failures
    assert "another task" in failure.reason
    assert _seen(storage, V2)["request_id"] == ["r1", "r2"]


def test_a_renamed_feature_is_read_by_either_name(storage: Tables) -> None:
    values = V1.model_dump(exclude_none=True)
    called = {"type": "category", "nullable": True, "renamed_from": "retyped"}
    features = {"kept": values["features"]["kept"], "called": called}
    renamed = ModelDefinition.model_validate({**values, "features": features})
    before = {"kept": values["features"]["kept"], "retyped": {**called, "renamed_from": "called"}}
    served = ModelDefinition.model_validate({**values, "features": before})
    later = NOON + timedelta(hours=1), NOON + DAY
    _land(storage, 1, NOON)
    _compact(storage, V1)
    _land(storage, 2, later[0], {"kept": 2.0, "retyped": "BB"}, V1)
    _land(storage, 1, later[1], {"kept": 3.0, "called": "CC"}, renamed)
    for _ in ("landed", "compacted"):
        assert _seen(storage, renamed, "called")["called"] == ["AA", "BB", "CC"]
        assert _seen(storage, served, "retyped")["retyped"] == ["AA", "BB", "CC"]
        _compact(storage, renamed)
    log = storage.catalog.load(REQUEST_LOG, "m")
    start, end = NOON - DAY, NOON + 4 * DAY
    assert log is not None
    rows = log.scan().to_arrow()
    for definition, name in ((renamed, "called"), (served, "retyped")):
        sent_in = sent_features(log, definition, start, end)
        query = predictions_query(definition, tables_of(DATABASE, "m", sent_in), start, end)
        found = TrinoOnDuckDb(MadeUpLog(definition, rows, LABEL_ROWS)).run(query)
        place = [*definition.features].index(name)
        assert found.sort_by("timestamp")[f"f{place}"].to_pylist() == ["AA", "BB", "CC"]
        assert _seen(storage, definition, name)[name] == ["AA", "BB", "CC"]
