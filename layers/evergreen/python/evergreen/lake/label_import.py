"""The import of ground truth: a file of any size becomes raw objects of the labels, in batches.

A record of the import in the data bucket says how far it came. Before a batch is written, the
record says where it will be. So a run that was killed at any point is continued by the next one,
which knows whether the batch was written. Even a batch written twice counts once, because the
readers take a label once.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from evergreen.capture.ground_truth import labels_landing_prefix
from evergreen.capture.label_files import FilePlace, LabelFile
from evergreen.capture.label_values import LabelLines
from evergreen.capture.lines import to_lines
from evergreen.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from evergreen.bundle.content import Signature
    from evergreen.capture.label_files import FileLine
    from evergreen.capture.refusals import Refusals
    from evergreen.clock import Clock
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

BATCH_LABELS = 20_000
"""Labels of one raw object: about 4 MB."""
_MAX_NEW_CLASSES = 20
_BLOCK = 1024 * 1024


class ImportProgress(BaseModel):
    """How far the import of a file came."""

    model_config = ConfigDict(frozen=True)

    place: FilePlace = FilePlace()
    started_at: datetime
    lines: int = 0
    """Lines that were read."""
    accepted: int = 0
    """Labels that were written, each row of a batch once."""
    repeated: int = 0
    """Labels that another one of the same batch replaced."""
    refused: int = 0
    """Lines that were refused."""
    new_classes: dict[str, int] = {}
    """Labels of a class that the champion does not know, by class; 20 classes at most."""
    objects: tuple[str, ...] = ()
    """Keys of the raw objects that were written."""
    finished_at: datetime | None = None


class _ImportRecord(BaseModel):
    """What the bucket knows about an import."""

    model_config = ConfigDict(frozen=True)

    done: ImportProgress
    next: ImportProgress | None = None
    """What ``done`` becomes when the last of its objects has been written."""


def import_key(model: str, file: LabelFile) -> str:
    """Return the key of an import's record: the same content read in the same way is one import."""
    digest = hashlib.sha256(json.dumps([file.format, file.columns], sort_keys=True).encode())
    with file.path.open("rb") as body:
        while block := body.read(_BLOCK):
            digest.update(block)
    return f"labels/imports/model={model}/{digest.hexdigest()[:16]}.json"


class LabelImport:
    """The import of one file for one model.

    Parameters
    ----------
    storage
        The data bucket.
    definition, signature
        The model, and its champion's signature. A label of another type than its classes is
        refused.
    file
        The file.
    refusals
        Takes the lines that are refused.
    request_id
        Returns the request id of a caller's id, or raises ValueError.
    clock
        The time at which a batch comes in.
    """

    def __init__(
        self,
        storage: Storage,
        definition: ModelDefinition,
        signature: Signature,
        file: LabelFile,
        refusals: Refusals,
        *,
        request_id: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._definition = definition
        self._file = file
        self._refusals = refusals
        self._clock = clock
        self._lines = LabelLines(
            definition, signature, file.columns, is_text=file.is_text, request_id=request_id
        )
        self._key = import_key(definition.name, file)

    def progress(self) -> ImportProgress | None:
        """Return how far earlier runs came; None if there was none."""
        body = self._storage.get(self._key)
        if body is None:
            return None
        record = _ImportRecord.model_validate_json(body)
        if record.next is not None:
            key = record.next.objects[-1]
            if any(item.key == key for item in self._storage.list(key)):
                return record.next
        return record.done

    def run(self, *, again: bool = False) -> Iterator[ImportProgress]:
        """Import what is left of the file; yield after each batch how far it is.

        Parameters
        ----------
        again
            Whether to begin at the start, although an earlier run went further.
        """
        done = None if again else self.progress()
        if done is None:
            done = ImportProgress(started_at=self._clock())
        if done.finished_at is not None:
            yield done
            return
        self._refusals.keep_until(done.place.line)
        batch = self._batch(done)
        for line in self._file.lines(done.place):
            batch.take(line)
            if max(batch.lines, len(batch.records)) >= BATCH_LABELS:
                done = self._land(batch)
                batch = self._batch(done)
                yield done
        done = self._land(batch).model_copy(update={"finished_at": self._clock()})
        self._remember(_ImportRecord(done=done))
        yield done

    def _batch(self, done: ImportProgress) -> _Batch:
        return _Batch(done, self._clock(), self._lines)

    def _land(self, batch: _Batch) -> ImportProgress:
        """Write a batch; killed anywhere, the next run finds out whether it was written."""
        self._refusals.add(batch.refused)
        if not batch.records:
            return batch.progress(())
        name = self._key.rpartition("/")[2].removesuffix(".json")
        prefix = labels_landing_prefix(self._definition.name)
        # No two runs share a key: what compaction has taken from an object must not change in it.
        key = (
            f"{prefix}{batch.timestamp:%Y/%m/%d/%H}/import-{name}-"
            f"{len(batch.before.objects):06d}-{batch.timestamp:%H%M%S%f}"
        )
        done = batch.progress((key,))
        self._remember(_ImportRecord(done=batch.before, next=done))
        self._storage.put(key, to_lines([*batch.records.values()]))
        return done

    def _remember(self, record: _ImportRecord) -> None:
        self._storage.put(self._key, record.model_dump_json().encode())


class _Batch:
    """Some lines of the file, and the progress behind them."""

    def __init__(self, before: ImportProgress, timestamp: datetime, reader: LabelLines) -> None:
        self.before = before
        self.timestamp = timestamp
        self.lines = 0
        self.refused: list[tuple[int, str, str]] = []
        self.records: dict[tuple[str, int], Mapping[str, Any]] = {}
        self._reader = reader
        self._place = before.place
        self._taken = 0

    def take(self, line: FileLine) -> None:
        """Read one line."""
        self.lines += 1
        self._place = line.after
        for found in self._reader.read(line.content, self.timestamp):
            if isinstance(found, FieldError):
                self.refused.append((line.number, found.path, found.message))
            else:
                self._taken += 1
                # Of two labels of a row the last one counts, also where both come at one time.
                self.records[found["request_id"], found["row"]] = found

    def progress(self, objects: tuple[str, ...]) -> ImportProgress:
        """Return how far the import is when this batch is written."""
        before, kept = self.before, len(self.records)
        labels = (record["label"] for record in self.records.values())
        new = Counter(before.new_classes)
        new.update(str(label) for label in labels if self._reader.is_new_class(label))
        return before.model_copy(
            update={
                "place": self._place,
                "lines": before.lines + self.lines,
                "accepted": before.accepted + kept,
                "repeated": before.repeated + self._taken - kept,
                "refused": before.refused + len({number for number, _, _ in self.refused}),
                "new_classes": dict(new.most_common(_MAX_NEW_CLASSES)),
                "objects": before.objects + objects,
            }
        )
