"""A server that speaks so much of Athena's API as our state machines do, and runs SQL with DuckDB.

It reads the Iceberg tables that the catalogue names, and the keys that ``prepare_query`` wrote. It
refuses what Athena refuses: to write where something is, and a column with a time zone.
"""

from __future__ import annotations

import io
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp

from evergreen.lake.catalog import open_catalog
from evergreen.lake.data_files import ids_of
from evergreen.lake.query_places import QUERIES, USED_ROWS, used_rows_prefix
from evergreen.lake.sql import quoted_name
from evergreen.lake.table_schema import column_types
from evergreen.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

_UNLOAD = re.compile(r"UNLOAD \((.*)\) TO 's3://([^/]+)/([^']+/)' WITH \(.*\)", re.DOTALL)
_ROWS_A_FILE = 1000
"""So that the output of a small test is several files."""


@dataclass
class AthenaOnDuckDb:
    """The queries of one stack.

    Parameters
    ----------
    s3, lake_catalog
        Where the data is, and the catalogue of the tables; set once the stack runs.
    queries
        The statements by the identifier of their execution.
    """

    address: str = ""
    s3: S3Client | None = None
    lake_catalog: str = ""
    queries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def start(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Run a query to its end."""
        query_id = str(uuid4())
        status, statistics = {"State": "SUCCEEDED"}, {}
        try:
            statistics = self._unload(asked["QueryString"], query_id)
        except (duckdb.Error, ValueError) as error:
            status = {"State": "FAILED", "StateChangeReason": str(error)}
        self.queries[query_id] = {
            "QueryExecutionId": query_id,
            "Query": asked["QueryString"],
            "WorkGroup": asked["WorkGroup"],
            "Status": status,
            "Statistics": statistics,
        }
        return {"QueryExecutionId": query_id}

    def get(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Tell how a query ended."""
        return {"QueryExecution": self.queries[asked["QueryExecutionId"]]}

    def _unload(self, statement: str, query_id: str) -> dict[str, Any]:
        found = _UNLOAD.fullmatch(statement)
        if not found or self.s3 is None:
            raise ValueError(f"not an UNLOAD to a folder: {statement[:100]}")
        select, bucket, prefix = found.groups()
        storage = Storage(bucket, self.s3)
        if next(storage.list(prefix), None) is not None:
            raise ValueError(f"HIVE_PATH_ALREADY_EXISTS: {storage.uri(prefix)}")
        rows = self._run(storage, select)
        zoned = [each.name for each in rows.schema if getattr(each.type, "tz", None)]
        if zoned:
            raise ValueError(f"Unsupported Hive type: timestamp with time zone: {zoned}")
        if not rows.num_rows:
            return {}
        keys = []
        for first in range(0, rows.num_rows, _ROWS_A_FILE):
            keys.append(f"{prefix}{query_id}_{first}")
            body = io.BytesIO()
            pq.write_table(rows.slice(first, _ROWS_A_FILE), body)
            storage.put(keys[-1], body.getvalue())
        manifest = f"{QUERIES}results/{query_id}-manifest.csv"
        storage.put(manifest, "".join(f"{storage.uri(key)}\n" for key in keys).encode())
        return {"DataManifestLocation": storage.uri(manifest)}

    def _run(self, storage: Storage, select: str) -> pa.Table:
        parsed = sqlglot.parse_one(select, read="trino")
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        named = {(each.db, each.name) for each in parsed.find_all(exp.Table) if each.db}
        for database, name in named:
            rows = (
                _used_rows(storage)
                if name == USED_ROWS
                else _table_rows(storage, self.lake_catalog, database, name)
            )
            connection.register("rows_to_add", rows)
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted_name(database)}")
            connection.execute(f"CREATE TABLE {quoted_name(database, name)} AS FROM rows_to_add")
        return connection.sql(parsed.sql(dialect="duckdb")).to_arrow_table()


def _used_rows(storage: Storage) -> pa.Table:
    """Return the keys of data sets' rows, with the run that the place of a file names."""
    top = used_rows_prefix("")
    parts = [
        pa.schema(
            [("request_id", pa.string()), ("row", pa.int64()), ("run", pa.string())]
        ).empty_table()
    ]
    for item in storage.list(top):
        rows = pq.read_table(io.BytesIO(storage.get(item.key) or b""))
        run = item.key.removeprefix(top).split("/")[0]
        parts.append(rows.append_column("run", pa.array([run] * rows.num_rows, pa.string())))
    return pa.concat_tables(parts)


def _table_rows(storage: Storage, catalog_uri: str, database: str, name: str) -> pa.Table:
    """Return all rows of an Iceberg table as it is now, by the columns' ids."""
    table = open_catalog(catalog_uri, storage, database).catalog.load_table((database, name))
    columns = column_types(table.schema())
    parts = [pa.schema([*columns.values()]).empty_table()]
    for task in table.scan().plan_files():
        with (
            storage.open(storage.key(task.file.file_path)) as body,
            pq.ParquetFile(body) as file,
        ):
            there, rows = ids_of(file.schema_arrow), file.read()
        parts.append(
            pa.table(
                {
                    column: rows[there[number]].cast(kind)
                    if number in there
                    else pa.nulls(rows.num_rows, kind)
                    for number, (column, kind) in columns.items()
                }
            )
        )
    return pa.concat_tables(parts)


@contextmanager
def athena_on_duckdb() -> Iterator[AthenaOnDuckDb]:
    """Serve on a free port of this machine."""
    athena = AthenaOnDuckDb()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            answer = {
                "StartQueryExecution": athena.start,
                "GetQueryExecution": athena.get,
            }[operation](asked)
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    athena.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield athena
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
