"""A deployment with one model on moto, whose checks, decisions and pointer a test sets."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from evergreen.drift.log import write_records
from evergreen.drift.records import (
    CheckContext,
    DriftDecision,
    PerformanceTest,
    UnivariateTest,
    to_record,
)
from evergreen.evaluation.comparison import Comparison
from evergreen.metrics.history import SPANS
from evergreen.production import ProductionPointer
from evergreen.release.decision_log import DecisionRecord, decision_key
from evergreen.reporting.details import DetailsReader
from evergreen.reporting.links import Links
from evergreen.reporting.status import StatusReader
from tests.support.fixed_clock import NOW
from tests.support.trained_models import DEFINITION

if TYPE_CHECKING:
    from evergreen.drift.records import DriftTest
    from evergreen.reporting.details_shown import ModelDetails
    from evergreen.reporting.shown import ModelStatus
    from tests.support.aws_in_process import Account

NAME = DEFINITION.name
MINUTE = timedelta(minutes=1)
BEFORE = NOW - timedelta(seconds=1)


class ReportedModel:
    """The model, and what the status page would be told of it."""

    def __init__(self, aws: Account) -> None:
        self.aws = aws
        self.storage = aws.storage()
        self.production = aws.production()

    def details(self, mlflow: str | None = None, region: str | None = None) -> ModelDetails:
        """Return what `GET /status/{model}` answers."""
        reader = DetailsReader(
            definitions={NAME: DEFINITION},
            storage=self.storage,
            cloudwatch=self.aws.cloudwatch,
            links=Links(lambda key: f"https://signed/{key}", "data", mlflow, region),
            clock=lambda: NOW,
            rows_shown=True,
        )
        return reader.read(NAME, SPANS["1h"])

    def read(self) -> ModelStatus:
        """Return its state, as `GET /status` answers it."""
        reader = StatusReader(
            stage="dev",
            definitions={NAME: DEFINITION},
            production=self.production,
            storage=self.storage,
            cloudwatch=self.aws.cloudwatch,
            stepfunctions=self.aws.client("stepfunctions"),
            clock=lambda: NOW,
        )
        (model,) = reader.read(SPANS["1h"]).models
        return model

    def promote(self, version: str) -> None:
        """Put a version into production, three days ago."""
        pointer = ProductionPointer(
            version=version,
            bundle_uri="s3://data/bundles/",
            sha256="0",
            reference_dataset_id="ds-1",
            promoted_at=NOW - timedelta(days=3),
            metric=0.75,
            previous="1",
        )
        self.production.write(NAME, pointer)

    def check(
        self, ago: timedelta, version: str = "2", *, drifted: bool = True, **performance: Any
    ) -> str:
        """Write a check of some time ago to the drift log, and return its id."""
        at = NOW - ago
        context = CheckContext(
            timestamp=at,
            reference_dataset_id="ds-0",
            subject_dataset_id="win-0",
            check_id=f"{at:%Y%m%dT%H%M%S%fZ}-abc",
            model=NAME,
            model_version=version,
            window_start=at - timedelta(days=1),
            window_end=at,
            rows=100,
        )
        decision = DriftDecision(
            verdict="drift" if drifted else "no_drift",
            start_retraining=drifted,
            triggers=("data_drift",) if drifted else (),
            drifted_features=("wind",) if drifted else (),
            reason="wind moved",
        )
        tests: list[DriftTest | DriftDecision] = [
            UNIVARIATE,
            *([measured(**performance)] if performance else []),
            decision,
        ]
        write_records(self.storage, context, [to_record(context, each) for each in tests])
        return context.check_id

    def decide(self, ago: timedelta, challenger: str, *, report: str | None = None) -> None:
        """Record some time ago that a challenger won."""
        made = DecisionRecord(
            model=NAME,
            decision="promote",
            decided_at=NOW - ago,
            challenger=challenger,
            champion="1",
            reason="better",
            comparison=Comparison(
                decision="promote",
                metric="f1",
                metric_champion=0.4,
                metric_challenger=0.5,
                probability_better=0.97,
                interval=(0.0, 0.2),
                rows=100,
                reason="better",
                report_uri=report,
            ),
            dataset_id="ds-1",
            run_id="r",
            execution="arn:aws:states:eu-central-1:123456789012:execution:retrain:name-of-it",
        )
        self.storage.put_json(decision_key(made), made.model_dump(mode="json"))


UNIVARIATE = UnivariateTest(
    feature_name="wind",
    method="ks",
    drifted=True,
    p_value=0.001,
    p_value_corrected=0.002,
    threshold=0.025,
    effect_size=0.3,
    effect_threshold=0.05,
)
"""The test of the one feature, in each check."""


def measured(*, value: float | None = None, reason: str | None = None) -> PerformanceTest:
    """Return the performance test of a check; without a value it could not be made."""
    return PerformanceTest(
        metric="f1",
        drifted=False,
        value=value,
        interval_low=value,
        interval_high=value,
        threshold=0.75,
        labelled_rows=0 if value is None else 400,
        reason=reason,
    )
