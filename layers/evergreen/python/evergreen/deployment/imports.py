"""The import of an ONNX file into a deployment, on the laptop and on AWS alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.clock import utc_now
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.deployment.by_hand import release_context_of
from evergreen.training.foreign.run import register_imported

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from evergreen.deployment.connection import Connection
    from evergreen.model_definition import ModelDefinition
    from evergreen.registry.registration import Challenger
    from evergreen.training.foreign.trial import ImportedModel


def import_by_hand(
    target: Connection,
    definition: ModelDefinition,
    file: Path,
    imported: ImportedModel,
    rows: pa.Table,
    source: str,
    say: Callable[[str], None],
) -> Challenger:
    """Write the rows as a data set, and register an imported file as a version.

    Parameters
    ----------
    file, imported
        The file, and what :func:`evergreen.training.foreign.trial.import_onnx` made of it.
    rows
        The rows that it was tried on, with their split.
    source
        The origin of the rows, for the manifest.
    say
        Called with a short text about the current work.
    """
    context = release_context_of(target)
    say("writing the data set")
    manifest = write_dataset(
        context.storage, definition, rows, sources=[source], data_until=utc_now(), clock=utc_now
    )
    say("registering the version")
    return register_imported(
        imported,
        file,
        definition,
        manifest,
        load_dataset(context.storage, definition.name, manifest.dataset_id),
        storage=context.storage,
        registry=context.registry,
        clock=utc_now,
    )
