"""What is replayed: rows in time order, cut into periods, and the model that faces them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from cli.shared.examples import find_example
from evergreen.model_definition import Schedule
from evergreen.training.trainer import load_trainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from evergreen.model_definition import ModelDefinition
    from evergreen.training.trainer import Trainer

TIME = "timestamp"


@dataclass(frozen=True, slots=True)
class Series:
    """What is replayed.

    Parameters
    ----------
    name
        What the tables call it.
    about
        One sentence for the page.
    definition, trainer
        The model.
    rows
        Features, target and ``timestamp`` (aware, UTC), oldest first.
    bounds
        Moments that cut the rows: what lies before the first trains the first champion, what lies
        between two is one period.
    label_delay
        From a prediction to the moment its outcome is known.
    window
        How far back a check looks; a period, if that is longer.
    block
        Rows within so long are not independent: they are drawn together when noise is estimated.
    split
        ``seen`` if it may be looked at while the loop is worked on, ``once`` if it is run once.
    settings
        ``default``, or ``own`` if some were chosen with the series in view.
    quiet
        Whether it is known that nothing drifts.
    """

    name: str
    about: str
    definition: ModelDefinition
    trainer: Trainer
    rows: pd.DataFrame
    bounds: tuple[datetime, ...]
    label_delay: timedelta
    window: timedelta
    block: timedelta
    split: Literal["seen", "once"] = "seen"
    settings: Literal["default", "own"] = "own"
    quiet: bool = False

    @property
    def periods(self) -> list[tuple[datetime, datetime]]:
        """Start and end of each period that is served."""
        return list(zip(self.bounds[:-1], self.bounds[1:], strict=True))

    def between(self, start: datetime | None, end: datetime) -> pd.DataFrame:
        """Return the rows with ``start <= timestamp < end``."""
        times = self.rows[TIME]
        inside = times < end
        return self.rows[inside if start is None else inside & (times >= start)]


def month_starts(first: tuple[int, int], last: tuple[int, int]) -> tuple[datetime, ...]:
    """Return the first moment (UTC) of each month from ``first`` to ``last``, both included."""
    numbers = range(first[0] * 12 + first[1] - 1, last[0] * 12 + last[1])
    return tuple(datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC) for number in numbers)


def flights(model: str, fraction: float) -> Series:
    """Return a year of flights; the first champion knows January and February."""
    example = find_example(model)
    about = {
        "flight_delay": "Will a flight from New York be late? Classification, F1.",
        "flight_duration": "How long will it be in the air? Regression, RMSE in minutes.",
    }[model]
    return Series(
        name=model,
        about=f"{about} {example.source}, 2013, share {fraction:g} of the flights.",
        definition=monthly(_thinned(example.definition, fraction)),
        trainer=load_trainer(example.folder),
        rows=example.load(tuple(range(1, 13)), fraction),
        bounds=month_starts((2013, 3), (2014, 1)),
        label_delay=timedelta(days=1),
        window=timedelta(0),
        block=timedelta(days=1),
    )


def monthly(definition: ModelDefinition) -> ModelDefinition:
    """Return the model with one check a month, over that month or the window it has if longer."""
    month = timedelta(days=31)
    window = max(month, *(schedule.window for schedule in definition.drift.schedules))
    drift = definition.drift.model_copy(
        update={"schedules": (Schedule(every=month, window=window),)}
    )
    return definition.model_copy(update={"drift": drift})


def _share(count: int | None, fraction: float) -> int | None:
    return None if count is None else round(count * fraction)


def _thinned(definition: ModelDefinition, fraction: float) -> ModelDefinition:
    """Return the model for a share of its rows: what counts rows counts as many fewer."""
    evaluation, retraining = definition.evaluation, definition.retraining
    return definition.model_copy(
        update={
            "evaluation": evaluation.model_copy(
                update={
                    "min_labelled_rows": _share(evaluation.min_labelled_rows, fraction),
                    "max_holdout_rows": round(evaluation.max_holdout_rows * fraction),
                }
            ),
            "retraining": retraining.model_copy(
                update={
                    "training_window_rows": round(retraining.training_window_rows * fraction),
                    "min_training_rows": round(retraining.min_training_rows * fraction),
                }
            ),
        }
    )


def ridership(years: Sequence[int]) -> Series:
    """Return daily forecasts; the first champion knows the first two of the years."""
    example = find_example("daily_ridership")
    definition = example.definition
    assert definition.forecast is not None
    horizon = timedelta(days=definition.longest_horizon)
    first, last = years[0] + 2, years[-1]
    return Series(
        name=definition.name,
        about=(
            "How many people will enter a station a week from now? Time series, RMSE in thousands. "
            f"{example.source}, {years[0]} to {last}."
        ),
        definition=monthly(definition),
        trainer=load_trainer(example.folder),
        rows=example.load(tuple(years), 1.0),
        bounds=month_starts((first, 1), (last, 12)),
        # A day's riders are known when it is over: the forecast is then eight days old.
        label_delay=horizon + timedelta(days=1),
        window=max(schedule.window for schedule in definition.drift.schedules),
        block=timedelta(days=14),
    )
