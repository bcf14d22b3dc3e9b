"""One decision about a version with all that belongs to it: run, data, report, execution."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from rich.padding import Padding
from rich.text import Text

from evergreen.release.decision_log import decider, read_decision_records
from evergreen.reporting.links import Links

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from cli.shared.target import Target
    from evergreen.release.decision_log import DecisionRecord

_SHOWN = ("TaskStateEntered", "WaitStateEntered", "FailStateEntered", "SucceedStateEntered")
_UNKNOWN = {"ExecutionDoesNotExist", "InvalidArn"}
_SIGNED_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class ExecutedStep:
    """One step of an execution, when it began, and how long it took until the next one."""

    name: str
    began: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A decision, the links to what it was made of, and the steps of its execution."""

    record: DecisionRecord
    run: str | None
    """Page of the run in MLflow; None if there is no server with one."""
    report: str | None
    """Address of the evaluation report, for an hour; with an MLflow server it is in the run."""
    execution_page: str | None
    """Page of the execution in the AWS console; None on an emulator, which has none."""
    steps: tuple[ExecutedStep, ...] | None
    """None if no execution decided, or if Step Functions no longer knows it."""

    def document(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        steps = None if self.steps is None else [asdict(step) for step in self.steps]
        links = {"run_url": self.run, "report_url": self.report}
        return {
            **self.record.model_dump(mode="json"),
            **links,
            "execution_url": self.execution_page,
            "steps": steps,
        }

    def lines(self) -> Iterator[Text | Padding]:
        """Yield it as lines for a terminal."""
        record = self.record
        against = f", against {record.champion}" if record.champion else ""
        yield Text(
            f"{record.decided_at:%Y-%m-%d %H:%M:%S} UTC: {record.decision.replace('_', ' ')} "
            f"version {record.challenger}{against}, by {decider(record.execution)}",
            "bold",
        )
        yield Padding(Text(record.reason), (0, 0, 0, 2))
        for name, value in (
            ("Data set", record.dataset_id),
            ("Run", self.run or record.run_id),
            ("Report", self.report),
            ("Execution", self.execution_page or record.execution),
        ):
            if value:
                yield Text(f"  {name:<10} {value}")
        if record.execution and self.steps is None and decider(record.execution) == "retraining":
            yield Text("             its steps are no longer known to Step Functions", "dim")
        for step in self.steps or ():
            yield Text(f"             {step.began:%H:%M:%S}  {step.name:<28} {step.seconds:6.1f} s")


def read_decisions_about(target: Target, model: str, version: str) -> list[DecisionView]:
    """Return every decision about a version, oldest first."""
    bucket = target.output("BucketName")
    region = None if target.is_emulator else target.environment.get("AWS_REGION")

    def sign(key: str) -> str:
        where = {"Bucket": bucket, "Key": key}
        return str(
            target.client("s3").generate_presigned_url(
                "get_object", Params=where, ExpiresIn=_SIGNED_SECONDS
            )
        )

    links = Links(sign, bucket, target.mlflow_uri, region)
    return [
        DecisionView(
            record=record,
            run=links.run(record.run_id),
            report=links.evaluation_report(record),
            execution_page=links.execution(record),
            steps=_steps(target, record.execution),
        )
        for record in read_decision_records(target.storage, model)
        if record.challenger == version
    ]


def _steps(target: Target, execution: str | None) -> tuple[ExecutedStep, ...] | None:
    if execution is None or decider(execution) != "retraining":
        return None
    client = target.client("stepfunctions")
    try:
        pages = client.get_paginator("get_execution_history").paginate(executionArn=execution)
        events = [event for page in pages for event in page["events"]]
    except ClientError as error:
        if error.response["Error"]["Code"] in _UNKNOWN:
            return None
        raise
    entered = [
        (event["stateEnteredEventDetails"]["name"], event["timestamp"])
        for event in events
        if event["type"] in _SHOWN
    ]
    ends = [began for _, began in entered[1:]] + [event["timestamp"] for event in events[-1:]]
    return tuple(
        ExecutedStep(name, began, (end - began).total_seconds())
        for (name, began), end in zip(entered, ends, strict=True)
    )
