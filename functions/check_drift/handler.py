"""Lambda: check one window of one model for drift.

Event: ``{"model": …, "window": "24 hours"}``, optionally ``"end"`` (RFC 3339; now by default) and
``"report": true`` for the report page even if no feature drifted. With a query engine also
``query``, what it found in the window.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from evergreen.aws import LONG
from evergreen.bundle.served import served_definition
from evergreen.bundle.store import read_signature
from evergreen.clock import utc_now
from evergreen.drift.episodes.store import remove_sent_notices, update_episodes
from evergreen.events import Events
from evergreen.metrics.catalog import Metric
from evergreen.model_definition import ModelDefinition, Period, find_definition
from evergreen.release import executions
from evergreen.release.retraining_lock import is_retraining
from evergreen.storage import Storage
from functions.check_drift.findings import completed, event_of, findings_of
from functions.check_drift.settings import settings
from functions.shared import clients
from functions.shared.finished_query import OptionalMoment, OptionalQuery
from functions.shared.lake import lake
from functions.shared.logs import create_logger
from functions.shared.metrics import Recorder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.drift.check import CheckResult
    from evergreen.drift.episodes.state import Episodes
    from evergreen.drift.records import UnivariateTest
    from evergreen.lake.reader import Lake

MAX_FEATURES = 50
"""The largest number of features whose effect is written as a metric."""

_UNLIMITED = 1000
"""Retrainings that no demonstration starts."""

logger = create_logger()


class CheckRequest(BaseModel):
    """The request: the model and the window to check."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    window: Period
    end: OptionalMoment = None
    report: bool = False
    query: OptionalQuery = None


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Check, publish metrics and events, and answer with the decision."""
    request = CheckRequest.model_validate(event)
    definition = _definition(request.model)
    pointer = clients.production(settings().stage, LONG).read_last_valid(definition.name)
    if pointer is None:
        logger.info("nothing to check yet", model=definition.name)
        # Every check writes data, so missing data means a missing check, and an alarm goes on.
        recorder = Recorder(definition.name)
        recorder.record(Metric.WINDOW_ROWS, 0)
        recorder.flush()
        return {"model": definition.name, "verdict": "no_production_model"}
    # Evidently takes seconds to import, which is too long if there is nothing to check.
    from evergreen.drift.check import run_check  # noqa: PLC0415
    from evergreen.drift.inputs import QueriedWindow  # noqa: PLC0415

    storage = clients.storage(settings().bucket, LONG)
    log = lake(settings())
    source: Lake | QueriedWindow = log
    end = request.end or utc_now()
    if request.query:
        source = QueriedWindow(log, request.query.output(storage, pointer.version))
        end = request.query.end or end
    # A changed model.toml applies to the next training. Until then the traffic is the bundle's.
    definition = served_definition(definition, read_signature(storage, pointer))
    result = run_check(
        definition,
        pointer,
        source,
        storage,
        start=end - request.window,
        end=end,
        clock=utc_now,
        report=request.report,
        retraining_runs=is_retraining(storage, definition.name, _is_running),
    )
    episodes = update_episodes(storage, findings_of(result, definition, utc_now()))
    publish_metrics(result, episodes)
    finished = completed(result, episodes)
    answer = finished.model_dump(mode="json")
    logger.info(result.decision.reason, **answer)
    events = Events(settings().event_bus, clients.aws_client("events", LONG))
    events.put(finished)
    tell(storage, events, episodes)
    return answer


def _is_running(execution: str) -> bool:
    return executions.is_running(clients.aws_client("stepfunctions", LONG), execution)


def _definition(model: str) -> ModelDefinition:
    definition = find_definition(settings().models, model)
    if (cooldown := settings().cooldown) is None:
        return definition
    # A demonstration replays months in minutes, so its budget is as good as none.
    changed = {"cooldown": cooldown, "refill": timedelta(minutes=1), "burst": _UNLIMITED}
    retraining = definition.retraining.model_copy(update=changed)
    return definition.model_copy(update={"retraining": retraining})


def tell(storage: Storage, events: Events, episodes: Episodes) -> None:
    """Put an event for each notice that is due, then remove these notices from the outbox.

    If the function dies in between, the next check puts the events again. A receiver recognises
    them by the episode's id and state.
    """
    due = episodes.due(episodes.check_id, utc_now())
    for notice in due:
        events.put(event_of(notice))
    if due:
        remove_sent_notices(storage, episodes.model, due)


def publish_metrics(result: CheckResult, episodes: Episodes) -> None:
    """Write the findings of a check as metrics.

    A check without a verdict writes only its number of rows: so few may seem to have moved, and an
    alarm would tell people so. CloudWatch bills a metric for each hour with a value, too.
    """
    recorder = Recorder(result.context.model)
    recorder.record(Metric.WINDOW_ROWS, result.context.rows)
    starts = result.decision.start_retraining
    judged = result.decision.verdict != "insufficient_data"
    if judged or episodes.open or starts:
        if judged:
            _record_findings(recorder, result)
        recorder.record(Metric.OPEN_EPISODES, len(episodes.open))
        recorder.record(Metric.DRIFT_RETRAININGS, int(starts))
    recorder.flush()


def _record_findings(recorder: Recorder, result: CheckResult) -> None:
    if result.features_tested:
        drifted = len(result.univariate.drifted_features)
        recorder.record(Metric.DRIFTED_FEATURES, drifted)
        recorder.record(Metric.DRIFTED_SHARE, 100 * drifted / result.features_tested)
    if result.multivariate.model_accuracy is not None:
        recorder.record(Metric.MULTIVARIATE_ACCURACY, result.multivariate.model_accuracy)
    for feature, effect in largest_effects(result.univariate.tests).items():
        recorder.record(Metric.EFFECT_SIZE, effect, feature)
    tested = result.performance
    if tested is not None and tested.value is not None and tested.threshold is not None:
        recorder.record(Metric.LIVE_METRIC, tested.value)
        recorder.record(Metric.PROMOTION_METRIC, tested.threshold)
        recorder.record(Metric.LIVE_METRIC_WORSE, int(tested.drifted))
    if result.estimate.value is not None:
        recorder.record(Metric.ESTIMATED_METRIC, result.estimate.value)


def largest_effects(tests: Sequence[UnivariateTest]) -> dict[str, float]:
    """Return the largest effect of each feature, of at most 50 features, the largest first."""
    largest: dict[str, float] = {}
    for test in tests:
        if test.effect_size is not None and math.isfinite(test.effect_size):
            known = largest.get(test.feature_name, 0.0)
            largest[test.feature_name] = max(known, test.effect_size)
    ranked = sorted(largest.items(), key=lambda item: -item[1])
    return dict(ranked[:MAX_FEATURES])
