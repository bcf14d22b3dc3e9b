"""`evergreen logs`: what a function writes to its log."""

from __future__ import annotations

import json as json_
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from cli.shared import console
from cli.shared.function_logs import find_log_group, log_groups, read_events
from cli.shared.options import Aws, Json, Stage
from cli.shared.target import choose
from evergreen.clock import parse_period, to_text, utc_now

if TYPE_CHECKING:
    from cli.shared.function_logs import LogEvent

_COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}
_KNOWN = {"level", "location", "message", "timestamp", "service", "exception", "exception_name"}
_OF_CALL = {"cold_start", "xray_trace_id"}


def command(
    function: Annotated[
        str | None,
        typer.Argument(help="A function, such as check-drift. Default: list them."),
    ] = None,
    *,
    since: Annotated[
        str, typer.Option(help="How far back, such as `10 minutes` or `1 day`.")
    ] = "1 hour",
    text: Annotated[str | None, typer.Option(help="Only lines with this text.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for further lines, until Ctrl-C.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also metrics and the marks of Lambda itself.")
    ] = False,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Show what a function has written to its log, on the laptop and on AWS.

    The name is that of the folder below `functions/`, and for `predict` also the model:
    `evergreen logs predict-flight-delay`. Without a name the functions are listed.

    A line has the time (UTC), the level, the message, and the other fields that were logged with
    it. With --json the lines are JSON, one each; --follow and --json together suit other programs.

    Next: `evergreen log MODEL` shows the request log.
    """
    target = choose(aws=aws, stage=stage)
    groups = log_groups(target)
    if function is None:
        _list(groups, json=json)
        return
    group = find_log_group(groups, function)
    begin = utc_now() - parse_period(since)
    shown = 0
    for event in read_events(target, group, begin, text, follow=follow):
        if everything or event.is_for_people:
            shown += 1
            _show(event, json=json)
    if not shown:
        console.progress(function, f"nothing within {since}")


def _list(groups: dict[str, str], *, json: bool) -> None:
    if json:
        console.document(groups)
        return
    for name in groups:
        console.out.print(name, markup=False)
    console.out.print("\nShow one with `evergreen logs FUNCTION`.", style="dim")


def _show(event: LogEvent, *, json: bool) -> None:
    if json:
        line = {"timestamp": to_text(event.at), "line": event.fields or event.message}
        sys.stdout.write(json_.dumps(line, default=str) + "\n")
        sys.stdout.flush()
        return
    fields = event.fields
    level = str(fields.get("level", ""))
    said = Text(f"{event.at:%m-%d %H:%M:%S} ", "dim")
    said.append(f"{level:<8}", _COLOURS.get(level, ""))
    said.append(str(fields.get("message", event.message)))
    for name, value in fields.items():
        if name not in _KNOWN | _OF_CALL and not name.startswith("function_"):
            said.append(f" {name}={value}", "dim")
    if trace := fields.get("exception"):
        said.append(f"\n{trace}", "red")
    console.out.print(said, soft_wrap=True)
