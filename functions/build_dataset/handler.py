"""Lambda: build the data set of a challenger.

Event: ``{"model": …}``, and with a query engine ``query``, which has read the log. The answer adds
``dataset_id``, ``champion`` (the version in production) and ``window``, a description of the
training rows.

An event with ``dataset_id`` names a data set that a person has uploaded. Then only its manifest is
completed: how fast a model of these rows ages. The answer is the event.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from evergreen.aws import LONG
from evergreen.bundle.served import with_known_labels
from evergreen.bundle.store import read_signature
from evergreen.clock import utc_now
from evergreen.datasets.builder import build_dataset
from evergreen.errors import NoProductionModelError
from evergreen.lake.query_output import QueryOutput
from evergreen.lake.reader import Lake
from evergreen.model_definition import find_definition
from evergreen.training.row_study import study_rows, study_uploaded
from evergreen.training.trainer import load_trainer, require_recipe
from functions.shared import clients
from functions.shared.finished_query import OptionalQuery
from functions.shared.lake import lake
from functions.shared.lake_settings import settings
from functions.shared.logs import create_logger

logger = create_logger()


class Request(BaseModel):
    """The request: the model, and the query that has read its log or the uploaded data set."""

    model_config = ConfigDict(frozen=True)

    model: str
    query: OptionalQuery = None
    dataset_id: str | None = None


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Build the data set, or complete the uploaded one.

    Raises
    ------
    NotEnoughDataError
        If too few rows have been labelled since the champion's data set.
    ModelDefinitionError
        If the model's versions are imported.
    OutdatedQueryError
        If the query asked for what is new to another data set.
    """
    request = Request.model_validate(event)
    definition = find_definition(settings().models, request.model)
    folder = settings().models / definition.name
    require_recipe(definition, folder)
    trainer = load_trainer(folder)
    storage = clients.storage(settings().bucket, LONG)
    if request.dataset_id is not None:
        uploaded = study_uploaded(storage, definition, trainer, request.dataset_id)
        logger.info("data set studied", extra=uploaded.model_dump(mode="json"))
        return event
    pointer = clients.production(settings().stage, LONG).read(definition.name)
    if pointer is None:
        raise NoProductionModelError(
            "no version is in production whose data set could be extended",
            where=definition.name,
            fix="Train and promote a first model by hand.",
        )
    source: Lake | QueryOutput = (
        request.query.output(storage, pointer.reference_dataset_id)
        if request.query
        else lake(settings())
    )
    manifest = build_dataset(
        storage,
        source,
        with_known_labels(definition, read_signature(storage, pointer)),
        pointer,
        study=partial(study_rows, definition, trainer),
        clock=utc_now,
    )
    logger.info("data set built", extra=manifest.model_dump(mode="json"))
    # The query is long, and has done its work.
    kept = {name: value for name, value in event.items() if name != "query"}
    answer = kept | {"dataset_id": manifest.dataset_id, "champion": pointer.version}
    return answer | ({"window": manifest.window.reason} if manifest.window else {})
