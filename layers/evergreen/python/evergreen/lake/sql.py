"""The lake's readings as SQL, for tables that do not fit one function's memory.

The dialect is Trino's, which Athena speaks. Each query returns the rows that
:class:`evergreen.lake.reader.Lake` would return. A query is text that holds no value as it came:
names go through :func:`quoted_name`, texts through :func:`quoted_text`.

Features are called ``f0``, ``f1`` and so on in the results, in the order of the definition, because
Athena writes no file with a column like ``a b`` or ``ünï``. Moments are text in UTC, because Athena
writes them to Parquet with milliseconds only. :mod:`evergreen.lake.query_output` undoes both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evergreen.lake.reader import CLOCK_SKEW
from evergreen.lake.sent_features import NONE_SENT, SentFeatures, sent_value
from evergreen.lake.tables import LABELS, REQUEST_LOG
from evergreen.model_definition.definition import PROBABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evergreen.model_definition import ModelDefinition

_MOMENT = "timestamp(6) with time zone"
_OWN = ("timestamp", *REQUEST_LOG.key, "model_version", "model_output", "confidence")


@dataclass(frozen=True, slots=True)
class SqlTables:
    """The tables of one model, as a query names them.

    Parameters
    ----------
    request_log, labels
        Quoted names of its two tables.
    sent
        The features that some rows have in ``input_data`` only.
    """

    request_log: str
    labels: str
    sent: SentFeatures = NONE_SENT


@dataclass(frozen=True, slots=True)
class UsedRows:
    """The rows of the log that a data set has, as a table with ``request_id`` and ``row``.

    Parameters
    ----------
    table
        Its quoted name.
    run
        The table holds such rows of several runs. These are the rows of this run.
    """

    table: str
    run: str


def quoted_name(*parts: str) -> str:
    """Return a name as SQL text, its parts joined by dots."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def quoted_text(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted_moment(moment: datetime) -> str:
    """Return an aware datetime as SQL text, to the microsecond."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
    return f"CAST({quoted_text(text)} AS {_MOMENT})"


def tables_of(database: str, model: str, sent: SentFeatures = NONE_SENT) -> SqlTables:
    """Return the names of a model's tables in a database of the Glue catalogue."""
    return SqlTables(
        quoted_name(database, f"{model}_request_log"),
        quoted_name(database, f"{model}_labels"),
        sent,
    )


def predictions_query(
    definition: ModelDefinition, tables: SqlTables, start: datetime, end: datetime
) -> str:
    """Return the query for the request log's rows with ``start <= timestamp < end``, each once.

    Its rows are those of :meth:`evergreen.lake.reader.Lake.predictions`, without the JSON texts.
    """
    return _once(definition, tables, start, end) + _result("predictions", _logged(definition))


def labelled_query(
    definition: ModelDefinition, tables: SqlTables, start: datetime, end: datetime, now: datetime
) -> str:
    """Return the query for the champion's predictions whose ground truth is known.

    Its rows are those of :meth:`evergreen.lake.reader.Lake.labelled` at ``now``, without the JSON
    texts.
    """
    columns = [*_logged(definition), "label", "observed_at", "labelled_at"]
    with_labels = _labelled(definition, tables, (start, end), now, since=None)
    return with_labels + _result("labelled", columns)


