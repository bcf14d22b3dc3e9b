"""The state of each model of a deployment, as `evergreen status` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from cli.shared.examples import MODELS
from evergreen.clock import utc_now
from evergreen.metrics.history import SPANS
from evergreen.model_definition import load_definitions
from evergreen.production import Production
from evergreen.reporting.status import StatusReader
from evergreen.shadow.look import describe_progress

if TYPE_CHECKING:
    from datetime import datetime

    from cli.shared.target import Target
    from evergreen.release.executions import RunningRetraining
    from evergreen.reporting.shown import ModelStatus, Status


def read_model_states(target: Target) -> Status:
    """Read the state of every model; a part that cannot be read is named in ``unread``.

    Raises
    ------
    NotDeployedError
        If the stage is not deployed.
    """
    reader = StatusReader(
        stage=target.stage,
        definitions=load_definitions(MODELS),
        production=Production(target.stage, target.client("ssm")),
        storage=target.storage,
        cloudwatch=target.client("cloudwatch"),
        stepfunctions=target.client("stepfunctions"),
        clock=utc_now,
    )
    return reader.read(SPANS["1h"])


def model_table(status: Status) -> Table:
    """Return one row for each model: what serves, how it is, and how old its newest metric is."""
    table = Table("Model", "In production", "Drift check", "Newest metric", box=None)
    for model in status.models:
        table.add_row(
            model.name,
            _production(model),
            _verdict(model),
            _age(model.newest_metric_at, status.generated_at) if _has(model, "metrics") else "?",
        )
    return table


def remarks(status: Status) -> list[str]:
    """Return what the table has no room for: shadows, retrainings, what could not be read."""
    said = []
    for model in status.models:
        if shadow := model.shadow:
            said.append(
                f"{model.name}: version {shadow.version} is in the shadow since "
                f"{shadow.since:%Y-%m-%d %H:%M:%S}: {describe_progress(model.metric, shadow)}. "
                f"Next look {shadow.next_look_at:%H:%M:%S}."
            )
        if retraining := model.retraining:
            said.append(f"{model.name}: {_retraining(retraining)}.")
        if model.unread:
            said.append(f"{model.name}: could not read {', '.join(model.unread)}.")
    return said


def _retraining(running: RunningRetraining) -> str:
    begun = f"a retraining runs since {running.since:%Y-%m-%d %H:%M:%S}"
    state = f', now "{running.state}"' if running.state else ""
    if running.waiting_since is None:
        return begun + state
    return f"{begun}{state}; it waits since {running.waiting_since:%H:%M:%S}: {running.waiting_for}"


def _has(model: ModelStatus, part: str) -> bool:
    return part not in model.unread


def _production(model: ModelStatus) -> str:
    if not _has(model, "production"):
        return "?"
    now = model.production
    return f"{now.version} since {now.promoted_at:%Y-%m-%d %H:%M}" if now else "none yet"


def _verdict(model: ModelStatus) -> str:
    if not _has(model, "checks"):
        return "?"
    return model.checks[0].verdict.replace("_", " ") if model.checks else "none yet"


def _age(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "none within a week"
    minutes = max(int((now - moment).total_seconds() // 60), 0)
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 2880 else f"{minutes // 1440} days ago"
