"""`evergreen log`: the request log, row by row or by SQL."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from cli.shared import console
from cli.shared.examples import MODELS
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.clock import from_text, parse_period, to_text, utc_now
from evergreen.model_definition import find_definition

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from cli.shared.target import Target
    from evergreen.lake.reader import Lake
    from evergreen.model_definition import ModelDefinition

_MOST_SHOWN = 1000
_REQUEST_ID = 36
_LISTED = ("model_version", "model_output", "confidence")


def command(  # noqa: PLR0913 - one for each option
    model: ModelArgument,
    *,
    since: Annotated[
        str, typer.Option(help="From when: `2 hours` ago, or 2026-01-31T08:00:00Z.")
    ] = "30 days",
    until: Annotated[
        str | None, typer.Option(help="To when, as --since; the default is now.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows to show without --sql.")] = 20,
    sql: Annotated[str | None, typer.Option(help="A query on the log, in DuckDB's SQL.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print the result as CSV.")] = False,
    connection: Annotated[
        bool, typer.Option("--connection", help="Say how other programs open the tables.")
    ] = False,
    delete_request: Annotated[
        list[str] | None, typer.Option(help="A request to erase. May be repeated.")
    ] = None,
    delete_where: Annotated[
        str | None,
        typer.Option(help="Erase the rows of request_log for which this is true."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Show the newest rows of a model's request log, query it with SQL, or erase rows.

    The rows of every answered request are there, those that are not compacted yet too. Each row is
    there once. A row reaches the log within `flush_seconds` of the model's definition.

    --sql runs a query of DuckDB's on three views:

    - `request_log`: `timestamp`, `request_id`, `row`, `model_version`, `role` (champion or shadow),
      `model_output`, `confidence`, `probabilities` (JSON, where the metric scores those of more
      than two classes), one column for each feature, `input_data` and `metadata` (JSON),
    - `labels`: `timestamp`, `request_id`, `row`, `label`, `observed_at`,
    - `labelled`: the champion's rows with their `label`, `observed_at` and `labelled_at`.

    For example `evergreen log flight_delay --sql "select model_version, count(*) from request_log
    group by 1"`. Only the tables and columns that a query names are read, so name columns rather
    than `*`. Rows are copied to a temporary folder, so memory stays small.

    --connection prints Python that opens the tables with pyiceberg, for DuckDB, Polars and pandas;
    with --json the same as properties. docs/read-the-log.md goes on from there.

    --delete-request and --delete-where erase rows for good, for a data subject's request: from the
    tables and their past, raw objects, rejected lines, labels, data sets and holdout predictions. A
    condition is looked for in the whole log, whatever --since says. If it is stopped, run it again.
    A row that was answered a moment ago may still be on its way: run it again after 30 minutes.

    Next: `evergreen labels import MODEL FILE` sends ground truth.
    """
    if csv and json:
        raise typer.BadParameter("give either --csv or --json", param_hint="--csv")
    definition = find_definition(MODELS, model)
    window = _window(since, until)
    target = choose(aws=aws, stage=stage)
    if connection:
        _tell_connection(target, definition.name, json=json)
        return
    if delete_request or delete_where is not None:
        _erase(target, definition, delete_request or [], delete_where, yes=yes, json=json)
        return
    lake = target.lake
    if sql is not None:
        _query(lake, definition, window, sql, csv=csv, json=json)
    else:
        _list(lake, definition, window, limit, csv=csv, json=json)


def _tell_connection(target: Target, model: str, *, json: bool) -> None:
    from cli.shared.log_connection import connection_code, log_connection

    found = log_connection(target, model)
    if json:
        console.document(found)
    else:
        console.out.print(connection_code(found), soft_wrap=True, markup=False, highlight=False)


def _erase(
    target: Target,
    definition: ModelDefinition,
    requests: list[str],
    where: str | None,
    *,
    yes: bool,
    json: bool,
) -> None:
    from cli.shared.log_erasure import erase_rows, find_rows

    if requests and where is not None:
        raise typer.BadParameter(
            "give either --delete-request or --delete-where", param_hint="--delete-where"
        )
    with Steps() as steps, steps.step("find", "Find the rows"):
        rows = find_rows(target, definition, requests, where)
    count = f"{len(rows.rows):,} rows" if where is not None else f"{len(requests):,} requests"
    if not yes:
        typer.confirm(f"Erase {count} of {definition.name} for good?", abort=True, err=True)
    with Steps() as steps, steps.step("erase", "Erase") as say:
        record = erase_rows(target, definition, rows, by="where" if where else "request", say=say)
    if json:
        console.document(record.model_dump(mode="json"))
        return
    table = Table("Erased from", Column("Rows", justify="right"), box=None, pad_edge=False)
    for place, number in record.erased.items():
        table.add_row(place, f"{number:,}")
    table.add_row("older versions of objects", f"{record.old_versions:,}")
    console.out.print(table)
    if not any(record.erased.values()):
        console.out.print("Nothing was found. Are the request ids right?")


