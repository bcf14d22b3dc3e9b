"""Observation of the loop: waits for drift checks, retrainings and promotions, and reads them.

This module starts no station of the loop but the compaction and, when it is asked to, the drift
check. Else a schedule starts the check. Its event starts the retraining. So the demonstration and
the end-to-end test see what a user sees.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from cli.shared.invocation import call
from evergreen.clock import utc_now
from evergreen.drift.log import read_drift_decisions
from evergreen.errors import EvergreenError
from evergreen.production import Production

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from cli.shared.target import Target
    from cli.shared.traffic import Api
    from evergreen.drift.records import DriftDecisionRecord
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import ProductionPointer

LOOP_POLL_SECONDS = 1.0


class LoopError(EvergreenError):
    """The next step of the loop did not happen in time, or failed."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A finished execution of the state machine that reached a decision."""

    arn: str
    output: dict[str, Any]

    @property
    def promoted(self) -> bool:
        """Whether the challenger went into production."""
        return self.output.get("decision") == "promote"


def until_next_check(newest: datetime | None, every: timedelta, now: datetime) -> str:
    """Say how long it is to the next scheduled check, if the newest one and the pace are known."""
    left = seconds_to_next_check(newest, every, now)
    if left is None:
        return "waiting for the scheduled drift check"
    return f"the next one is due in {left:.0f} s" if left >= 1 else "the next one is due now"


