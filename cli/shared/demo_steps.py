"""The steps of the demonstration: one run of the loop on recorded data, and its summary."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

from cdk.emulator import DRIFT_PERIOD
from cli.shared.demo_story import Story, Summary
from cli.shared.examples import DEFAULT_MODEL, MODELS, find_example
from cli.shared.loop_observation import Execution, Loop
from cli.shared.replaying import Pace, replay
from cli.shared.traffic import Api, split_form
from evergreen.clock import parse_period, utc_now
from evergreen.deployment.by_hand import train_and_promote
from evergreen.drift.log import read_drift_decisions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import pandas as pd

    from cli.shared.examples import Example
    from cli.shared.progress import Steps
    from cli.shared.target import Target
    from evergreen.drift.records import DriftDecisionRecord
    from evergreen.model_definition import ModelDefinition
    from evergreen.release.decision_log import DecisionRecord

MODEL = DEFAULT_MODEL
__all__ = ["MODEL", "MODELS", "OnceAround", "Story", "Summary", "example_row"]


@dataclass
class OnceAround:
    """Runs the loop once on a deployment.

    Parameters
    ----------
    target
        The deployment.
    story
        The model and the rows.
    steps
        The display of the steps.
    """

    target: Target
    story: Story
    steps: Steps
    note: str = field(default_factory=lambda: f"demo-{uuid.uuid4().hex[:12]}")
    """Is sent in the metadata of every row, to find the rows in the request log."""
    began: datetime = field(default_factory=utc_now)
    """When it began. A check or a retraining may have begun before the rows were replayed."""
    started_checks: list[str] = field(default_factory=list)
    """The checks that the demonstration started itself."""
    _shown: set[str] = field(default_factory=set)
    """The checks and executions that were printed."""

    @cached_property
    def example(self) -> Example:
        """The example of the story."""
        return self.story.example()

    @property
    def definition(self) -> ModelDefinition:
        """The model of the story."""
        return self.example.definition

    def run(self) -> Summary:
        """Train by hand, then replay period after period until a challenger is promoted.

        Raises
        ------
        EvergreenError
            If a step of the loop fails.
        """
        first = self._first_champion()
        rows_served = 0
        executions: list[Execution] = []
        periods: list[str] = []
        with Api.of(self.target) as api:
            self._until_serving(api, first.challenger)
            for period in self.example.replayed:
                periods.append(self.example.period_name(period))
                rows = self.example.load((period,), self.example.fraction)
                replayed = utc_now()
                rows_served += self._replay(api, rows, periods[-1])
                executions += self._retrainings(replayed, rows_served)
                promoted = [each for each in executions if each.promoted]
                if promoted:
                    self._until_serving(api, str(promoted[-1].output["challenger"]))
                    self._ask(api, rows)
                    break
        rows_logged = self._count()
        last = executions[-1].output if executions else {}
        pointer = self._loop().pointer()
        checks = self._checks()
        self._show_checks(checks, _meanwhile)
        return Summary(
            model=self.definition.name,
            rows_served=rows_served,
            rows_logged=rows_logged,
            drift_checks=len(checks),
            drift_checks_started_by_demo=len(self.started_checks),
            drift_detected=sum(check.verdict == "drift" for check in checks),
            retrainings=len(executions),
            promoted=sum(execution.promoted for execution in executions),
            champion_before=first.challenger,
            champion_after=pointer.version if pointer else first.challenger,
            metric=self.definition.metric,
            metric_champion=last.get("metric_champion"),
            metric_challenger=last.get("metric_challenger"),
            periods_replayed=tuple(periods),
            seconds=dict(self.steps.seconds),
        )

    def _loop(self, say: Callable[[str], None] = lambda _: None) -> Loop:
        every = parse_period(DRIFT_PERIOD)
        return Loop(self.target, self.definition, say, every, self.started_checks)

    def _first_champion(self) -> DecisionRecord:
        example = self.example
        names = " and ".join(map(example.period_name, example.trained_on))
        with self.steps.step("train", f"Train on {names} and promote by hand") as say:
            say("reading the recorded data")
            data = example.load(example.trained_on, example.fraction)
            source = f"{example.source}, {names}, share {example.fraction}"
            first = train_and_promote(
                self.target, example.definition, example.folder, data, source, say
            )
        if first.comparison:
            self.steps.note(
                f"version {first.challenger} is champion, {first.comparison.metric} "
                f"{first.comparison.metric_challenger:.3f} on its holdout"
            )
        return first

    def _until_serving(self, api: Api, version: str) -> None:
        with self.steps.step("serving", f"Wait until the API serves version {version}") as say:
            self._loop(say).wait_until_serving(api, version)

    def _replay(self, api: Api, data: pd.DataFrame, period: str) -> int:
        title = f"Replay {period}: {len(data):,} rows through the API"
        with self.steps.step("replay", title) as say:
            done = replay(
                api,
                self.definition,
                data,
                pace=Pace(batch_rows=self.example.batch_rows),
                metadata={"replay": self.note},
                on_progress=lambda progress: say(f"{progress.rows:,} rows"),
            )
        self.steps.note(f"{done.rows:,} rows served, {done.labels:,} labels sent")
        for refusal in done.refusals:
            self.steps.note(f"refused, and the first of its kind: {refusal}")
        return done.rows

    def _retrainings(self, replayed: datetime, rows_served: int) -> list[Execution]:
        """Wait for the drift checks of the replayed rows and for the retrainings they start.

        Parameters
        ----------
        replayed
            When this replay began. The schedule knows nothing of it: a check may fall into it, see
            a part of the rows and start a retraining.
        rows_served
            Rows served since the demonstration began.
        """
        with self.steps.step("drift", "Wait for a drift check of these rows") as say:
            loop = self._loop(say)
            loop.wait_for_log(self.began, self.note, rows_served)
            logged = utc_now()
            left = loop.seconds_to_next_check()
            longest = loop.every.total_seconds() if left is None else left
            starts_one = longest > self.story.patience.total_seconds()
            if starts_one:
                self.started_checks.append(loop.check_now())
            checks = loop.wait_for_checks(self.began, logged)
        if starts_one:
            when = f"within {DRIFT_PERIOD}" if left is None else f"in {left:.0f} s"
            self.steps.note(f"the schedule's next check was due {when}, so the demo started one")
        new = self._show_checks(checks, partial(_when, replayed=replayed, logged=logged))
        if not any(each.start_retraining or each.outcome == "retraining_runs" for each in new):
            return []
        with self.steps.step("retraining", "Train a challenger, compare it on the holdout") as say:
            requested = sum(check.start_retraining for check in checks)
            ended = self._loop(say).wait_for_executions(self.began, requested)
        executions = [execution for execution in ended if self._is_new(execution.arn)]
        for execution in executions:
            self.steps.note(f"{execution.output['decision']}: {execution.output['reason']}")
        self._show_checks(self._checks(), _meanwhile)
        return executions

    def _checks(self) -> list[DriftDecisionRecord]:
        """Return the checks since the demonstration began."""
        return read_drift_decisions(
            self.target.storage, self.definition.name, self.began, utc_now()
        )

    def _show_checks(
        self, checks: Sequence[DriftDecisionRecord], when: Callable[[DriftDecisionRecord], str]
    ) -> list[DriftDecisionRecord]:
        """Print the checks that were not printed before, and return them."""
        new = [check for check in checks if self._is_new(check.check_id)]
        for check in new:
            self.steps.note(f"{when(check)}{check.verdict}: {check.reason}")
        return new

    def _is_new(self, what: str) -> bool:
        """Return whether a check or an execution was not printed before; it is from now on."""
        if what in self._shown:
            return False
        self._shown.add(what)
        return True

    def _ask(self, api: Api, rows: pd.DataFrame) -> None:
        form = split_form(self.definition, rows.head(1))
        answer = api.predict(self.definition.name, {"dataframe_split": form})
        self.steps.note(f"the API answers with version {answer['model_version']}, no redeploy")

    def _count(self) -> int:
        with self.steps.step("log", "Compact the request log and count its rows") as say:
            loop = self._loop(say)
            loop.compact()
            return loop.rows_logged(self.began, self.note)


def _when(check: DriftDecisionRecord, replayed: datetime, logged: datetime) -> str:
    """Say which of the rows a check did not see, if any."""
    if check.window_end < replayed:
        return f"before these rows came in, of version {check.model_version}: "
    return f"a part of the rows ({check.rows:,}): " if check.window_end < logged else ""


def _meanwhile(check: DriftDecisionRecord) -> str:
    return f"the check of {check.timestamp:%H:%M:%S}, of version {check.model_version}: "


def example_row(model: str = DEFAULT_MODEL) -> dict[str, object]:
    """Return one recorded row as a caller of the API would send it."""
    example = find_example(model)
    rows = example.load(example.replayed[-1:], example.fraction)
    form = split_form(example.definition, rows.tail(1))
    return dict(zip(form["columns"], form["data"][0], strict=True))
