"""What a demonstration is to show, and what it found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from cli.shared.examples import DEFAULT_MODEL, Example, NoExampleError, find_example


@dataclass(frozen=True, slots=True)
class Story:
    """The model and the rows of a demonstration; defaults come from the model's example.

    Parameters
    ----------
    model
        Name of the model.
    trained_on
        Periods (months, years) that the first champion is trained on.
    replayed
        Periods replayed one after another until a challenger is promoted.
    fraction
        Share of all rows, 0 to 1.
    patience
        How long the schedule's next drift check is waited for. If it is further away, the check is
        started at once.
    """

    model: str = DEFAULT_MODEL
    trained_on: tuple[int, ...] | None = None
    replayed: tuple[int, ...] | None = None
    fraction: float | None = None
    patience: timedelta = timedelta(seconds=10)

    def example(self) -> Example:
        """Return the model's example with the changes of this story.

        Raises
        ------
        NoExampleError
            If a fraction is given for a time series, which can only be used whole.
        """
        example = find_example(self.model)
        given = {"trained_on": self.trained_on, "replayed": self.replayed}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value}
        if self.fraction is not None:
            if example.definition.forecast is not None and self.fraction != 1:
                raise NoExampleError(
                    "a time series cannot be sampled",
                    where=self.model,
                    fix="Leave --fraction out.",
                )
            changes["fraction"] = self.fraction
        return replace(example, **changes)


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of a demonstration in numbers; written to ``.evergreen/demo.json``."""

    model: str
    rows_served: int
    rows_logged: int
    drift_checks: int
    drift_checks_started_by_demo: int
    """Of these, those that the demonstration started because the schedule's was far away."""
    drift_detected: int
    retrainings: int
    promoted: int
    champion_before: str
    champion_after: str
    metric: str
    metric_champion: float | None
    metric_challenger: float | None
    periods_replayed: tuple[str, ...]
    seconds: dict[str, float]
