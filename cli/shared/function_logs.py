"""What the functions of a deployment write to CloudWatch Logs, on AWS and on the emulator."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.shared.target import Target

LOG_POLL_SECONDS = 2.0
_LATE = 10_000
"""Milliseconds by which an event may come after a later one."""
_OF_LAMBDA = ("START RequestId", "END RequestId", "INIT_START")


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line of a function's log."""

    at: datetime
    message: str

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a line that our functions write; empty for other lines."""
        try:
            read = json.loads(self.message)
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}

    @property
    def is_for_people(self) -> bool:
        """Whether it is more than a metric or a mark of Lambda's."""
        return "_aws" not in self.fields and not self.message.startswith(_OF_LAMBDA)


def log_groups(target: Target) -> dict[str, str]:
    """Return the log group of each function by its name without project and stage.

    Raises
    ------
    EvergreenError
        If there is none.
    """
    prefix = f"/aws/lambda/evergreen-{target.stage}-"
    pages = target.client("logs").get_paginator("describe_log_groups")
    found = [
        group["logGroupName"]
        for page in pages.paginate(logGroupNamePrefix=prefix)
        for group in page["logGroups"]
    ]
    if not found:
        raise EvergreenError(
            f"stage {target.stage!r} has no functions", fix="Deploy it with `evergreen deploy`."
        )
    return {name.removeprefix(prefix): name for name in sorted(found)}


def find_log_group(groups: dict[str, str], function: str) -> str:
    """Return the log group of a function; underscores may stand for dashes.

    Raises
    ------
    EvergreenError
        If there is no such function; the message names the nearest one.
    """
    for name, group in groups.items():
        if name.replace("_", "-") == function.replace("_", "-"):
            return group
    near = get_close_matches(function, groups, n=1, cutoff=0.4)
    asked = f"Did you mean {near[0]!r}? " if near else ""
    raise EvergreenError(
        f"there is no function {function!r}", fix=f"{asked}There are {', '.join(groups)}."
    )


def read_events(
    target: Target, group: str, since: datetime, text: str | None, *, follow: bool
) -> Iterator[LogEvent]:
    """Yield the lines of a log in the order in which they were written.

    Parameters
    ----------
    text
        Only lines with this text; None for all.
    follow
        Whether to wait for further lines, for ever.
    """
    client = target.client("logs")
    start = int(since.timestamp() * 1000)
    seen: dict[str, int] = {}
    while True:
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=start
        )
        found = [event for page in pages for event in page["events"]]
        for event in sorted(found, key=lambda each: each["timestamp"]):
            if event["eventId"] in seen:
                continue
            seen[event["eventId"]] = event["timestamp"]
            if text is None or text in event["message"]:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                yield LogEvent(at, event["message"].rstrip("\n"))
        if not follow:
            return
        start = max([start, *(moment - _LATE for moment in seen.values())])
        seen = {name: moment for name, moment in seen.items() if moment >= start}
        time.sleep(LOG_POLL_SECONDS)
