"""`evergreen doctor`: find and repair inconsistencies that an interruption left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cli.shared import console, executions
from cli.shared.examples import MODELS
from cli.shared.lost_state import find_forgotten
from cli.shared.options import Aws, Json, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.clock import parse_period, utc_now
from evergreen.deployment.connection import NotDeployedError
from evergreen.model_definition import find_definition, load_definitions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.shared.target import Target
    from evergreen.lake.unjoined import UnjoinedLabels
    from evergreen.repair.consistency import Inconsistency
    from evergreen.repair.loss import Loss


_LABELS_OF = timedelta(days=7)
_ADVICE = "Send ground truth under the request_id of the prediction's answer, within label_wait"


def command(
    model: Annotated[
        str | None, typer.Argument(help="Name of the model. Default: all models.")
    ] = None,
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Repair everything that was found.")] = False,
    grace: Annotated[
        str, typer.Option(help="Age from which an unused object counts as abandoned.")
    ] = "2 hours",
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Find and repair what interrupted retrainings, promotions and rollbacks left behind.

    The command finds:

    - a champion in MLflow that is not the version in production,
    - a promotion, rejection or rollback that was not finished,
    - a production pointer that names the bucket of a deployment that was destroyed,
    - a lock or a shadow slot whose execution has ended,
    - versions without a decision,
    - bundles, data sets and runs that belong to no version.

    It leaves alone what a running retraining may use.

    It also says what is gone of a version that MLflow has in production: its pointer, its bundle or
    its data set. Then a new version has to be trained. If LocalStack has stopped since the last
    deployment, it says that the app is gone, what is kept, and how it serves again.

    It also counts the labels that belong to no logged prediction, and those that are no class of
    the model or far from its range. Evergreen cannot repair these: only the sender of the labels
    can.

    With --fix it completes or undoes everything it found. Without --fix it changes nothing. It
    exits with 1 if there is something left to repair, or something is gone.
    """
    # MLflow takes seconds to import. So it is imported only here.
    with Steps() as steps, steps.step("doctor", "Examine") as say:
        from evergreen.deployment.by_hand import release_context_of
        from evergreen.repair.consistency import find_inconsistencies
        from evergreen.repair.loss import find_loss

        period = _period(grace)
        names = [find_definition(MODELS, model).name] if model else [*load_definitions(MODELS)]
        target = choose(aws=aws, stage=stage)
        if target.is_emulator and (forgotten := find_forgotten(target)):
            raise NotDeployedError(forgotten.what, fix=forgotten.mend)
        context = release_context_of(target)
        findings: list[Inconsistency] = []
        losses: list[Loss] = []
        unused: dict[str, UnjoinedLabels] = {}
        for name in names:
            say(name)
            lost = find_loss(context, name)
            losses += [lost] if lost else []
            unused[name] = _unjoined(target, name, serves=lost is None)
            findings += find_inconsistencies(
                context,
                name,
                is_running=lambda execution: executions.is_execution_running(target, execution),
                grace=period,
            )
    if fix:
        for finding in findings:
            finding.repair()
            console.progress(finding.model, f"{finding.fix}: done")
    remarks = [(lost.model, lost.what, _mend(lost.model)) for lost in losses]
    remarks += [(name, *remark) for name, each in unused.items() for remark in _told(each)]
    if json:
        console.document(_document(findings, remarks, fixed=fix))
    else:
        if not findings and not losses:
            console.out.print(f"No inconsistency found for {', '.join(names)}.", soft_wrap=True)
        _print(findings, remarks, fixed=fix)
    if losses or (findings and not fix):
        raise typer.Exit(1)


def _print(
    findings: list[Inconsistency], remarks: list[tuple[str, str, str]], *, fixed: bool
) -> None:
    if findings:
        console.out.print(_table(findings, fixed=fixed))
        if not fixed:
            console.out.print("\nRun `evergreen doctor --fix` to repair this.")
    for name, remark, advice in remarks:
        console.out.print(f"{name}: {remark}. {advice}.", soft_wrap=True, markup=False)


def _document(
    findings: list[Inconsistency], remarks: list[tuple[str, str, str]], *, fixed: bool
) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [
        {"model": each.model, "found": each.what, "fix": each.fix, "fixed": fixed}
        for each in findings
    ]
    unrepaired: list[dict[str, object]] = [
        {"model": name, "found": remark, "fix": advice, "fixed": False}
        for name, remark, advice in remarks
    ]
    return [*found, *unrepaired]


def _mend(model: str) -> str:
    """Return the command that puts a version into production where none can serve."""
    if (MODELS / model / "data.py").exists():
        return f"Run `evergreen train {model}`, and promote the version that it names"
    return f"Run `evergreen train {model} --data FILE`, which also promotes it"


def _unjoined(target: Target, model: str, *, serves: bool) -> UnjoinedLabels:
    from evergreen.bundle.served import with_known_labels
    from evergreen.bundle.store import read_signature
    from evergreen.lake.reader import EARLIEST_LANDING
    from evergreen.lake.unjoined import find_unjoined
    from evergreen.production import Production

    # Later predictions may still be in Firehose's buffer.
    end = utc_now() - EARLIEST_LANDING
    definition = find_definition(MODELS, model)
    pointer = Production(target.stage, target.client("ssm")).read(model) if serves else None
    if pointer is not None:
        definition = with_known_labels(definition, read_signature(target.storage, pointer))
    return find_unjoined(target.lake, definition, end - _LABELS_OF, end)


def _told(found: UnjoinedLabels) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with labels, and what to do about it."""
    if found.unjoined:
        what = (
            f"{found.unjoined} of {found.labels} labels of the last {_LABELS_OF.days} days belong "
            f"to no logged prediction, such as {', '.join(found.examples)}"
        )
        yield what, _ADVICE
    if found.unusable:
        what = (
            f"{found.unusable} labels of the last {_LABELS_OF.days} days cannot be right and are "
            f"not used, such as {', '.join(found.unusable_examples)}"
        )
        yield what, "Send them again, or say in [ground_truth] of model.toml what a label can be"


def _table(findings: list[Inconsistency], *, fixed: bool) -> Table:
    table = Table("Model", "Found", "Done" if fixed else "To do", box=None, pad_edge=False)
    for finding in findings:
        table.add_row(finding.model, finding.what, finding.fix)
    return table


def _period(text: str) -> timedelta:
    if text.strip().partition(" ")[0] == "0":  # every unused object, whatever its age
        return timedelta(0)
    try:
        return parse_period(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
