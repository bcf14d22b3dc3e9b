"""Errors of the code in a model's folder: the place in it, without the frames around it."""

from __future__ import annotations

import traceback
from pathlib import Path

from evergreen.errors import EvergreenError


def explain_own_error(error: BaseException, models: Path) -> str | None:
    """Say where in the user's files an error was raised, and what it says.

    Parameters
    ----------
    error
        What a command ended with. One that Evergreen raised because of another is told in its own
        words, with the place of the other.
    models
        The folder of the models.

    Returns
    -------
    One line for the error, and one for each frame of the user's that led there if there are
    several; None if no file below ``models`` has to do with it.
    """
    cause: BaseException | None = error
    while cause is not None:
        frames = _frames(cause, models)
        if frames:
            break
        cause = cause.__cause__
    else:
        return None
    if isinstance(error, EvergreenError):
        said = f"{error}\n  {frames[-1]}"
    else:
        said = f"{frames[-1]}: {type(cause).__name__}: {cause}"
    callers = [f"\n  called from {frame}" for frame in reversed(frames[:-1])]
    return said + "".join(callers)


def _frames(error: BaseException, models: Path) -> list[str]:
    """Return the places below ``models`` that an error went through, its origin last."""
    trace = traceback.extract_tb(error.__traceback__)
    places = [(frame.filename, frame.lineno) for frame in trace]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno))  # the file that could not be read
    return [
        f"{Path(name).relative_to(models.parent)}, line {line}"
        for name, line in places
        if Path(name).is_relative_to(models)
    ]
