"""The section ``[drift]``: when and how strictly drift is looked for."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from evergreen.model_definition.base import Period, Strict


class Schedule(Strict):
    """One drift check that recurs: every how long, over how long a window.

    A model may have any number: every six hours on the last six hours, every hour on a window of
    six hours that slides, once a day on the day. Each is judged by itself; see
    :attr:`Retraining.consecutive` for windows that overlap.
    """

    every: Period
    window: Period


class Drift(Strict):
    """When and how strictly drift is looked for."""

    schedules: tuple[Schedule, ...] = (
        Schedule(every=timedelta(hours=1), window=timedelta(hours=24)),
    )
    min_rows: int = Field(default=200, ge=20)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
