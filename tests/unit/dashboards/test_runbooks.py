"""Every alarm and alert has a page that says what to do, and no page is left over."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from cdk.constructs.monitoring import alarm_table
from dashboards.building.alerting import ALERTS
from evergreen.metrics.catalog import BY_METRIC, Metric
from evergreen.metrics.limits import LIMIT_OF, LIMITS, MetricLimit
from evergreen.metrics.prometheus import prometheus_scale

ROOT = Path(__file__).resolve().parents[3]
PAGES = {path.stem: path.read_text() for path in (ROOT / "docs" / "runbooks").glob("[a-z]*.md")}
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "dashboards/prometheus/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]


def test_each_page_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    assert PAGES
    headings = ["What it means", "What to look at", "What to do"]
    index = (ROOT / "docs" / "runbooks" / "README.md").read_text()
    for name, text in PAGES.items():
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == headings, name
        (title,) = re.findall(r"^# (.+)$", text, re.MULTILINE)
        assert f"- [{title}]({name}.md)\n" in index


def test_every_alarm_and_alert_has_a_page_and_no_page_is_left_over() -> None:
    source = Path(alarm_table.__file__).read_text()
    of_alarms = set(re.findall(r'^ +"([a-z-]+)",$', source, re.MULTILINE))
    of_limits = {limit.runbook for limit in LIMITS}
    of_rules = {rule["annotations"]["runbook"] for rule in RULES}
    known = of_alarms | of_limits | {Path(page).stem for page in of_rules}
    assert known == PAGES.keys()
    assert of_rules == {f"docs/runbooks/{Path(page).stem}.md" for page in of_rules}
    assert {alert.limit for alert in ALERTS if isinstance(alert.limit, MetricLimit)} <= set(LIMITS)
    assert {alert.limit.runbook for alert in ALERTS} <= PAGES.keys()


def test_prometheus_has_the_limits_of_the_table() -> None:
    conditions = {rule["alert"]: rule["expr"] for rule in RULES}
    share = LIMIT_OF[Metric.SERVER_ERRORS].threshold
    assert conditions["EvergreenServerErrors"].endswith(f"> {share:g}")
    slow = LIMIT_OF[Metric.RESPONSE_TIME].threshold
    seconds = slow * prometheus_scale(BY_METRIC[Metric.RESPONSE_TIME])
    assert conditions["EvergreenSlowAnswers"].endswith(f"> {seconds:g}")
    assert conditions["EvergreenUnhealthy"].endswith(f"< {LIMIT_OF[Metric.HEALTHY].threshold:g}")
