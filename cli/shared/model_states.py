"""The state of each model of a deployment, as `evergreen status` shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

from cli.shared.deployed_models import deploy_command, is_model_deployed
from cli.shared.examples import MODELS
from evergreen.clock import utc_now
from evergreen.metrics.history import SPANS
from evergreen.model_definition import load_valid_definitions
from evergreen.production import Production
from evergreen.reporting.status import StatusReader
from evergreen.shadow.look import describe_progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cli.shared.target import Target
    from evergreen.release.executions import RunningRetraining
    from evergreen.reporting.shown import ModelStatus, Status


@dataclass(frozen=True, slots=True)
class ModelStates:
    """What is known of the models of a deployment, and of those that are only in the folder."""

    status: Status
    undeployed: frozenset[str]
    """Models whose stack is missing: new ones, or those of a deployment that was interrupted."""
    faults: Mapping[str, str]
    """What is wrong with each definition that cannot be read, by the name of its folder."""
    deploy: str
    """The command that deploys what is missing."""


def read_model_states(target: Target) -> ModelStates:
    """Read the state of every model; a part that cannot be read is named in ``unread``.

    Raises
    ------
    NotDeployedError
        If the stage is not deployed.
    """
    definitions, faults = load_valid_definitions(MODELS)
    missing = frozenset(name for name in definitions if not is_model_deployed(target, name))
    reader = StatusReader(
        stage=target.stage,
        definitions=definitions,
        production=Production(target.stage, target.client("ssm")),
        storage=target.storage,
        cloudwatch=target.client("cloudwatch"),
        stepfunctions=target.client("stepfunctions"),
        clock=utc_now,
    )
    return ModelStates(reader.read(SPANS["1h"]), missing, faults, deploy_command(target))


def model_table(states: ModelStates) -> Table:
    """Return one row for each model: what serves, how it is, and how old its newest metric is."""
    table = Table("Model", "In production", "Drift check", "Newest metric", box=None)
    status = states.status
    for model in status.models:
        table.add_row(
            model.name,
            _production(model, deployed=model.name not in states.undeployed),
            _verdict(model),
            _age(model.newest_metric_at, status.generated_at) if _has(model, "metrics") else "?",
        )
    return table


def remarks(states: ModelStates) -> list[str]:
    """Return what the table has no room for: shadows, retrainings, what could not be read."""
    said = list(states.faults.values())
    if states.undeployed:
        names = ", ".join(sorted(states.undeployed))
        said.append(f"Not deployed: {names}. Run `{states.deploy}`.")
    for model in states.status.models:
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


def _production(model: ModelStatus, *, deployed: bool) -> str:
    if not _has(model, "production"):
        return "?"
    now = model.production
    if not deployed:
        return f"not deployed; {now.version} was promoted" if now else "not deployed"
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
