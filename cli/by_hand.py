"""Training and promoting by hand: the library's own steps, wired to a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from mlflow import MlflowClient

from evergreen.bundle import load_bundle
from evergreen.clock import utc_now
from evergreen.dataset import HOLDOUT, TRAIN, read_dataset, rows_of, split_rows, write_dataset
from evergreen.errors import EvergreenError
from evergreen.evaluation import compare
from evergreen.events import Events
from evergreen.production import Production
from evergreen.promotion import Desk, promote
from evergreen.registry import Registry
from evergreen.training import train_challenger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from cli.target import Target
    from evergreen.model_definition import ModelDefinition
    from evergreen.promotion import DecisionRecord


def desk_of(target: Target) -> Desk:
    """Return everything that a decision is written to, of one deployment.

    Raises
    ------
    EvergreenError
        If it is not known where MLflow is.
    """
    if target.mlflow_uri is None:
        raise EvergreenError(
            "no MLflow server is known", fix="Set MLFLOW_TRACKING_URI to its address"
        )
    return Desk(
        storage=target.storage,
        production=Production(target.stage, target.client("ssm")),
        registry=Registry(MlflowClient(tracking_uri=target.mlflow_uri)),
        events=Events(target.output("EventBusName"), target.client("events")),
        clock=utc_now,
    )


def train_and_promote(
    target: Target,
    definition: ModelDefinition,
    folder: Path,
    data: pd.DataFrame,
    source: str,
    say: Callable[[str], None],
) -> DecisionRecord:
    """Train on a data set and put the model into production, whatever is there now.

    Parameters
    ----------
    folder
        The model's folder.
    data
        Features, target, and an aware ``timestamp``.
    source
        Where the data came from, for the manifest.
    say
        Told in a few words what is going on.
    """
    desk = desk_of(target)
    say("writing the data set")
    table = split_rows(definition, pa.Table.from_pandas(data, preserve_index=False))
    manifest = write_dataset(
        desk.storage, definition, table, sources=[source], data_until=utc_now(), clock=utc_now
    )
    rows = read_dataset(desk.storage, definition.name, manifest.dataset_id)
    say(f"training on {manifest.train_rows:,} rows")
    challenger = train_challenger(
        definition,
        folder,
        manifest,
        rows,
        storage=desk.storage,
        registry=desk.registry,
        clock=utc_now,
    )
    say("promoting")
    pointer = desk.production.read(definition.name)
    champion = load_bundle(desk.storage, pointer) if pointer else None
    comparison = compare(
        definition,
        rows_of(rows, HOLDOUT),
        champion=champion,
        challenger=challenger.bundle,
        training=rows_of(rows, TRAIN),
    )
    if pointer:
        reason = f"promoted by hand; {comparison.reason}"
        comparison = comparison.model_copy(update={"decision": "promote", "reason": reason})
    return promote(desk, definition.name, challenger.version, comparison)
