"""The two tables of the lake, request log and ground truth: their columns, keys and places.

A table has one row per record. A record can arrive twice, because Firehose delivers at
least once or because a caller repeats a label. The table's key identifies such duplicates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc

from evergreen.model_definition.definition import PROBABILITIES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import date

    from evergreen.model_definition import ModelDefinition

TIMESTAMP_TYPE = pa.timestamp("us", tz="UTC")
JSON = pa.string()
MAX_REASON = 300
"""The number of characters kept of a reason why something cannot be read or compacted."""


@dataclass(frozen=True, slots=True)
class TableKind:
    """One of the lake's tables.

    Parameters
    ----------
    name
        Its folder in the data bucket.
    key
        The columns that identify a row. Rows with the same values in them are duplicates.
    keep
        Which of several duplicates counts: the first or the last to arrive.
    """

    name: Literal["request-log", "labels"]
    key: tuple[str, ...]
    keep: Literal["first", "last"]

    def landing_prefix(self, model: str) -> str:
        """Return the prefix at which Firehose lands the model's records."""
        return f"{self.name}/raw/model={model}/"

    def raw_prefix(self, model: str, day: date) -> str:
        """Return the prefix at which Firehose landed the records of ``day``."""
        return f"{self.landing_prefix(model)}{day:%Y/%m/%d}/"

    def day_landed(self, model: str, key: str) -> date | None:
        """Return the day of a raw object's prefix, None where it lies below none."""
        text = key.removeprefix(self.landing_prefix(model))[: len("2026/01/31/")]
        try:
            return datetime.strptime(text, "%Y/%m/%d/").replace(tzinfo=UTC).date()
        except ValueError:
            return None

    def table_name(self, model: str) -> str:
        """Return the name of the model's table in the catalogue."""
        return f"{model}_{self.name.replace('-', '_')}"

    def table_prefix(self, model: str) -> str:
        """Return the prefix of all files of the model's table."""
        return f"{self.name}/table/model={model}/"

    def held_prefix(self, model: str) -> str:
        """Return the prefix of the lists of raw objects that the table holds."""
        return f"{self.name}/held/model={model}/"

    def rejected_key(self, model: str, day: date, name: str) -> str:
        """Return where lines that do not parse are kept."""
        return f"{self.rejected_prefix(model)}dt={day:%Y-%m-%d}/{name}.jsonl"

    def rejected_prefix(self, model: str) -> str:
        """Return the prefix of all lines of the model that do not parse."""
        return f"rejected/{self.name}/model={model}/"

    def schema(
        self, definition: ModelDefinition, columns: Collection[str] | None = None
    ) -> pa.Schema:
        """Return the table's columns for one model.

        Parameters
        ----------
        definition
            The model's.
        columns
            What is wanted beside ``timestamp``, the key and ``role``, if not all.
        """
        label_type = pa.string() if definition.task == "classification" else pa.float64()
        if self.name == "labels":
            fields = {
                "timestamp": TIMESTAMP_TYPE,
                "request_id": pa.string(),
                "row": pa.int64(),
                "label": label_type,
                "observed_at": TIMESTAMP_TYPE,
            }
        else:
            fields = {
                "timestamp": TIMESTAMP_TYPE,
                "request_id": pa.string(),
                "row": pa.int64(),
                "model_version": pa.string(),
                "role": pa.string(),
                "model_output": label_type,
                "confidence": pa.float64(),
                **({PROBABILITIES: JSON} if definition.evaluation.takes_probabilities else {}),
                **{
                    name: pa.float64() if feature.is_numeric else pa.string()
                    for name, feature in definition.features.items()
                },
                "input_data": JSON,
                "metadata": JSON,
            }
        wanted = fields if columns is None else {"timestamp", "role", *self.key, *columns}
        return pa.schema([(name, kind) for name, kind in fields.items() if name in wanted])

    def deduplicated(self, table: pa.Table) -> pa.Table:
        """Return the table sorted by time with one row per key."""
        return table.take(self.order(table))

    def order(self, table: pa.Table) -> pa.Array:
        """Return the numbers of the rows that :meth:`deduplicated` keeps, in its order."""
        order = [("timestamp", "ascending"), *((name, "ascending") for name in self.key)]
        # Only times and keys are sorted and grouped: the other columns are moved once.
        rows = pc.sort_indices(table, sort_keys=order)
        numbers = pa.array(range(table.num_rows), pa.int64())
        keys = table.select(self.key).take(rows).append_column("_order", numbers)
        pick = "min" if self.keep == "first" else "max"
        kept = keys.group_by(list(self.key)).aggregate([("_order", pick)])[f"_order_{pick}"]
        return rows.take(kept.combine_chunks().take(pc.sort_indices(kept)))


REQUEST_LOG = TableKind("request-log", ("request_id", "row", "role"), "first")
LABELS = TableKind("labels", ("request_id", "row"), "last")


def concat(tables: Iterable[pa.Table], schema: pa.Schema) -> pa.Table:
    """Put tables of one schema below each other; of none, make an empty one."""
    return pa.concat_tables([schema.empty_table(), *tables])
