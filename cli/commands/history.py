"""`evergreen history`: show a model's promotions, rejections and rollbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.padding import Padding
from rich.text import Text

from cli.shared import console
from cli.shared.examples import MODELS
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.target import choose
from evergreen.clock import utc_now
from evergreen.errors import EvergreenError
from evergreen.model_definition import find_definition

if TYPE_CHECKING:
    from datetime import datetime

    from cli.shared.target import Target
    from evergreen.release.history import HistoryEntry

_DECISIONS = {
    "promote": ("promoted {}", " over {}", "green"),
    "reject": ("rejected {}", " against {}", "default"),
    "roll_back": ("rolled back to {}", " from {}", "red"),
}
_LINE = "{:<16} {:<23} {:<20} {:>4} {}"
_INDENT = 17


def command(
    model: ModelArgument,
    *,
    version: Annotated[
        str | None, typer.Option(help="Show all that belongs to the decisions about this version.")
    ] = None,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Show every promotion, rejection and rollback of a model, with metrics and reason.

    The oldest decision comes first. Both versions were compared on the same holdout, by the metric
    of the model's definition. "Metric" shows the value of the version that was in production, then
    the value of the new version. P is the probability that the new version is better. "By" says
    who decided: a retraining, an alarm, `evergreen doctor --fix`, or a person ("hand").

    While a challenger is in the shadow, the last lines say since when, how many rows of how many it
    has scored, agreement and metric so far, and the next look.

    --version shows the decisions about one version: the run, the data set, the evaluation report,
    and the steps of the execution with the time that each took.

    --json prints more: the number of rows, the execution or alarm, and the decision record's key.

    Next: `evergreen rollback MODEL --to VERSION` goes back to a version that was in production.
    """
    from evergreen.production import Production
    from evergreen.release.history import read_release_history
    from evergreen.shadow.look import describe_progress, read_look, shadow_progress

    definition = find_definition(MODELS, model)
    target = choose(aws=aws, stage=stage)
    if version is not None:
        _show_version(target, model, version, json=json)
        return
    production = Production(target.stage, target.client("ssm"))
    entries = read_release_history(target.storage, production, model)
    pointer = production.read_last_valid(model)
    slot = pointer.shadow if pointer else None
    progress = shadow_progress(definition, slot, read_look(target.storage, model)) if slot else None
    if json:
        console.document(
            {
                "model": model,
                "generated_at": utc_now(),
                "shadow": progress.model_dump(mode="json") if progress else None,
                "production": pointer.model_dump(mode="json") if pointer else None,
                "history": [entry.model_dump(mode="json") for entry in entries],
            }
        )
        return
    if entries:
        header = _LINE.format("When (UTC)", "What", "Metric", "P", "By")
        console.out.print(header, style="bold", soft_wrap=True)
    for entry in entries:
        console.out.print(_line(entry), soft_wrap=True)
        console.out.print(Padding(Text(entry.reason, "dim"), (0, 0, 0, _INDENT)))
    standing = (
        f"In production: version {pointer.version} since {_when(pointer.promoted_at)}."
        if pointer
        else f"No version of {model} is in production."
    )
    console.out.print(f"\n{standing}", soft_wrap=True)
    if progress:
        console.out.print(
            f"In the shadow: version {progress.version} since {_when(progress.since)}: "
            f"{describe_progress(definition.metric, progress)}. "
            f"Next look {_when(progress.next_look_at)}.",
            soft_wrap=True,
        )


def _show_version(target: Target, model: str, version: str, *, json: bool) -> None:
    from cli.shared.decision_view import read_decisions_about

    found = read_decisions_about(target, model, version)
    if not found:
        raise EvergreenError(
            "nothing was decided about this version",
            where=f"{model}, version {version}",
            fix=f"`evergreen history {model}` lists what was.",
        )
    if json:
        decisions = [each.document() for each in found]
        console.document({"model": model, "version": version, "decisions": decisions})
        return
    for each in found:
        for line in each.lines():
            console.out.print(line, soft_wrap=isinstance(line, Text))


def _line(entry: HistoryEntry) -> Text:
    what, against, colour = _DECISIONS[entry.decision]
    said = what.format(entry.version) + (against.format(entry.against) if entry.against else "")
    p = _number(entry.probability_better, 2)
    return Text(
        _LINE.format(f"{entry.at:%Y-%m-%d %H:%M}", said, _metric(entry), p, entry.by or "–"), colour
    )


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _metric(entry: HistoryEntry) -> str:
    if entry.metric is None:
        return "–"
    return f"{entry.metric} {_number(entry.metric_against, 3)} → {_number(entry.metric_version, 3)}"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
