"""`make test-engine ROWS=10000000`: the same rows from Spark as from the small engine, or it fails.

The queries are the lake's own, in Trino's dialect. sqlglot turns them into Spark's.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import sqlglot

from cdk.constructs.building.assets import ROOT
from cli.shared.console import out as console
from evergreen.lake.sql import tables_of
from evergreen.lake.tables import LABELS, REQUEST_LOG
from tests.benchmarks.engine.measured import run_measured
from tests.benchmarks.engine.tables import folder_of, queries, write_tables
from tests.support.made_up_log import DATABASE

if TYPE_CHECKING:
    from tests.benchmarks.engine.measured import Measured

ENGINE = ROOT / ".evergreen" / "engine" / "bin" / "python"
RESULT = ROOT / ".evergreen" / "bench" / "engine.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--worker-mb", type=int, default=2048, help="memory of each of two workers")
    options = parser.parse_args()
    if not shutil.which("java"):
        sys.exit(
            "Spark needs Java 17: apt-get install --no-install-recommends openjdk-17-jre-headless"
        )
    with tempfile.TemporaryDirectory(prefix="evergreen-engine-") as folder:
        root = Path(folder)
        write_tables(root, options.rows, say)
        small = {name: _small(root, name) for name in queries()}
        spark, measured = _spark(root, options.worker_mb)
        compared = {name: _compare(root, name) for name in queries()}
    result = {
        "rows": options.rows,
        "spark": spark["version"],
        "spark_peak_mb": measured.peak_mb,
        "queries": {
            name: {
                "rows": compared[name],
                "small_seconds": round(small[name].seconds, 1),
                "small_peak_mb": small[name].peak_mb,
                "spark_seconds": round(spark["seconds"][name], 1),
            }
            for name in queries()
        },
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    show(result)


def _small(root: Path, name: str) -> Measured:
    say(f"the small engine reads: {name}")
    command = [sys.executable, "-m", "tests.benchmarks.engine.small", str(root), name]
    return run_measured(command, str(root / f"small-{name}.log"))


def _spark(root: Path, worker_mb: int) -> tuple[dict[str, Any], Measured]:
    say("Spark reads: two workers")
    tables = tables_of(DATABASE, "awkward")
    names = ((tables.request_log, REQUEST_LOG), (tables.labels, LABELS))
    request = {
        "worker_mb": worker_mb,
        "scratch": str(root / "scratch"),
        "answer": str(root / "answer.json"),
        "tables": {name.replace('"', "`"): str(folder_of(root, kind)) for name, kind in names},
        "queries": {
            name: {
                "sql": sqlglot.transpile(query, read="trino", write="spark")[0],
                "folder": str(root / "spark" / name),
            }
            for name, query in queries().items()
        },
    }
    asked = root / "request.json"
    asked.write_text(json.dumps(request))
    script = str(Path(__file__).with_name("on_spark.py"))
    log = root.parent / f"{root.name}.log"
    measured = run_measured([str(ENGINE), script, str(asked)], str(log))
    log.unlink()
    return json.loads((root / "answer.json").read_text()), measured


def _compare(root: Path, name: str) -> int:
    """Return the number of rows, which are the same on both sides.

    Raises
    ------
    SystemExit
        If a row is on one side only, or more often.
    """
    connection = duckdb.connect()
    connection.execute(f"SET temp_directory = '{root / 'scratch'}'; SET memory_limit = '6GB'")
    small = connection.from_parquet(str(root / "small" / f"{name}.parquet"))
    columns = ", ".join(
        f'CAST("{column}" AS TIMESTAMP) AS "{column}"'
        if column in {"timestamp", "observed_at", "labelled_at"}
        else f'"{column}"'
        for column in small.columns
    )
    sides = [
        f"(SELECT {columns} FROM '{root}/{path}')"
        for path in (f"small/{name}.parquet", f"spark/{name}/*.parquet")
    ]
    counts = [_count(connection, f"SELECT * FROM {side}") for side in sides]
    ours, theirs = (
        _count(connection, f"SELECT * FROM {one} EXCEPT ALL SELECT * FROM {other}")
        for one, other in (sides, sides[::-1])
    )
    say(f"{name}: {counts[0]:,} and {counts[1]:,} rows; {ours} and {theirs} on one side only")
    if ours or theirs or not counts[0]:
        sys.exit(f"the engines disagree about: {name}")
    return counts[0]


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM ({query})").fetchone()
    assert found
    return int(found[0])


def show(result: dict[str, Any]) -> None:
    """Print the figures."""
    console.print(f"{result['rows']:,} rows in the log, Spark {result['spark']}, two workers")
    for name, query in result["queries"].items():
        console.print(
            f"  {name}: {query['rows']:,} rows, the same from both; "
            f"small {query['small_seconds']} s and {query['small_peak_mb']:,} MiB, "
            f"Spark {query['spark_seconds']} s"
        )
    console.print(f"  Spark's processes together: {result['spark_peak_mb']:,} MiB at most")


def say(text: str) -> None:
    """Say what is going on."""
    console.print(f"· {text}")


if __name__ == "__main__":
    main()
