"""Links from the status page to where more is to be read: MLflow, the AWS console, reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.release.decision_log import DecisionRecord

_EXECUTION = ":execution:"


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the links that a deployment has.

    Parameters
    ----------
    sign
        Return an address at which an object can be read for a while, by its key.
    bucket
        The data bucket.
    mlflow
        Address of the MLflow server, where there is one with a user interface.
    region
        The region whose console shows executions; None where there is no console, on an emulator.
    """

    sign: Callable[[str], str]
    bucket: str
    mlflow: str | None = None
    region: str | None = None

    def run(self, run_id: str) -> str | None:
        """Return the page of a run in MLflow."""
        return f"{self.mlflow.rstrip('/')}/#/runs/{quote(run_id)}" if self.mlflow else None

    def execution(self, record: DecisionRecord) -> str | None:
        """Return the page of the execution that decided, in the console of AWS."""
        arn = record.execution
        if self.region is None or arn is None or _EXECUTION not in arn:
            return None
        console = f"https://{self.region}.console.aws.amazon.com/states/home?region={self.region}"
        return f"{console}#/v2/executions/details/{arn}"

    def evaluation_report(self, record: DecisionRecord) -> str | None:
        """Return where the evaluation report can be read, if it is in the data bucket.

        With an MLflow server it is among the files of the run.
        """
        uri = record.comparison.report_uri if record.comparison else None
        inside = f"s3://{self.bucket}/"
        if uri is None or not uri.startswith(inside):
            return None
        return self.sign(uri.removeprefix(inside))
