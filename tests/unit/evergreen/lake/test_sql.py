"""The lake's queries are Trino's SQL, say what they mean, and find the rows of the small engine."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from evergreen.lake.sent_features import SentFeatures
from evergreen.lake.sql import (
    UsedRows,
    labelled_query,
    new_rows_query,
    predictions_query,
    quoted_moment,
    quoted_name,
    quoted_text,
    sample_query,
    tables_of,
)
from evergreen.lake.unjoined import find_unjoined
from evergreen.model_definition import GroundTruth
from tests.support.folder_bucket import Folder
from tests.support.made_up_log import (
    AWKWARD,
    CLASSES,
    LAST,
    START,
    LoadedLake,
    MadeUpLog,
    TrinoOnDuckDb,
    awkward_model,
    made_up_log,
)
from tests.support.query_files import unloaded

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.model_definition import ModelDefinition

HOUR = timedelta(hours=1)
WINDOW = (START + 7 * HOUR, START + 55 * HOUR)
NOW = LAST - 24 * HOUR
USED = UsedRows(quoted_name("queries", "used"), "it's run 1")
TABLES = tables_of("evergreen_test", "awkward")
USABLE: dict[str, dict[str, object]] = {
    "classes": {
        "task": "classification",
        "ground_truth": {"classes": ["it's late", "on time"]},
    },
    "range": {"ground_truth": {"min": -0.5, "max": 1.25}},
}


@pytest.fixture(scope="module")
def made_up() -> MadeUpLog:
    return made_up_log(3000)


@pytest.fixture(scope="module")
def engine(made_up: MadeUpLog) -> TrinoOnDuckDb:
    return TrinoOnDuckDb(made_up)


@pytest.fixture(scope="module")
def lake(made_up: MadeUpLog) -> LoadedLake:
    return LoadedLake(made_up, NOW)


def queries() -> dict[str, str]:
    definition = awkward_model()
    return {
        "predictions": predictions_query(definition, TABLES, *WINDOW),
        "labelled": labelled_query(definition, TABLES, *WINDOW, NOW),
        "new rows": new_rows_query(definition, TABLES, USED, since=START, now=NOW, newest=100),
        "all new rows": new_rows_query(definition, TABLES, USED, since=START, now=NOW, newest=None),
        "sample": sample_query(definition, TABLES, "it's 1", *WINDOW, now=NOW, cap=100),
    }


def in_order(rows: pa.Table) -> pa.Table:
    """Sort rows by everything that tells two of them apart."""
    return rows.sort_by(
        [(name, "ascending") for name in ("timestamp", "request_id", "row", "role")]
    )


def read(rows: pa.Table, made_up: MadeUpLog, folder: Path) -> pa.Table:
    """Read the result of a query as the functions do, from the files that UNLOAD writes."""
    output = unloaded(Folder(folder), rows, "run")
    return in_order(pa.concat_tables(output.batches(made_up.definition)))


@pytest.mark.parametrize("query", queries().values(), ids=queries())
def test_it_is_one_select_in_the_dialect_of_trino(query: str) -> None:
    (tree,) = sqlglot.parse(query, dialect="trino")
    assert isinstance(tree, exp.Select)
    # What the parser writes it can read, and writes again: it has understood all of it.
    assert sqlglot.transpile(tree.sql("trino"), read="trino", write="trino") == [tree.sql("trino")]
    assert not list(tree.find_all(exp.Command, exp.Placeholder, exp.Parameter))


@pytest.mark.parametrize("query", queries().values(), ids=queries())
def test_what_it_writes_fits_the_files_of_athena(query: str) -> None:
    tree = sqlglot.parse_one(query, dialect="trino")
    assert isinstance(tree, exp.Select)
    names = [column.alias_or_name for column in tree.selects]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and name.isidentifier() for name in names)
    moments = [column for column in tree.selects if column.alias_or_name.endswith(("_at", "stamp"))]
    assert moments
    assert all(column.this.to.this == exp.DType.VARCHAR for column in moments)


@pytest.mark.parametrize("query", queries().values(), ids=queries())
def test_it_reads_each_feature_by_its_own_name(query: str) -> None:
    tree = sqlglot.parse_one(query, dialect="trino")
    identifiers = {found.name: found.args["quoted"] for found in tree.find_all(exp.Identifier)}
    assert {name: identifiers[name] for name in AWKWARD if name != "f0"} == {
        name: True for name in AWKWARD if name != "f0"
    }
    read_from = {table.name for table in tree.find_all(exp.Table) if table.db}
    assert read_from <= {"awkward_request_log", "awkward_labels", "used"}


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_no_name_and_no_text_leaves_its_quotes(text: str) -> None:
    select = sqlglot.parse_one(
        f"SELECT {quoted_name(text)} AS x WHERE y = {quoted_text(text)}", dialect="trino"
    )
    (column, _) = select.find_all(exp.Column)
    assert (column.name, column.this.quoted) == (text, True)
    assert [literal.this for literal in select.find_all(exp.Literal)] == [text]


@pytest.mark.parametrize("there", [True, False], ids=["there", "not yet"])
def test_probabilities_are_read_where_the_metric_scores_them(there: bool) -> None:
    model = awkward_model(task="classification", evaluation={"metric": "log_loss"})
    tables = tables_of("evergreen_test", "awkward", SentFeatures(probabilities=there))
    query = sqlglot.parse_one(predictions_query(model, tables, *WINDOW), dialect="trino")
    assert isinstance(query, exp.Select)
    assert "probabilities" in query.named_selects
    inner = query.find(exp.CTE)
    assert inner is not None
    read = [each for each in inner.find_all(exp.Alias) if each.alias == "probabilities"]
    assert len(read) == 1
    assert isinstance(read[0].this, exp.Column if there else exp.Cast)
    other = predictions_query(awkward_model(task="classification"), tables, *WINDOW)
    assert "probabilities" not in other


def test_a_moment_is_in_utc_and_keeps_its_microseconds() -> None:
    moment = datetime(2026, 3, 1, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=2)))
    text = quoted_moment(moment)
    assert text == ("CAST('2026-02-28 23:02:03.000004 UTC' AS timestamp(6) with time zone)")


def test_the_predictions_are_those_of_the_small_engine(
    made_up: MadeUpLog, engine: TrinoOnDuckDb, lake: LoadedLake, tmp_path: Path
) -> None:
    rows = engine.run(predictions_query(made_up.definition, engine.tables, *WINDOW))
    expected = in_order(lake.predictions(made_up.definition, *WINDOW))
    found = read(rows, made_up, tmp_path)
    assert expected.num_rows > 1000
    assert found.equals(expected.select(found.column_names))


def test_the_labelled_rows_are_those_of_the_small_engine(
    made_up: MadeUpLog, engine: TrinoOnDuckDb, lake: LoadedLake, tmp_path: Path
) -> None:
    rows = engine.run(labelled_query(made_up.definition, engine.tables, *WINDOW, NOW))
    expected = in_order(lake.labelled(made_up.definition, *WINDOW))
    found = read(rows, made_up, tmp_path)
    assert expected.num_rows > 400
    assert found.equals(expected.select(found.column_names))


@settings(max_examples=20, deadline=None)
@given(
    rows=st.integers(1, 60),
    seed=st.integers(0, 1000),
    late=st.integers(0, 160),
    definition=st.sampled_from(
        [awkward_model(), *(awkward_model(**usable) for usable in USABLE.values())]
    ),
)
def test_they_agree_on_any_small_log(
    tmp_path_factory: pytest.TempPathFactory,
    rows: int,
    seed: int,
    late: int,
    definition: ModelDefinition,
) -> None:
    made_up = made_up_log(rows, seed, definition=definition)
    now = START + late * HOUR
    query = labelled_query(made_up.definition, TABLES, START, now, now)
    found = TrinoOnDuckDb(made_up).run(query)
    expected = in_order(LoadedLake(made_up, now).labelled(made_up.definition, START, now))
    assert found.num_rows == expected.num_rows
    if found.num_rows:
        same = read(found, made_up, tmp_path_factory.mktemp("bucket"))
        assert same.equals(expected.select(same.column_names))


@pytest.mark.parametrize("usable", USABLE)
def test_labels_that_cannot_be_right_join_nothing_in_either_engine(
    tmp_path: Path, usable: str
) -> None:
    definition = awkward_model(**USABLE[usable])
    made_up = made_up_log(2000, definition=definition)
    lake = LoadedLake(made_up, NOW)
    found = TrinoOnDuckDb(made_up).run(labelled_query(definition, TABLES, *WINDOW, NOW))
    expected = in_order(lake.labelled(definition, *WINDOW))
    same = read(found, made_up, tmp_path)
    assert same.equals(expected.select(same.column_names))
    labels = set(same["label"].to_pylist())
    everything = lake.labelled(
        definition.model_copy(update={"ground_truth": GroundTruth()}), *WINDOW
    )
    if usable == "classes":
        assert labels == {"it's late", "on time"}
        assert set(everything["label"].to_pylist()) == {*CLASSES}
    else:
        assert -0.5 <= min(labels) <= max(labels) <= 1.25
    assert 100 < same.num_rows < everything.num_rows
    unjoined = find_unjoined(lake, definition, START, NOW)
    assert unjoined.unusable > 200
    assert len(unjoined.unusable_examples) >= 4
    assert not labels & set(unjoined.unusable_examples)


def test_the_sample_is_drawn_from_the_rows_of_the_version(
    made_up: MadeUpLog, engine: TrinoOnDuckDb, lake: LoadedLake, tmp_path: Path
) -> None:
    query = sample_query(made_up.definition, engine.tables, "2", *WINDOW, now=NOW, cap=300)
    sample = read(engine.run(query), made_up, tmp_path)
    logged = lake.predictions(made_up.definition, *WINDOW)
    mine = pc.and_(pc.equal(logged["role"], "champion"), pc.equal(logged["model_version"], "2"))
    # A key may have come with two versions. The one that was asked for counts.
    assert abs(sample["window_rows"][0].as_py() - logged.filter(mine).num_rows) <= 3
    assert sample.num_rows == 300
    assert set(sample["model_version"].to_pylist()) == {"2"}
    assert set(sample["role"].to_pylist()) == {"champion"}
    again = read(engine.run(query), made_up, tmp_path)
    assert again.equals(sample)


def test_a_sample_that_may_have_all_rows_has_them_with_their_labels(
    made_up: MadeUpLog, engine: TrinoOnDuckDb, lake: LoadedLake, tmp_path: Path
) -> None:
    query = sample_query(made_up.definition, engine.tables, "2", *WINDOW, now=NOW, cap=10_000)
    sample = read(engine.run(query), made_up, tmp_path)
    labelled = lake.labelled(made_up.definition, *WINDOW)
    expected = in_order(labelled.filter(pc.equal(labelled["model_version"], "2")))
    known = sample.filter(pc.is_valid(sample["labelled_at"]))
    assert sample["window_rows"][0].as_py() == sample.num_rows > known.num_rows
    names = [name for name in expected.column_names if name in known.column_names]
    assert known.select(names).equals(expected.select(names))


def test_rows_that_a_data_set_has_are_marked_and_not_counted(
    made_up: MadeUpLog, engine: TrinoOnDuckDb, lake: LoadedLake, tmp_path: Path
) -> None:
    labelled = lake.labelled(made_up.definition, START, NOW)
    has = labelled.select(["request_id", "row"]).slice(0, 500)
    keys = pa.concat_tables([has, has.slice(0, 5)]).append_column("run", pa.array([USED.run] * 505))
    other = pa.table({"request_id": labelled["request_id"], "row": labelled["row"]})
    other = other.append_column("run", pa.array(["another"] * other.num_rows))
    engine.add(USED.table, pa.concat_tables([keys, other]))
    query = new_rows_query(
        made_up.definition, engine.tables, USED, since=START, now=NOW, newest=100
    )
    found = read(engine.run(query), made_up, tmp_path)
    fresh = found.filter(pc.invert(found["used"]))
    rest = labelled.slice(500)
    assert found.num_rows - fresh.num_rows == 500
    assert set(found["fresh_rows"].to_pylist()) == {rest.num_rows}
    assert set(found["fresh_until"].to_pylist()) == {pc.max(rest["labelled_at"]).as_py()}
    newest = sorted(rest["timestamp"].to_pylist())[-100]
    expected = in_order(
        rest.filter(pc.greater_equal(rest["timestamp"], pa.scalar(newest, rest["timestamp"].type)))
    )
    assert 100 <= fresh.num_rows < 110
    names = [name for name in expected.column_names if name in fresh.column_names]
    assert fresh.select(names).equals(expected.select(names))