def new_rows_query(
    definition: ModelDefinition,
    tables: SqlTables,
    used: UsedRows,
    *,
    since: datetime,
    now: datetime,
    newest: int | None,
) -> str:
    """Return the query for the rows labelled since a data set, and for the corrections of its rows.

    To the columns of :func:`labelled_query` it adds ``used`` (whether the data set has the row),
    and two that are the same in each row: ``fresh_rows`` and ``fresh_until``, the number of rows
    that the data set does not have, and the newest ``labelled_at`` among them.

    Parameters
    ----------
    used
        The rows of the data set.
    since
        When the labels came in, at the earliest.
    now
        Up to when the log is read.
    newest
        How many of the newest rows to return of those that the data set does not have, if not all.
        All of one moment are returned together.
    """
    start = since - definition.retraining.label_wait
    run = f"{quoted_name('run')} = {quoted_text(used.run)}"
    # A query of queries keeps no result: each part is read where it is used. The parts that count
    # and cut read few columns, and no step holds all rows on one machine.
    fresh = "SELECT * FROM marked WHERE NOT used"
    cut, where = "", ""
    if newest is not None:
        cut = (
            ', cut AS (SELECT min("timestamp") AS oldest FROM (SELECT "timestamp" FROM fresh'
            f' ORDER BY "timestamp" DESC LIMIT {newest:d}) AS newest_rows)'
        )
        where = ' CROSS JOIN cut WHERE marked.used OR marked."timestamp" >= cut.oldest'
    columns = [*_logged(definition), "label", "observed_at", "labelled_at", "used"]
    return (
        _labelled(definition, tables, (start, now), now, since=since)
        + ', used_rows AS (SELECT DISTINCT request_id AS used_id, "row" AS used_row'
        + f" FROM {used.table} WHERE {run})"
        + ", marked AS (SELECT labelled.*, used_rows.used_id IS NOT NULL AS used FROM labelled"
        + " LEFT JOIN used_rows ON labelled.request_id = used_rows.used_id"
        + ' AND labelled."row" = used_rows.used_row)'
        + f", fresh AS ({fresh})"
        + ", facts AS (SELECT count(*) AS fresh_rows, max(labelled_at) AS fresh_until FROM fresh)"
        + cut
        + f" SELECT {_written(columns, 'marked.')}, facts.fresh_rows,"
        + f" {_as_text('facts.fresh_until')} AS fresh_until"
        + f" FROM marked CROSS JOIN facts{where}"
    )


def sample_query(
    definition: ModelDefinition,
    tables: SqlTables,
    version: str,
    start: datetime,
    end: datetime,
    *,
    now: datetime,
    cap: int,
) -> str:
    """Return the query for a sample of a version's predictions in a window, with their labels.

    The sample has the rows whose keys have the smallest hashes, ``cap`` at most. So it is drawn at
    random, and the same rows give the same sample (E. Cohen and H. Kaplan, "Summarizing data using
    bottom-k sketches", *PODC* 2007). ``label`` and ``labelled_at`` are null where the ground truth
    is not known. ``window_rows`` is the same in each row: the number of rows in the window.
    """
    of_version = f"model_version = {quoted_text(version)} AND \"role\" = 'champion'"
    key = "predictions.request_id || '/' || CAST(predictions.\"row\" AS varchar)"
    hashed = f"to_hex(md5(to_utf8({key})))"
    columns = [*_logged(definition), "label", "observed_at", "labelled_at"]
    return (
        _once(definition, tables, start, end, of_version)
        + ", facts AS (SELECT count(*) AS window_rows FROM predictions)"
        + f", sample AS (SELECT predictions.*, {hashed} AS key_hash FROM predictions"
        + f' ORDER BY key_hash, request_id, "row" LIMIT {cap:d})'
        + f", {_labels(definition, tables, start - CLOCK_SKEW, now + CLOCK_SKEW)}"
        + ", labelled AS (SELECT sample.*, labels.label, labels.observed_at, labels.labelled_at"
        + " FROM sample LEFT JOIN labels ON sample.request_id = labels.label_id"
        + ' AND sample."row" = labels.label_row)'
        + f" SELECT {_written(columns, 'labelled.')}, facts.window_rows"
        + " FROM labelled CROSS JOIN facts"
    )


def _logged(definition: ModelDefinition) -> list[str]:
    features = [f"f{place}" for place in range(len(definition.features))]
    more = [PROBABILITIES] if definition.evaluation.takes_probabilities else []
    return [*_OWN, *more, *features]


