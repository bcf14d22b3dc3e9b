"""Grafana's alert rules on CloudWatch, and their contact points.

They use CloudWatch because every installation has it. Prometheus has its own rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from grafana_foundation_sdk.builders import alerting as builders
from grafana_foundation_sdk.models.alerting import RelativeTimeRange
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.expr import (
    ExprTypeThresholdConditions,
    ExprTypeThresholdConditionsEvaluator,
    TypeReduce,
    TypeThreshold,
)

from dashboards.building.data_sources import FOLDER
from dashboards.building.grafana import Ready
from evergreen.metrics.catalog import BY_METRIC, Metric

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import alerting

    from dashboards.building.cloudwatch_source import CloudWatch

RECEIVER = "evergreen"
_EXPRESSIONS = DataSourceRef(type_val="__expr__", uid="__expr__")
_LOOK_BACK = RelativeTimeRange(from_val=900, to=0)
_MORE_THAN: Final = "gt"
_LESS_THAN: Final = "lt"


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alert rule: the condition of an alert.

    Parameters
    ----------
    uid, title
        The rule's id, which never changes, and its name.
    metric, statistic
        What is compared, for each model and each value of the metric's second dimension.
    comparison, threshold
        The condition on the newest value, in CloudWatch's unit.
    lasting
        How long the condition must hold.
    severity
        Severity label of the alert.
    summary
        What the alert means and what to do first.
    """

    uid: str
    title: str
    metric: Metric
    statistic: str
    comparison: Literal["gt", "lt"]
    threshold: float
    lasting: str
    severity: Literal["critical", "warning"]
    summary: str


ALERTS = (
    AlertRule(
        "evergreen-server-errors",
        "More than 5 % of requests fail",
        Metric.SERVER_ERRORS,
        "Average",
        _MORE_THAN,
        0.05,
        "5m",
        "critical",
        "Answers with a 5xx status; read the predict function's log.",
    ),
    AlertRule(
        "evergreen-slow-answers",
        "Slowest answers take more than 2 seconds",
        Metric.RESPONSE_TIME,
        "p99",
        _MORE_THAN,
        2000,
        "10m",
        "warning",
        "The 99th percentile of response time; compare with cold starts and batch size.",
    ),
    AlertRule(
        "evergreen-unhealthy",
        "A model does not answer",
        Metric.HEALTHY,
        "Minimum",
        _LESS_THAN,
        1,
        "5m",
        "critical",
        "No model is loaded; look at model load failures and at the production pointer.",
    ),
    AlertRule(
        "evergreen-load-failures",
        "A bundle did not load",
        Metric.MODEL_LOAD_FAILURES,
        "Sum",
        _MORE_THAN,
        0,
        "0s",
        "critical",
        "The previous version still answers; compare the bundle with its hashes.",
    ),
    AlertRule(
        "evergreen-log-spills",
        "Firehose refuses log records",
        Metric.LOG_SPILLS,
        "Sum",
        _MORE_THAN,
        0,
        "0s",
        "warning",
        "Records were written to the bucket instead, so none is lost; look at the stream's limits.",
    ),
    AlertRule(
        "evergreen-drift",
        "More than half of the features drifted",
        Metric.DRIFTED_SHARE,
        "Maximum",
        _MORE_THAN,
        50,
        "0s",
        "warning",
        "A drift check found it; read its report, and see whether a retraining has started.",
    ),
)
"""All alert rules."""


def rules(source: CloudWatch) -> dict[str, Any]:
    """Return the rule groups in the form of Grafana's file provisioning."""
    group = {
        "orgId": 1,
        "name": "evergreen",
        "folder": FOLDER,
        "interval": "1m",
        "rules": [_provisioned(alert, source) for alert in ALERTS],
    }
    return {"apiVersion": 1, "groups": [group]}


def contact_points() -> dict[str, Any]:
    """Return the contact points, and the notification policy that sends every alert to them."""
    email = builders.ContactPoint().name(RECEIVER).uid("evergreen-email").type("email")
    email.settings({"addresses": "${EVERGREEN_ALERT_EMAIL}", "singleEmail": True})
    webhook = builders.ContactPoint().name(RECEIVER).uid("evergreen-webhook").type("webhook")
    webhook.settings({"url": "${EVERGREEN_ALERT_WEBHOOK}", "httpMethod": "POST"})
    receivers = []
    for built in (email.build(), webhook.build()):
        receiver = built.to_json()
        receiver.pop("name")  # the name belongs to the contact point, which holds both receivers
        receivers.append(receiver)
    policy = {
        "orgId": 1,
        "receiver": RECEIVER,
        "group_by": ["grafana_folder", "alertname", "model"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "12h",
    }
    return {
        "apiVersion": 1,
        "contactPoints": [{"orgId": 1, "name": RECEIVER, "receivers": receivers}],
        "policies": [policy],
    }


def build_rule(alert: AlertRule, source: CloudWatch) -> alerting.Rule:
    """Return one rule: the query, its newest value, and the threshold."""
    query = source.alert_query(BY_METRIC[alert.metric], alert.statistic)
    query.ref_id = "A"
    newest = TypeReduce(
        datasource=_EXPRESSIONS, ref_id="B", expression="A", reducer="last", query_type="reduce"
    )
    evaluator = ExprTypeThresholdConditionsEvaluator([alert.threshold], alert.comparison)
    threshold = TypeThreshold(
        datasource=_EXPRESSIONS,
        ref_id="C",
        expression="B",
        conditions=[ExprTypeThresholdConditions(evaluator)],
    )
    rule = (
        builders.Rule(alert.title)
        .uid(alert.uid)
        .condition("C")
        .for_val(alert.lasting)
        .no_data_state("OK")
        .exec_err_state("Error")
        .labels({"severity": alert.severity, "service": "evergreen"})
        .annotations({"summary": alert.summary})
        .with_query(
            builders.Query("A")
            .datasource_uid(str(source.reference.uid))
            .relative_time_range(_LOOK_BACK)
            .model(Ready(query))
        )
    )
    expressions: dict[str, Dataquery] = {"B": newest, "C": threshold}
    for reference, model in expressions.items():
        rule.with_query(
            builders.Query(reference)
            .datasource_uid("__expr__")
            .relative_time_range(_LOOK_BACK)
            .model(Ready(model))
        )
    return rule.build()


def _provisioned(alert: AlertRule, source: CloudWatch) -> dict[str, object]:
    rule = build_rule(alert, source).to_json()
    # In provisioned files these fields belong to the group and not to the rule.
    return {name: rule[name] for name in rule if name not in {"folderUID", "orgID", "ruleGroup"}}
