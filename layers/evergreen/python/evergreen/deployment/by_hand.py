"""Training and promotion by hand: runs the library's steps against a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.bundle.predictor import Predictor
from evergreen.bundle.store import load_bundles
from evergreen.clock import utc_now
from evergreen.datasets.manifest import RowStudy
from evergreen.datasets.schema import normalise, to_columns
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of, split_rows
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.deployment.deployed_registry import registry_of
from evergreen.evaluation.evaluate import compare
from evergreen.events import Events
from evergreen.production import Production
from evergreen.release.context import ReleaseContext
from evergreen.release.promotion import candidate_pointer, promote, reject
from evergreen.training.row_study import study_aging
from evergreen.training.train import train_challenger
from evergreen.training.trainer import load_trainer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from evergreen.bundle.predictor import Predictions
    from evergreen.deployment.connection import Connection
    from evergreen.evaluation.comparison import Comparison
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import ProductionPointer
    from evergreen.registry.reader import RegisteredVersion
    from evergreen.registry.registration import Challenger
    from evergreen.release.decision_log import DecisionRecord


def release_context_of(target: Connection) -> ReleaseContext:
    """Return the release context of a deployment: the places that a decision is written to.

    Raises
    ------
    EvergreenError
        If the address of its MLflow server is not known.
    """
    return ReleaseContext(
        storage=target.storage,
        production=Production(target.stage, target.client("ssm")),
        registry=registry_of(target),
        events=Events(target.output("EventBusName"), target.client("events")),
        clock=utc_now,
    )


def train_and_promote(
    target: Connection,
    definition: ModelDefinition,
    folder: Path,
    data: pd.DataFrame,
    source: str,
    say: Callable[[str], None],
    trusted: frozenset[str] = frozenset(),
) -> DecisionRecord:
    """Train on a data set and promote the model, whichever version is in production.

    Parameters
    ----------
    folder
        The model's folder.
    data
        Features, target, and ``timestamp`` with a time zone.
    source
        The origin of the data, for the manifest.
    say
        Called with a short text about the current work.
    trusted
        Types that a model with ``serving = "sklearn"`` may load.
    """
    version = train_by_hand(target, definition, folder, data, source, say, trusted).version
    return promote_by_hand(target, definition, version, say, trusted)


def train_by_hand(
    target: Connection,
    definition: ModelDefinition,
    folder: Path,
    data: pd.DataFrame,
    source: str,
    say: Callable[[str], None],
    trusted: frozenset[str] = frozenset(),
) -> Challenger:
    """Write a data set, train a challenger on it and register it; nothing is promoted.

    Parameters
    ----------
    folder, data, source, say, trusted
        As in :func:`train_and_promote`.
    """
    context = release_context_of(target)
    say("writing the data set")
    table = split_rows(definition, pa.Table.from_pandas(data, preserve_index=False))
    say("asking earlier moments how fast its models age")
    normal = rows_of(normalise(definition, table), TRAIN)
    manifest = write_dataset(
        context.storage,
        definition,
        table,
        sources=[source],
        data_until=utc_now(),
        study=RowStudy(study_aging(definition, load_trainer(folder), normal)),
        clock=utc_now,
    )
    say(f"training on {manifest.train_rows:,} rows")
    return train_challenger(
        definition,
        folder,
        manifest,
        load_dataset(context.storage, definition.name, manifest.dataset_id),
        storage=context.storage,
        registry=context.registry,
        clock=utc_now,
        trusted=trusted,
    )


def promote_by_hand(
    target: Connection,
    definition: ModelDefinition,
    version: str,
    say: Callable[[str], None],
    trusted: frozenset[str] = frozenset(),
) -> DecisionRecord:
    """Put a registered challenger into production, whatever the comparison says.

    The challenger is compared with the champion on the challenger's holdout, for the decision log.

    Raises
    ------
    RegistryError
        If there is no such version with a bundle, or it was in production before.
    """
    context, name = release_context_of(target), definition.name
    registered = context.registry.find(name, version)
    pointer = context.production.read_last_valid(name)
    if pointer and pointer.version == version:  # an interrupted promotion: only finish it
        return promote(context, name, version, context.registry.comparison_of(registered.run_id))
    say("comparing it with the champion" if pointer else "measuring it")
    comparison, serves = _compared(context, definition, registered, trusted)
    if pointer:
        reason = f"promoted by hand; {comparison.reason}"
        comparison = comparison.model_copy(update={"decision": "promote", "reason": reason})
    comparison = comparison.then_serves(serves)
    context.registry.log_comparison(registered, comparison, utc_now())
    say("promoting")
    return promote(context, name, version, comparison)


def decide_by_hand(
    target: Connection,
    definition: ModelDefinition,
    version: str,
    say: Callable[[str], None],
    trusted: frozenset[str] = frozenset(),
) -> DecisionRecord:
    """Promote a registered challenger if it is better than the champion, and else reject it.

    Raises
    ------
    RegistryError
        If there is no such version with a bundle, or it was in production before.
    """
    context, name = release_context_of(target), definition.name
    registered = context.registry.find(name, version)
    say("comparing it with the champion")
    comparison, serves = _compared(context, definition, registered, trusted)
    comparison = comparison.then_serves(serves)
    context.registry.log_comparison(registered, comparison, utc_now())
    decide = promote if comparison.decision == "promote" else reject
    return decide(context, name, version, comparison)


def predict_holdout(
    target: Connection,
    definition: ModelDefinition,
    version: str,
    trusted: frozenset[str] = frozenset(),
) -> tuple[pa.Table, Predictions]:
    """Return the holdout of a registered version, and what its judged model predicts there."""
    context = release_context_of(target)
    registered = context.registry.find(definition.name, version)
    rows = load_dataset(context.storage, definition.name, registered.dataset_id, split=HOLDOUT)
    candidate = candidate_pointer(registered, promoted_at=utc_now())
    judged = load_bundles(context.storage, candidate, trusted).judged
    return rows, Predictor(judged).predict(to_columns(definition, rows))


def _compared(
    context: ReleaseContext,
    definition: ModelDefinition,
    registered: RegisteredVersion,
    trusted: frozenset[str],
) -> tuple[Comparison, str | None]:
    """Compare a version with the champion; return what would serve after a promotion, too."""
    pointer = context.production.read_last_valid(definition.name)
    rows = load_dataset(context.storage, definition.name, registered.dataset_id)
    candidate = candidate_pointer(registered, promoted_at=utc_now())
    challenger = load_bundles(context.storage, candidate, trusted)
    comparison = compare(
        definition,
        rows_of(rows, HOLDOUT),
        champion=load_bundles(context.storage, pointer, trusted).judged if pointer else None,
        challenger=challenger.judged,
        training=rows_of(rows, TRAIN),
        champion_training=_trained_on(context, definition.name, pointer),
    )
    return comparison, challenger.serves


def _trained_on(
    context: ReleaseContext, model: str, pointer: ProductionPointer | None
) -> pa.Table | None:
    if pointer is None:
        return None
    return load_dataset(context.storage, model, pointer.reference_dataset_id, split=TRAIN)
