"""Lambda: compare champion and challenger on the holdout of the challenger's data set.

Event: ``{"model": …, "dataset_id": …, "challenger": …, "because": [ground, …]}``; the answer adds
the comparison (:class:`evergreen.evaluation.comparison.Comparison`), ``decision`` and ``reason``
first. The report with all numbers and plots goes to the challenger's run in MLflow.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pyarrow as pa
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from evergreen.aws import LONG
from evergreen.bundle.store import load_bundles
from evergreen.clock import utc_now
from evergreen.datasets.holdout_predictions import read_holdout_predictions
from evergreen.datasets.manifest import read_manifest
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of
from evergreen.datasets.store import load_dataset
from evergreen.evaluation.circumstances import circumstances_of
from evergreen.evaluation.evaluate import evaluate
from evergreen.evaluation.report import EvaluationContext
from evergreen.events import Ground
from evergreen.model_definition import find_definition
from evergreen.production import ProductionPointer
from evergreen.registry.reports import keep_report
from evergreen.registry.writer import Registry
from evergreen.release.promotion import candidate_pointer
from evergreen.storage import Storage
from functions.evaluate.settings import settings
from functions.shared import clients
from functions.shared.logs import create_logger
from functions.shared.tracking import open_registry

logger = create_logger()


class Request(BaseModel):
    """The request: the challenger to evaluate, and the data set with its holdout."""

    model_config = ConfigDict(frozen=True)

    model: str
    dataset_id: str
    challenger: str
    because: tuple[Ground, ...] = ()
    """Grounds on which the retraining was started; none if somebody started it by hand."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Compare and answer with the decision."""
    request = Request.model_validate(event)
    definition = find_definition(settings().models, request.model)
    pointer = clients.production(settings().stage, LONG).read(definition.name)
    registered = _registry().find(definition.name, request.challenger)
    storage = clients.storage(settings().bucket, LONG)
    rows = load_dataset(storage, definition.name, request.dataset_id)
    at = utc_now()
    trusted = settings().trusted_types
    challenger = load_bundles(storage, candidate_pointer(registered, promoted_at=at), trusted)
    production = load_bundles(storage, pointer, trusted) if pointer else None
    evaluation = evaluate(
        definition,
        rows_of(rows, HOLDOUT),
        training=rows_of(rows, TRAIN),
        champion=production.judged if production else None,
        serving=production.serving if production else None,
        champion_training=_trained_on(storage, pointer, definition.name),
        challenger=challenger.judged,
        champion_holdout=(
            read_holdout_predictions(storage, definition.name, pointer.version) if pointer else None
        ),
        circumstances=circumstances_of(
            read_manifest(storage, definition.name, request.dataset_id),
            read_manifest(storage, definition.name, pointer.reference_dataset_id)
            if pointer
            else None,
            request.because,
        ),
    )
    evaluation = replace(
        evaluation, comparison=evaluation.comparison.then_serves(challenger.serves)
    )
    champion = pointer.version if pointer else None
    context = EvaluationContext(
        registered.run_id, request.challenger, champion, request.dataset_id, at
    )
    comparison = keep_report(evaluation, context, _registry())
    _registry().log_comparison(registered, comparison, at)
    logger.info(
        comparison.reason, extra={"model": definition.name, "decision": comparison.decision}
    )
    return event | comparison.model_dump(mode="json")


def _trained_on(storage: Storage, pointer: ProductionPointer | None, model: str) -> pa.Table | None:
    if pointer is None:
        return None
    return load_dataset(storage, model, pointer.reference_dataset_id, split=TRAIN)


@cache
def _registry() -> Registry:
    return open_registry(settings())
