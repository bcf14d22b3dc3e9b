"""`evergreen check-drift`: check a model for drift now and show the result."""

from __future__ import annotations

import json as json_
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.config import Config

from cli.shared import console
from cli.shared.deployed_models import require_deployed
from cli.shared.examples import MODELS
from cli.shared.executions import run_execution
from cli.shared.invocation import call
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.clock import from_text, parse_period, to_text, utc_now
from evergreen.errors import EvergreenError, NoProductionModelError
from evergreen.events import DriftCheckCompleted, EventType, read_event
from evergreen.model_definition import find_definition

if TYPE_CHECKING:
    from cli.shared.drift_view import CheckView
    from cli.shared.target import Target
    from evergreen.drift.distributions import Categories, Numbers
    from evergreen.drift.inputs import DriftInputs
    from evergreen.model_definition import ModelDefinition

LINK_SECONDS = 3600
CATEGORIES = 6
"""The number of a feature's categories that get their own bar."""


def command(
    model: ModelArgument,
    *,
    window: Annotated[
        str | None,
        typer.Option(
            help="Length of the window: '24 hours', '7 days'. Default: the first schedule's."
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(help="End of the window, such as 2026-05-04T15:00:00Z. Default: now."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Draw histograms of the drifted features.")
    ] = False,
    evidently: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Write Evidently's page of the same rows to a file (4 MB).",
        ),
    ] = None,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Check one window of a model's traffic for drift and show the verdict.

    Runs the deployed drift function, as the schedules do. The check is written to the drift log,
    may begin or end an episode, and starts a retraining if the model's policy says so.

    The check compares the requests to the version in production with the data that this version
    was trained on: each feature alone, and all features together. Where ground truth is known, it
    also measures the performance of the predictions.

    For each drifted feature you see the effect (the share of rows that lie elsewhere), the limit of
    the effect, and the p-value corrected for the number of tests. A feature has drifted if both
    effect and p-value are past their limits.

    Next: `evergreen retrain MODEL`, `evergreen history MODEL`.
    """
    from cli.shared.drift_view import CheckView
    from evergreen.drift.log import read_check

    definition = find_definition(MODELS, model)
    period = _period(window) if window else _scheduled(definition)
    until = _moment(end) if end else None
    target = choose(aws=aws, stage=stage)
    require_deployed(target, model)
    with Steps() as steps:
        with steps.step("check", f"Check {model}, the last {window or _in_words(period)}") as say:
            say("the drift function runs;")
            answer = run_check_now(target, model, period, until, report=explain)
        view = CheckView(
            records=read_check(target.storage, answer["log"]),
            episodes=read_check_event(answer).episodes,
        )
        if explain or evidently:
            with steps.step("explain", "Read the rows of reference and window") as say:
                compared = _compared(target, definition, view)
                if explain and compared:
                    view = replace(view, pictures=_pictures(view, *compared))
                if evidently and compared:
                    say("Evidently draws its page;")
                    evidently.write_text(_evidently_page(*compared), encoding="utf-8")
    report = _link(target, answer["report"]) if answer["report"] else None
    if json:
        console.document(_document(answer, view, report))
        return
    console.out.print()
    console.out.print(view.render(console.out.width))
    if report:
        console.out.print(f"Report  {report}", soft_wrap=True, markup=False)
    if evidently and evidently.exists():
        console.out.print(f"Evidently's page  {evidently}", soft_wrap=True, markup=False)


def run_check_now(
    target: Target, model: str, window: timedelta, end: datetime | None, *, report: bool
) -> dict[str, Any]:
    """Run the deployed drift function on a window and return its answer.

    Where a query engine reads the log, the state machine around the function runs.

    Raises
    ------
    NoProductionModelError
        If no version is in production.
    """
    event: dict[str, Any] = {
        "model": model,
        "window": f"{round(window.total_seconds())} seconds",
        "report": report,
    }
    if end is not None:
        event["end"] = to_text(end)
    machine = target.outputs.get("DriftStateMachineArn")
    if machine:
        answer = run_execution(target, machine, event)
    else:
        answer = call(target, "DriftFunctionName", event)
    if answer["verdict"] == "no_production_model":
        raise NoProductionModelError(
            "no version is in production, so there is no reference to compare with",
            where=model,
            fix="Train and promote a version: `evergreen train`, then `evergreen promote`",
        )
    return answer


def read_check_event(answer: dict[str, Any]) -> DriftCheckCompleted:
    """Return the function's answer as the event that it has sent with the same fields.

    Raises
    ------
    EvergreenError
        If the answer is another version's and lacks a field.
    """
    event = read_event(EventType.DRIFT_CHECK_COMPLETED, answer)
    assert isinstance(event, DriftCheckCompleted)
    return event


def _compared(
    target: Target, definition: ModelDefinition, view: CheckView
) -> tuple[ModelDefinition, DriftInputs] | None:
    """Return the rows that the check compared, and the model as it served them."""
    from evergreen.bundle.served import served_definition
    from evergreen.bundle.store import read_signature
    from evergreen.drift.inputs import read_drift_inputs
    from evergreen.production import Production

    pointer = Production(target.stage, target.client("ssm")).read(definition.name)
    if pointer is None:
        return None
    definition = served_definition(definition, read_signature(target.storage, pointer))
    decision = view.decision
    # The checked version. Another version may have been promoted in the meantime.
    checked = pointer.model_copy(
        update={
            "version": decision.model_version,
            "reference_dataset_id": decision.reference_dataset_id,
        }
    )
    return definition, read_drift_inputs(
        definition,
        checked,
        target.lake,
        target.storage,
        start=decision.window_start,
        end=decision.window_end,
    )


def _evidently_page(definition: ModelDefinition, found: DriftInputs) -> str:
    from evergreen.drift.detectors.univariate import compare_features

    outputs = found.outputs
    result = compare_features(
        {**definition.features, **outputs.features},
        {**found.reference, **outputs.reference},
        {**found.window, **outputs.window},
        alpha=definition.drift.alpha,
        unlogged=frozenset(definition.request_log.redact),
        untestable=outputs.untestable,
    )
    if result.evidently is None:
        raise EvergreenError(
            "no feature of this window could be tested, so Evidently has nothing to draw",
            where="--evidently",
            fix="Look at a longer --window.",
        )
    return result.evidently.html()


def _pictures(
    view: CheckView, definition: ModelDefinition, found: DriftInputs
) -> dict[str, Numbers | Categories]:
    from cli.shared.drift_view import TOP, bins_for
    from evergreen.drift.distributions import of_feature

    names = list(dict.fromkeys(test.feature_name for test in view.moved))[:TOP]
    features = {**definition.features, **found.outputs.features}
    reference = {**found.reference, **found.outputs.reference}
    answered = {**found.window, **found.outputs.window}
    bins = bins_for(console.out.width)
    return {
        name: of_feature(features[name], reference[name], answered[name], bins, CATEGORIES)
        for name in names
    }


def _link(target: Target, key: str) -> str:
    # A browser can open a signed URL for an hour. Objects encrypted with KMS need signature 4.
    s3 = target.client("s3", Config(signature_version="s3v4"))
    where = {"Bucket": target.output("BucketName"), "Key": key}
    return str(s3.generate_presigned_url("get_object", Params=where, ExpiresIn=LINK_SECONDS))


def _document(answer: dict[str, Any], view: CheckView, report: str | None) -> dict[str, Any]:
    return {
        **answer,
        "report_url": report,
        "records": [json_.loads(record.model_dump_json()) for record in view.records],
        "histograms": {name: asdict(picture) for name, picture in view.pictures.items()},
    }


def _period(text: str) -> timedelta:
    try:
        return parse_period(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--window") from error


def _moment(text: str) -> datetime:
    try:
        moment = from_text(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{error}; write it as 2026-05-04T15:00:00Z", param_hint="--end"
        ) from error
    if moment > utc_now():
        raise typer.BadParameter(f"{text} is in the future", param_hint="--end")
    return moment


def _scheduled(definition: ModelDefinition) -> timedelta:
    windows = [schedule.window for schedule in definition.drift.schedules]
    return windows[0] if windows else timedelta(days=1)


def _in_words(period: timedelta) -> str:
    return f"{period.total_seconds() / 3600:g} hours"