def seconds_to_next_check(newest: datetime | None, every: timedelta, now: datetime) -> float | None:
    """Return the seconds to the next scheduled check, 0 if it is late; None if it is not known."""
    if newest is None or not every:
        return None
    return max((newest + every - now).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class Loop:
    """Observes the loop of one model in a deployment.

    Parameters
    ----------
    target
        The deployment.
    definition
        The model.
    tick
        Called about once a second with a short text about the awaited event.
    """

    target: Target
    definition: ModelDefinition
    tick: Callable[[str], None] = lambda _: None
    every: timedelta = timedelta(0)
    """Time between two scheduled drift checks, if it is known: then a wait counts down."""
    by_hand: Collection[str] = ()
    """Checks that say nothing about when the schedule's next one is due."""

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.definition.name

    def pointer(self) -> ProductionPointer | None:
        """Return the production pointer, or None if no version is in production."""
        return Production(self.target.stage, self.target.client("ssm")).read(self.model)

    def wait_until_serving(self, api: Api, version: str, *, seconds: float = 120) -> None:
        """Wait until the API reports that it serves a version.

        Raises
        ------
        LoopError
            If the API still serves another version after ``seconds``.
        """

        def serving() -> bool | None:
            self.tick(f"waiting for the API to serve version {version}")
            production = api.get(f"/models/{self.model}")["production"]
            return (production is not None and production["version"] == version) or None

        self._poll(serving, seconds, f"the API does not serve version {version}")

    def seconds_to_next_check(self) -> float | None:
        """Return the seconds to the model's next scheduled check, or None if it is not known."""
        now = utc_now()
        found = read_drift_decisions(self.target.storage, self.model, now - self.every, now)
        return seconds_to_next_check(self._newest(found), self.every, now)

    def check_now(self) -> str:
        """Run the drift function with the event of the model's first schedule; return its check.

        Raises
        ------
        FunctionError
            If the function failed.
        """
        self.tick("the drift function runs")
        window = self.definition.drift.schedules[0].window
        event = {"model": self.model, "window": f"{round(window.total_seconds())} seconds"}
        return str(call(self.target, "DriftFunctionName", event)["check_id"])

    def wait_for_checks(
        self, since: datetime, until: datetime, *, seconds: float = 300
    ) -> list[DriftDecisionRecord]:
        """Wait for a drift check that sees all rows up to a moment; return the checks so far.

        A schedule starts the checks, so one may have seen a part of the rows before.

        Parameters
        ----------
        since
            When the rows began to come in.
        until
            When the last of them had come in: the last check's window does not end before.

        Raises
        ------
        LoopError
            If there is no such check within ``seconds``.
        """
        storage = self.target.storage

        def checks() -> list[DriftDecisionRecord] | None:
            now = utc_now()
            found = read_drift_decisions(storage, self.model, since - self.every, now)
            self.tick(until_next_check(self._newest(found), self.every, now))
            ours = [item for item in found if item.timestamp >= since]
            return ours if any(item.window_end >= until for item in ours) else None

        return self._poll(checks, seconds, "no drift check ran")

    def _newest(self, checks: list[DriftDecisionRecord]) -> datetime | None:
        """Return when the schedule's newest check was made."""
        scheduled = [each for each in checks if each.check_id not in self.by_hand]
        return scheduled[-1].timestamp if scheduled else None

    def wait_for_executions(
        self, since: datetime, requested: int, *, seconds: float = 600
    ) -> list[Execution]:
        """Wait for the model's executions since a moment, and return those that decided.

        Parameters
        ----------
        since
            Executions that ended before are left out.
        requested
            How many were requested since then. Those that were skipped, because another one ran,
            count too.

        Raises
        ------
        LoopError
            If fewer have started or one still runs after ``seconds``, or if one has failed.
        """
        client = self.target.client("stepfunctions")
        machine = self.target.output("StateMachineArn")

        def executions() -> list[Execution] | None:
            pages = client.get_paginator("list_executions").paginate(stateMachineArn=machine)
            started = [
                client.describe_execution(executionArn=item["executionArn"])
                for page in pages
                for item in page["executions"]
                if item.get("stopDate") is None or item["stopDate"] >= since
            ]
            ours = [item for item in started if _model_of(item) == self.model]
            running = [item for item in ours if item["status"] == "RUNNING"]
            if running:
                self.tick(f"{self._state(client, running[0]['executionArn'])}")
                return None
            if sum(item["startDate"] >= since for item in ours) < requested:
                self.tick("waiting for the state machine to start")
                return None
            ended = [_ended(item) for item in sorted(ours, key=lambda item: item["startDate"])]
            return [item for item in ended if "decision" in item.output]

        return self._poll(executions, seconds, "no execution of the state machine ended")

    def rows_logged(self, since: datetime, note: str) -> int:
        """Count the champion's rows in the log whose metadata contain ``note``, each row once."""
        table = self.target.lake.predictions(self.definition, since, utc_now())
        table = table.filter(pc.equal(table["role"], "champion"))
        return int(pc.sum(pc.match_substring(table["metadata"], note)).as_py() or 0)

    def wait_for_log(self, since: datetime, note: str, rows: int, *, seconds: float = 180) -> int:
        """Wait until the log holds ``rows`` rows with ``note``; return the number it holds.

        After ``seconds`` the number may be smaller.
        """
        deadline = time.monotonic() + seconds
        while (found := self.rows_logged(since, note)) < rows and time.monotonic() < deadline:
            self.tick(f"{found:,} of {rows:,} rows in the log")
            time.sleep(LOOP_POLL_SECONDS)
        return found

    def compact(self) -> list[dict[str, Any]]:
        """Run the compaction function on the model's partitions, the open ones included.

        Raises
        ------
        LoopError
            If the function failed.
        """
        answer = self.target.client("lambda").invoke(
            FunctionName=self.target.output("CompactLogsFunctionName"),
            Payload=json.dumps({"model": self.model, "include_open": True}).encode(),
        )
        body = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise LoopError(body.get("errorMessage", "no message"), where="compact_logs")
        partitions: list[dict[str, Any]] = body["partitions"]
        return partitions

    def _poll[Found](
        self, look: Callable[[], Found | None], seconds: float, otherwise: str
    ) -> Found:
        deadline = time.monotonic() + seconds
        while (found := look()) is None:
            if time.monotonic() > deadline:
                raise LoopError(
                    f"{otherwise} within {seconds:.0f} seconds",
                    where=self.model,
                    fix="Look at the log groups of the functions and at the executions",
                )
            time.sleep(LOOP_POLL_SECONDS)
        return found

    @staticmethod
    def _state(client: Any, arn: str) -> str:  # noqa: ANN401 - a boto3 client
        events = client.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=20)
        entered = [
            event["stateEnteredEventDetails"]["name"]
            for event in events["events"]
            if "stateEnteredEventDetails" in event
        ]
        return f"state machine: {entered[0]}" if entered else "state machine: starting"


def _model_of(execution: Mapping[str, Any]) -> str:
    """Return the model that an execution is about: of the event, or of a start by hand."""
    given = json.loads(execution["input"])
    return str(given.get("detail", given)["model"])


def _ended(execution: Mapping[str, Any]) -> Execution:
    arn = execution["executionArn"]
    if execution["status"] != "SUCCEEDED":
        raise LoopError(
            f"{execution['status'].lower()}: {execution.get('error')}: {execution.get('cause')}",
            where=arn,
        )
    return Execution(arn, json.loads(execution["output"]))