def _once(
    definition: ModelDefinition,
    tables: SqlTables,
    start: datetime,
    end: datetime,
    condition: str | None = None,
) -> str:
    """Begin a query with ``predictions``: the log's rows, of several with one key the first."""
    features = [
        f"{_feature(name, definition, tables)} AS f{place}"
        for place, name in enumerate(definition.features)
    ]
    if definition.evaluation.takes_probabilities:
        there = PROBABILITIES if tables.sent.probabilities else "CAST(NULL AS varchar)"
        features.insert(0, f"{there} AS {PROBABILITIES}")
    names = ", ".join([*_names(*_OWN), *features])
    key = ", ".join(_names(*REQUEST_LOG.key))
    return (
        f"WITH predictions AS (SELECT * FROM (SELECT {names}, row_number() OVER"
        f' (PARTITION BY {key} ORDER BY "timestamp") AS arrival FROM {tables.request_log}'
        f" WHERE {_within(start, end)}{f' AND {condition}' if condition else ''}) AS arrivals"
        " WHERE arrival = 1)"
    )


def _feature(name: str, definition: ModelDefinition, tables: SqlTables) -> str:
    sent = tables.sent
    column = quoted_name(sent.renamed.get(name, name))
    if name not in sent.absent | sent.partial:
        return column
    feature = definition.features[name]
    value = sent_value(quoted_text(name), numeric=feature.is_numeric)
    if feature.renamed_from:
        before = sent_value(quoted_text(feature.renamed_from), numeric=feature.is_numeric)
        value = f"coalesce({value}, {before})"
    return value if name in sent.absent else f"coalesce({column}, {value})"


def _labels(definition: ModelDefinition, tables: SqlTables, start: datetime, end: datetime) -> str:
    """Return the part ``labels``: the ground truth, of several for one row the last usable one."""
    key = ", ".join(_names(*LABELS.key))
    return (
        'labels AS (SELECT * FROM (SELECT request_id AS label_id, "row" AS label_row, label,'
        ' observed_at, "timestamp" AS labelled_at, row_number() OVER'
        f' (PARTITION BY {key} ORDER BY "timestamp" DESC, observed_at DESC, label DESC) AS recency'
        f" FROM {tables.labels} WHERE {_within(start, end)}{_usable(definition)}) AS arrivals"
        " WHERE recency = 1)"
    )


def _usable(definition: ModelDefinition) -> str:
    """Return the condition that a label can be right, as :mod:`evergreen.lake.usable_labels`."""
    truth = definition.ground_truth
    conditions = ["label IS NOT NULL"]
    if truth.classes is not None:
        conditions.append(f"label IN ({', '.join(map(quoted_text, truth.classes))})")
    for bound, comparison in ((truth.min, ">="), (truth.max, "<=")):
        if bound is not None:
            conditions.append(f"label {comparison} CAST({quoted_text(repr(bound))} AS double)")
    return "".join(f" AND {condition}" for condition in conditions)


def _labelled(
    definition: ModelDefinition,
    tables: SqlTables,
    window: tuple[datetime, datetime],
    now: datetime,
    since: datetime | None,
) -> str:
    """Begin a query with ``labelled``: predictions of the champion with their ground truth."""
    start, end = window
    where = f" WHERE labels.labelled_at >= {quoted_moment(since)}" if since else ""
    return (
        _once(definition, tables, start, end, "\"role\" = 'champion'")
        + f", {_labels(definition, tables, start - CLOCK_SKEW, now + CLOCK_SKEW)}"
        + ", labelled AS (SELECT predictions.*, labels.label, labels.observed_at,"
        + " labels.labelled_at FROM predictions JOIN labels"
        + ' ON predictions.request_id = labels.label_id AND predictions."row" = labels.label_row'
        + f"{where})"
    )


def _result(part: str, columns: Iterable[str]) -> str:
    return f" SELECT {_written(columns, '')} FROM {part}"


def _written(columns: Iterable[str], prefix: str) -> str:
    moments = {"timestamp", "observed_at", "labelled_at"}
    return ", ".join(
        f"{_as_text(prefix + quoted_name(name))} AS {quoted_name(name)}"
        if name in moments
        else prefix + quoted_name(name)
        for name in columns
    )


def _as_text(moment: str) -> str:
    return f"CAST(CAST({moment} AT TIME ZONE 'UTC' AS timestamp(6)) AS varchar)"


def _names(*names: str) -> list[str]:
    return [quoted_name(name) for name in names]


def _within(start: datetime, end: datetime) -> str:
    moments = quoted_moment(start), quoted_moment(end)
    return f'"timestamp" >= {moments[0]} AND "timestamp" < {moments[1]}'