def _window(since: str, until: str | None) -> tuple[datetime, datetime]:
    now = utc_now()
    start = _moment(since, now, "--since")
    end = now if until is None else _moment(until, now, "--until")
    if start >= end:
        raise typer.BadParameter("is not before --until", param_hint="--since")
    return start, end


def _moment(text: str, now: datetime, option: str) -> datetime:
    try:
        return now - parse_period(text)
    except ValueError:
        pass  # it may be a moment
    try:
        return from_text(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a period such as '2 hours' nor a time such as "
            "2026-01-31T08:00:00Z",
            param_hint=option,
        ) from None


def _list(
    lake: Lake,
    definition: ModelDefinition,
    window: tuple[datetime, datetime],
    limit: int,
    *,
    csv: bool,
    json: bool,
) -> None:
    from evergreen.lake.newest import as_documents, newest_rows

    with Steps() as steps, steps.step("read", "Read the request log"):
        columns = None if csv or json else _LISTED
        rows = newest_rows(lake, definition, window, limit, columns)
    if json:
        console.document([_plain(row) for row in as_documents(rows)])
    elif csv:
        _print_csv(rows.to_reader())
    elif not rows.num_rows:
        console.out.print(f"No row of {definition.name} since {window[0]:%Y-%m-%d %H:%M:%S} UTC.")
    else:
        console.out.print(_listing(rows))


def _listing(rows: pa.Table) -> Table:
    whole = Column("Request", no_wrap=True, min_width=_REQUEST_ID)
    when = Column("When (UTC)", no_wrap=True)
    names = (when, "Version", "Output", "Conf.", whole, "Row")
    table = Table(*names, box=None, padding=(0, 1, 0, 0))
    for row in rows.to_pylist():
        confidence = "" if row["confidence"] is None else f"{row['confidence']:.2f}"
        shadow = "" if row["role"] == "champion" else f" {row['role']}"
        table.add_row(
            f"{row['timestamp']:%m-%d %H:%M:%S}",
            f"{row['model_version']}{shadow}",
            Text(str(row["model_output"])),
            confidence,
            row["request_id"],
            str(row["row"]),
        )
    return table


def _query(
    lake: Lake,
    definition: ModelDefinition,
    window: tuple[datetime, datetime],
    sql: str,
    *,
    csv: bool,
    json: bool,
) -> None:
    # DuckDB and sqlglot take a while to import. So they are imported only here.
    from cli.shared.log_queries import LogDatabase

    with TemporaryDirectory(prefix="evergreen-") as folder:
        with Steps() as steps, steps.step("read", "Read the log") as say:
            database = LogDatabase(
                lake, definition, window, Path(folder), lambda rows: say(f"{rows:,} rows")
            )
            result = database.query(sql)
        with _readable_errors():
            if csv:
                _print_csv(result)
            elif json:
                console.document([_plain(row) for batch in result for row in batch.to_pylist()])
            else:
                _print_table(result)


@contextmanager
def _readable_errors() -> Iterator[None]:
    """Turn an error of DuckDB while it computes into one for people."""
    import duckdb

    from cli.shared.log_queries import LogQueryError

    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise LogQueryError(str(error).strip(), where="--sql") from error


def _print_table(result: pa.RecordBatchReader) -> None:
    table = Table(*(Column(Text(name)) for name in result.schema.names), box=None, pad_edge=False)
    rows = (
        row
        for batch in result
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    )
    for row in islice(rows, _MOST_SHOWN):
        table.add_row(*(Text("" if value is None else _text(value)) for value in row))
    console.out.print(table)
    if next(rows, None) is not None:
        console.err.print(f"Only the first {_MOST_SHOWN:,} rows are shown; --csv prints all.")


def _print_csv(result: pa.RecordBatchReader) -> None:
    from pyarrow import csv as arrow_csv

    with arrow_csv.CSVWriter(sys.stdout.buffer, result.schema) as writer:
        for batch in result:
            writer.write_batch(batch)


def _text(value: object) -> str:
    return to_text(value) if isinstance(value, datetime) and value.tzinfo else str(value)


def _plain(row: dict[str, object]) -> dict[str, object]:
    return {
        name: to_text(value.astimezone(UTC))
        if isinstance(value, datetime) and value.tzinfo
        else value
        for name, value in row.items()
    }
