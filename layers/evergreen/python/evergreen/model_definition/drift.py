"""The section ``[drift]``: when and how strictly drift is looked for."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from evergreen.model_definition.base import Period, Strict


class Schedule(Strict):
    """One drift check that recurs.

    A model may have several: every six hours on the last six hours, every hour on a sliding window
    of six hours, once a day on the day. Each is judged by itself; see
    :attr:`~evergreen.model_definition.retraining.Retraining.consecutive` for windows that overlap.
    """

    every: Period
    """Time between two checks, in whole minutes. ``drift_period`` in ``cdk.json`` replaces it."""
    window: Period
    """Length of the window that a check looks at. The window ends at the check."""


class Drift(Strict):
    """When and how strictly drift is looked for."""

    schedules: tuple[Schedule, ...] = (
        Schedule(every=timedelta(hours=1), window=timedelta(hours=24)),
    )
    """The checks: a list of tables, each with ``every`` and ``window``."""
    min_rows: int | None = Field(default=None, ge=20)
    """Fewest rows in a window that allow a verdict; with fewer it is ``insufficient_data``. Also
    the fewest labelled rows that allow a verdict about performance. Without it: a twentieth of the
    champion's rows, at least 30 and at most 200."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Probability with which a whole check raises a false alarm at most. The single-feature tests,
    the joint test and, where there is ground truth, the performance test share it equally. So does
    the estimate where ``[retraining] on`` has ``estimated_performance`` and there is no ground
    truth."""
