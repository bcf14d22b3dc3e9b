"""Lambda: build the data set of a challenger.

Event: ``{"model": …}``, and with a query engine ``query``, which has read the log. The answer adds
``dataset_id``, ``champion`` (the version in production) and ``window``, a description of the
training rows.
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
from evergreen.training.row_study import study_rows
from evergreen.training.trainer import load_trainer, require_recipe
from functions.shared import clients
from functions.shared.finished_query import OptionalQuery
from functions.shared.lake import lake
from functions.shared.lake_settings import settings
from functions.shared.logs import create_logger

logger = create_logger()


class Request(BaseModel):
    """The request: the model, and the query that has read its log."""

    model_config = ConfigDict(frozen=True)

    model: str
    query: OptionalQuery = None


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Build the data set.

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
    pointer = clients.production(settings().stage, LONG).read(definition.name)
    if pointer is None:
        raise NoProductionModelError(
            "no version is in production whose data set could be extended",
            where=definition.name,
            fix="Train and promote a first model by hand.",
        )
    folder = settings().models / definition.name
    require_recipe(definition, folder)
    trainer = load_trainer(folder)
    storage = clients.storage(settings().bucket, LONG)
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
