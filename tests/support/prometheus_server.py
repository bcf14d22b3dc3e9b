"""Queries of a running Prometheus, through its HTTP API."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

from local.monitoring import find_programs, missing_packages
from local.settings import read_settings
from local.state import StateFile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from local.monitoring import Programs
    from local.settings import Settings


def need_prometheus() -> Programs:
    """Return the installed programs; if one is missing, fail and name it."""
    settings = read_settings()
    programs = find_programs(settings)
    assert programs is not None, f"install {' '.join(missing_packages(settings))}, or: make apt"
    return programs


def address(settings: Settings, name: str) -> str:
    """Return the URL of one of a stack's services."""
    return StateFile(settings.paths.state_file).read().services[name].url


def ask(url: str, path: str, **parameters: str) -> Any:
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{url}{path}?{query}", timeout=30) as answer:
        return json.load(answer)


def select(prometheus: str, query: str) -> list[dict[str, Any]]:
    """Return the series of an instant query."""
    found: list[dict[str, Any]] = ask(prometheus, "/api/v1/query", query=query)["data"]["result"]
    return found


def targets(prometheus: str) -> dict[str, str]:
    """Return the health of every job's target, by job."""
    active = ask(prometheus, "/api/v1/targets", state="active")["data"]["activeTargets"]
    return {each["labels"]["job"]: each["health"] for each in active}


def wait[Found](look: Callable[[], Found | None], *, seconds: float, what: str) -> Found:
    """Wait until ``look`` finds something, and return it."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.5)
    return found


def wait_until_none_is_left(look: Callable[[], Collection[object]], *, seconds: float) -> None:
    """Wait until ``look`` finds nothing; on a timeout fail and show what is left."""
    deadline = time.monotonic() + seconds
    while (left := look()) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not left
