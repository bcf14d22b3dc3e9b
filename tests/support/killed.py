"""The end of a process, for tests of what the next one finishes."""

from __future__ import annotations


class Killed(BaseException):
    """Stands for the end of the process; the library must not catch it."""
