"""A small promoted model and its traffic, in a folder that replaces the bucket."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from evergreen.bundle.predictor import Predictions
from evergreen.clock import to_text
from evergreen.datasets.holdout_predictions import holdout_key, to_holdout_file
from evergreen.datasets.splitting import split_rows
from evergreen.datasets.store import write_dataset
from evergreen.drift.check import run_check
from evergreen.drift.log import read_check_records
from evergreen.lake.reader import Lake
from evergreen.model_definition import Evaluation, Feature, ModelDefinition, RequestLog
from evergreen.production import ProductionPointer
from tests.support.folder_bucket import Folder
from tests.support.lake_tables import catalog_in
from tests.support.log_records import request_records

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from evergreen.drift.check import CheckResult
    from evergreen.drift.records import DriftRecord

END = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class WatchedModel:
    """A promoted model and its traffic."""

    def __init__(self, path: Path, **changes: Any) -> None:
        self.storage = Folder(path)
        self.rng = np.random.default_rng(3)
        self.definition = ModelDefinition(
            name="toy",
            task="classification",
            target="y",
            features={
                "size": Feature(type="float", nullable=True),
                "city": Feature(type="category"),
                "secret": Feature(type="float"),
            },
            request_log=RequestLog(redact=("secret",)),
            **{"evaluation": Evaluation(min_labelled_rows=20), **changes},
        )
        rows = self.draw(1500)
        table = pa.Table.from_pylist(rows)
        start = END - 30 * DAY
        times = [start + timedelta(seconds=number) for number in range(table.num_rows)]
        table = table.append_column("timestamp", pa.array(times))
        table = table.append_column("y", pa.array([row["city"] for row in rows]))
        self.dataset = write_dataset(
            self.storage,
            self.definition,
            split_rows(self.definition, table),
            sources=["test"],
            data_until=start,
            clock=lambda: start,
        )
        self.pointer = ProductionPointer(
            version="2",
            bundle_uri="s3://bucket/bundles/toy/2/",
            sha256="0" * 64,
            reference_dataset_id=self.dataset.dataset_id,
            promoted_at=start,
            metric=1.0,
        )
        self.hold_out(500)

    def hold_out(self, count: int, *, refit: bool = False) -> None:
        """Store the predictions of the version in production on rows that it was not trained on."""
        cities = [row["city"] for row in self.draw(count)]
        times = pa.array([END - 31 * DAY] * count, pa.timestamp("us", tz="UTC"))
        body = to_holdout_file(
            self.definition,
            pa.table({"timestamp": times, "y": cities}),
            self.said(cities, self.confidences(count)),
            refit=refit,
        )
        self.storage.put(holdout_key("toy", "2"), body)

    def said(self, outputs: list[Any], confidences: list[float]) -> Predictions:
        """Return what the model says of rows; a subclass adds the probabilities of all classes."""
        return Predictions(outputs, confidences)

    def confidences(self, count: int, fall: float = 0.0) -> list[float]:
        return [float(value) for value in self.rng.uniform(0.6, 1.0, count) - fall]

    def draw(self, count: int, shift: float = 0.0) -> list[dict[str, Any]]:
        sizes = self.rng.normal(shift, 1, count)
        cities = self.rng.choice(["Ham", "Ulm"], count)
        return [
            {"size": float(size), "city": str(city), "secret": 1.0}
            for size, city in zip(sizes, cities, strict=True)
        ]

    def serve(
        self,
        count: int,
        *,
        at: datetime = END - timedelta(hours=1),
        version: str = "2",
        role: str = "champion",
        shift: float = 0.0,
        fall: float = 0.0,
        labelled: int = 0,
    ) -> tuple[str, list[str]]:
        rows = self.draw(count, shift)
        name = f"{to_text(at)}-{version}-{role}"
        outputs = [row["city"] for row in rows]
        said = self.said(outputs, self.confidences(count, fall))
        takes = self.definition.evaluation.takes_probabilities
        records = request_records(
            timestamp=at,
            request_id=name,
            definition=self.definition,
            model_version=version,
            rows=rows,
            outputs=outputs,
            confidences=said.confidences,
            probabilities=said.by_class() if takes else None,
            metadata={"role": role},
        )
        self._land("request-log", at, name, records)
        if labelled:
            self.label(name, outputs[:labelled])
        return name, outputs

    def label(
        self, request_id: str, labels: Sequence[str], at: datetime = END - timedelta(minutes=30)
    ) -> None:
        when = to_text(at)
        records = [
            {"timestamp": when, "request_id": request_id, "row": row, "label": label}
            | {"observed_at": when, "model": "toy"}
            for row, label in enumerate(labels)
        ]
        self._land("labels", at, request_id, records)

    def _land(self, table: str, at: datetime, name: str, records: list[dict[str, Any]]) -> None:
        key = f"{table}/raw/model=toy/{at:%Y/%m/%d/%H}/{name}"
        self.storage.put(key, "".join(f"{json.dumps(line)}\n" for line in records).encode())

    def check(self, end: datetime = END, window: timedelta = DAY, **options: Any) -> CheckResult:
        return run_check(
            self.definition,
            self.pointer,
            Lake(self.storage, catalog_in(self.storage), clock=lambda: END),
            self.storage,
            start=end - window,
            end=end,
            clock=lambda: end,
            **options,
        )

    def logged(self) -> list[DriftRecord]:
        return list(read_check_records(self.storage, "toy", END - DAY, END + DAY))
