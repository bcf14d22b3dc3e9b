"""The limits of a function: memory, time, disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capacity:
    """The limits of one function."""

    memory: int = 256
    """Memory in MiB; the CPU share grows with it."""
    seconds: int = 30
    disk: int = 512
    """Size of ``/tmp`` in MiB."""
    laptop_at_once: int | None = None
    """The largest number of parallel invocations on the emulator; None for no limit."""


# A new AWS account may use at most 3008 MiB in one function.
WORKER = Capacity(memory=3008, seconds=900, disk=2048)
"""The capacity of functions that read many rows at once."""
