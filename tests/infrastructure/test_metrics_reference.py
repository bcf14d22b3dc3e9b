"""The page about metrics and alarms says what the code does."""

from __future__ import annotations

from cdk.reference.metrics import METRICS_PAGE, render_metrics_page
from evergreen.metrics.catalog import SPECS


def test_the_page_is_current() -> None:
    written = METRICS_PAGE.read_text(encoding="utf-8")
    assert written == render_metrics_page(), "run: python -m cdk.reference.metrics"


def test_it_has_every_metric() -> None:
    page = render_metrics_page()
    assert [spec.metric for spec in SPECS if f"| `{spec.metric}` |" not in page] == []
