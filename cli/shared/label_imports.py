"""Imports of ground truth into a deployment, with what they print on the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from cli.shared.champion_classes import champion_signature
from evergreen.bundle.served import with_known_labels
from evergreen.capture.refusals import Refusals
from evergreen.clock import utc_now
from evergreen.lake.caller_ids import CallerIds
from evergreen.lake.import_outcome import find_outcome
from evergreen.lake.label_import import LabelImport
from evergreen.lake.reader import CLOCK_SKEW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.shared.progress import Steps
    from cli.shared.target import Target
    from evergreen.capture.label_files import LabelFile
    from evergreen.lake.import_outcome import ImportOutcome
    from evergreen.lake.label_import import ImportProgress
    from evergreen.lake.reader import Lake
    from evergreen.model_definition import ModelDefinition


@dataclass(frozen=True, slots=True)
class Imported:
    """The import of a file, which is finished."""

    file: Path
    report: Path
    already: bool
    """Whether an earlier run had finished it."""
    ignored: tuple[str, ...]
    """Columns that were not read."""
    progress: ImportProgress
    outcome: ImportOutcome


def import_file(
    target: Target,
    definition: ModelDefinition,
    file: LabelFile,
    *,
    report: Path,
    again: bool,
    steps: Steps,
    scratch: Path,
) -> Imported:
    """Import a file of ground truth, or what is left of it, and look its labels up.

    Raises
    ------
    NoProductionModelError
        If no version was promoted yet, so that there is no prediction to label.
    """
    storage = target.storage
    lake = target.lake
    signature = champion_signature(target, definition)

    with (
        CallerIds(scratch / "ids.sqlite") as ids,
        steps.step("import", f"Import {file.path.name}") as say,
    ):
        run = LabelImport(
            storage,
            with_known_labels(definition, signature),
            signature,
            file,
            Refusals(report),
            request_id=_lookup(ids, lake, definition),
            clock=utc_now,
        )
        before = None if again else run.progress()
        already = before is not None and before.finished_at is not None
        say("continued" if before and not already else "")
        for progress in run.run(again=again):
            share = progress.place.at / file.size if file.size else 1
            say(f"{progress.accepted:,} labels, {share:.0%}")
    with steps.step("look up", "Look the labels up in the request log"):
        outcome = find_outcome(
            storage,
            lake,
            definition,
            progress,
            known_at=datetime.fromtimestamp(file.path.stat().st_mtime, UTC),
            now=utc_now(),
        )
    return Imported(file.path, report, already, file.ignored, progress, outcome)


def _lookup(ids: CallerIds, lake: Lake, definition: ModelDefinition) -> Callable[[str], str]:
    """Return what finds the request of a caller's id. The log is read when the first one comes."""

    @cache
    def read_log() -> None:
        now = utc_now()
        since = now - definition.retraining.label_wait - CLOCK_SKEW
        ids.read(lake, definition, since, now + CLOCK_SKEW)

    def request_id(caller_id: str) -> str:
        read_log()
        return ids.request_id(caller_id)

    return request_id
