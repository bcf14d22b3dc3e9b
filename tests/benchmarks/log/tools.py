"""The same day made into Parquet by three tools: features beside the JSON, each row once.

All three write the columns of the request log's table, compressed with zstd and sorted by time.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from evergreen.lake.tables import REQUEST_LOG
from tests.benchmarks.log.sample import CATEGORIES, DATABASE, DAY, DEFINITION, NUMBERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_METADATA = {
    "source_ip": "VARCHAR",
    "user_agent": "VARCHAR",
    "batch_size": "BIGINT",
    "role": "VARCHAR",
    "inference_ms": "DOUBLE",
    "schema_version": "BIGINT",
}


def prepare_evergreen(folder: Path) -> Callable[[], None]:
    """Import what a compaction needs; the result compacts the day below ``folder``.

    What an earlier measurement has left there is removed first.
    """
    from evergreen.lake.catalog import open_catalog  # noqa: PLC0415
    from evergreen.lake.compaction import compact  # noqa: PLC0415
    from tests.support.folder_bucket import Folder  # noqa: PLC0415

    import_pandas()
    (folder / "catalog.db").unlink(missing_ok=True)
    for place in ("table", "held"):
        shutil.rmtree(folder / REQUEST_LOG.name / place, ignore_errors=True)

    def run() -> None:
        storage = Folder(folder)
        catalog = open_catalog(f"sqlite:///{folder}/catalog.db", storage, DATABASE)
        report = compact(storage, catalog, DEFINITION, clock=lambda: DAY + timedelta(days=2))
        if report.failures:
            raise RuntimeError(str(report.failures))

    return run


def import_pandas() -> None:
    """Let pyarrow import pandas, which it does at the first value that it makes, if there is one.

    The environment of the compaction function has none.
    """
    import pyarrow as pa  # noqa: PLC0415

    pa.scalar(0)


def prepare_duckdb(folder: Path) -> Callable[[], None]:
    """Import DuckDB; the result writes one Parquet file beside the raw objects."""
    import duckdb  # noqa: PLC0415

    inputs = ", ".join(
        [f'"{name}" DOUBLE' for name in NUMBERS] + [f'"{name}" VARCHAR' for name in CATEGORIES]
    )
    about = ", ".join(f'"{name}" {kind}' for name, kind in _METADATA.items())
    columns = {
        "timestamp": "TIMESTAMPTZ",
        "request_id": "VARCHAR",
        "row": "BIGINT",
        "model_version": "VARCHAR",
        "model_output": "VARCHAR",
        "confidence": "DOUBLE",
        "input_data": f"STRUCT({inputs})",
        "metadata": f"STRUCT({about})",
    }
    declared = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    features = ", ".join(f'input_data."{name}" AS "{name}"' for name in (*NUMBERS, *CATEGORIES))

    def run() -> None:
        connection = duckdb.connect()
        connection.execute(f"SET memory_limit = '8GB'; SET temp_directory = '{folder}/spilled'")
        connection.execute(
            f"""
            COPY (
              SELECT timestamp, request_id, "row", model_version, metadata.role AS role,
                     model_output, confidence, {features},
                     to_json(input_data) AS input_data, to_json(metadata) AS metadata
              FROM read_json('{_raw(folder)}/*/*', format='newline_delimited',
                             columns={{{declared}}})
              QUALIFY row_number() OVER (
                PARTITION BY request_id, "row", metadata.role ORDER BY timestamp) = 1
              ORDER BY timestamp, request_id, "row"
            ) TO '{folder}/duckdb.parquet' (FORMAT parquet, COMPRESSION zstd)
            """
        )

    return run


def prepare_polars(folder: Path) -> Callable[[], None]:
    """Import Polars; the result writes one Parquet file beside the raw objects."""
    import polars as pl  # noqa: PLC0415

    kinds = {"VARCHAR": pl.String, "BIGINT": pl.Int64, "DOUBLE": pl.Float64}
    schema: dict[str, Any] = {
        "timestamp": pl.String,
        "request_id": pl.String,
        "row": pl.Int64,
        "model_version": pl.String,
        "model_output": pl.Boolean,
        "confidence": pl.Float64,
        "input_data": pl.Struct(
            dict.fromkeys(NUMBERS, pl.Float64) | dict.fromkeys(CATEGORIES, pl.String)
        ),
        "metadata": pl.Struct({name: kinds[kind] for name, kind in _METADATA.items()}),
    }

    def run() -> None:
        inputs, about = pl.col("input_data"), pl.col("metadata")
        files = sorted(_raw(folder).glob("*/*"))
        (
            pl.scan_ndjson(files, schema=schema)
            .select(
                pl.col("timestamp").str.to_datetime(time_unit="us", time_zone="UTC"),
                *("request_id", "row", "model_version"),
                about.struct.field("role"),
                pl.col("model_output").cast(pl.String),
                "confidence",
                *(inputs.struct.field(name) for name in (*NUMBERS, *CATEGORIES)),
                inputs.struct.json_encode(),
                about.struct.json_encode(),
            )
            .unique(REQUEST_LOG.key, keep="first")
            .sort("timestamp", "request_id", "row")
            .collect()
            .write_parquet(folder / "polars.parquet", compression="zstd")
        )

    return run


TOOLS = {"evergreen": prepare_evergreen, "duckdb": prepare_duckdb, "polars": prepare_polars}


def written_bytes(tool: str, folder: Path) -> int:
    """Return the size of the Parquet files that a tool has written."""
    table = folder / REQUEST_LOG.name / "table"
    files = [*table.rglob("*.parquet")] if tool == "evergreen" else [folder / f"{tool}.parquet"]
    return sum(file.stat().st_size for file in files)


def _raw(folder: Path) -> Path:
    return folder / REQUEST_LOG.raw_prefix(DEFINITION.name, DAY.date())
