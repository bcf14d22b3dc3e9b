"""Changes to LocalStack's own code, which are made only if that code is the expected one."""

from __future__ import annotations

import inspect
import logging
import os
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = logging.getLogger(__name__)
_FAILED = 70


def is_on(setting: str) -> bool:
    """Return whether a strictness is on: it is, unless its variable is ``off``."""
    return os.environ.get(setting) != "off"


def rewrite(function: Callable[..., Any], *changes: tuple[str, str]) -> Callable[..., Any]:
    """Return the function with passages of its source replaced.

    Raises
    ------
    UnexpectedCodeError
        If a passage is not in its source exactly once: this is another LocalStack.
    """
    source = textwrap.dedent(inspect.getsource(function))
    for old, new in changes:
        if source.count(old) != 1:
            where = f"{function.__module__}.{function.__qualname__}"
            raise UnexpectedCodeError(f"{where} has {old!r} {source.count(old)} times, not once")
        source = source.replace(old, new)
    names: dict[str, Any] = {}
    code = compile(source, inspect.getsourcefile(function) or "<rewritten>", "exec")
    exec(code, function.__globals__, names)  # noqa: S102 - it is LocalStack's own source
    rewritten: Callable[..., Any] = names[function.__name__]
    return rewritten


def apply(change: Callable[[], None], setting: str) -> None:
    """Make a change, or end LocalStack: without it, it would pass for strict and not be."""
    try:
        change()
    except Exception:  # noqa: BLE001 - whatever it is, this LocalStack must not start
        _LOG.exception("This LocalStack is not the expected one. %s=off starts without it", setting)
        logging.shutdown()
        os._exit(_FAILED)


class UnexpectedCodeError(Exception):
    """LocalStack's code is not what a change was written for."""
