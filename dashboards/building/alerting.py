"""Grafana's alert rules on CloudWatch, and their contact points.

They use CloudWatch because every installation has it. Prometheus has its own rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from grafana_foundation_sdk.builders import alerting as builders
from grafana_foundation_sdk.models.alerting import RelativeTimeRange
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.expr import (
    ExprTypeThresholdConditions,
    ExprTypeThresholdConditionsEvaluator,
    TypeReduce,
    TypeThreshold,
)

from dashboards.building.boards import board_uid
from dashboards.building.data_sources import FOLDER
from dashboards.building.grafana import Ready
from dashboards.building.layout import Panel, numbered
from dashboards.building.search_limits import (
    DEAD_LETTERS,
    DRIFT_CHECK_MISSING,
    METRICS_OLD,
    RETRAINING_FAILED,
    SearchLimit,
)
from evergreen.metrics.catalog import BY_METRIC, Metric
from evergreen.metrics.limits import LIMIT_OF

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import alerting

    from dashboards.building.cloudwatch_source import CloudWatch
    from dashboards.building.layout import Dashboard
    from evergreen.metrics.limits import MetricLimit

RECEIVER = "evergreen"
_EXPRESSIONS = DataSourceRef(type_val="__expr__", uid="__expr__")
_LOOK_BACK = RelativeTimeRange(from_val=900, to=0)
_DOCS = "${EVERGREEN_DOCS_URL}"
"""Where the pages of `docs` are; Grafana puts in the variable of its environment."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alert rule on one limit, for each model.

    Parameters
    ----------
    uid, title
        The rule's id, which never changes, and its name.
    limit
        What is compared with what.
    panel
        The dashboard and the title of its panel that shows it; None if none does.
    lasting
        How long the condition must hold.
    severity
        Severity label of the alert.
    summary
        What the alert means and what to do first.
    """

    uid: str
    title: str
    limit: MetricLimit | SearchLimit
    panel: tuple[Dashboard, str] | None
    lasting: str
    severity: Literal["critical", "warning"]
    summary: str


ALERTS = (
    AlertRule(
        "evergreen-server-errors",
        "More than 5 % of requests fail",
        LIMIT_OF[Metric.SERVER_ERRORS],
        ("api", "Error rate"),
        "5m",
        "critical",
        "Answers with a 5xx status; read the predict function's log.",
    ),
    AlertRule(
        "evergreen-slow-answers",
        "Slowest answers take more than a second",
        LIMIT_OF[Metric.RESPONSE_TIME],
        ("api", "Response time by endpoint"),
        "10m",
        "warning",
        "The 99th percentile of response time; compare with cold starts and batch size.",
    ),
    AlertRule(
        "evergreen-unhealthy",
        "A model does not answer",
        LIMIT_OF[Metric.HEALTHY],
        ("service", "Health"),
        "5m",
        "critical",
        "No model is loaded; look at model load failures and at the production pointer.",
    ),
    AlertRule(
        "evergreen-load-failures",
        "A bundle did not load",
        LIMIT_OF[Metric.MODEL_LOAD_FAILURES],
        ("model", "Model load failures"),
        "0s",
        "critical",
        "The previous version still answers; compare the bundle with its hashes.",
    ),
    AlertRule(
        "evergreen-log-spills",
        "Firehose refuses log records",
        LIMIT_OF[Metric.LOG_SPILLS],
        ("api", "Log spills"),
        "0s",
        "warning",
        "Records were written to the bucket instead, so none is lost; look at the stream's limits.",
    ),
    AlertRule(
        "evergreen-drift",
        "Half of the features drifted",
        LIMIT_OF[Metric.DRIFTED_SHARE],
        ("data", "Drifted share"),
        "0s",
        "warning",
        "A drift check found it; read its report, and see whether a retraining has started.",
    ),
    AlertRule(
        "evergreen-live-metric-worse",
        "The live metric is worse than at promotion",
        LIMIT_OF[Metric.LIVE_METRIC_WORSE],
        ("model", "Live metric worse"),
        "0s",
        "warning",
        "A drift check measured it on labelled rows; see whether a retraining has started.",
    ),
    AlertRule(
        "evergreen-drift-check-missing",
        "A model had no drift check for a day",
        DRIFT_CHECK_MISSING,
        ("data", "Window rows"),
        "0s",
        "warning",
        "Is its schedule enabled? See the end of the check's log. Not for rarer schedules.",
    ),
    AlertRule(
        "evergreen-metrics-old",
        "No metric of a model for three hours",
        METRICS_OLD,
        ("data", "Oldest raw object"),
        "0s",
        "critical",
        "What the dashboards show is of then. Do the schedules run? Not for rarer compactions.",
    ),
    AlertRule(
        "evergreen-dead-letters",
        "An event was not delivered",
        DEAD_LETTERS,
        None,
        "0s",
        "warning",
        "It is in the queue that the alert names; the message's attributes say the error.",
    ),
    AlertRule(
        "evergreen-retraining-failed",
        "A retraining failed",
        RETRAINING_FAILED,
        ("model", "Retrainings"),
        "0s",
        "critical",
        "The champion still serves; the red state of the execution names the error.",
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
    limit = alert.limit
    reducer: Literal["last", "sum"] = "last"
    look_back = _LOOK_BACK
    if isinstance(limit, SearchLimit):
        query = source.search_query(limit)
        reducer = "sum" if limit.silence_is_zero else "last"
        look_back = RelativeTimeRange(from_val=limit.look_back, to=0)
    else:
        query = source.alert_query(BY_METRIC[limit.metric], limit.statistic)
    query.ref_id = "A"
    newest = TypeReduce(
        datasource=_EXPRESSIONS, ref_id="B", expression="A", reducer=reducer, query_type="reduce"
    )
    comparison: Literal["gte", "lt"] = "lt" if limit.below else "gte"
    evaluator = ExprTypeThresholdConditionsEvaluator([limit.threshold], comparison)
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
        .annotations(
            {
                "summary": alert.summary,
                "runbook_url": f"{_DOCS}/runbooks/{limit.runbook}.md",
                **_shown_on(alert, source),
            }
        )
        .with_query(
            builders.Query("A")
            .datasource_uid(str(source.reference.uid))
            .relative_time_range(look_back)
            .model(Ready(query))
        )
    )
    expressions: dict[str, Dataquery] = {"B": newest, "C": threshold}
    for reference, model in expressions.items():
        rule.with_query(
            builders.Query(reference)
            .datasource_uid("__expr__")
            .relative_time_range(look_back)
            .model(Ready(model))
        )
    return rule.build()


def _shown_on(alert: AlertRule, source: CloudWatch) -> dict[str, str]:
    """Return the annotations from which Grafana links the alert's dashboard and panel."""
    if alert.panel is None:
        return {}
    board, title = alert.panel
    (number,) = (
        number
        for number, part in numbered(board)
        if isinstance(part, Panel) and part.title == title
    )
    uid = board_uid(board, source)
    return {"__dashboardUid__": uid, "__panelId__": str(number)}


def _provisioned(alert: AlertRule, source: CloudWatch) -> dict[str, object]:
    rule = build_rule(alert, source).to_json()
    # In provisioned files these fields belong to the group and not to the rule.
    return {name: rule[name] for name in rule if name not in {"folderUID", "orgID", "ruleGroup"}}
