"""The test alert of `evergreen alerts --test`."""

from __future__ import annotations

from evergreen.alerting.messages import Alert


def example_alert(identity: str) -> Alert:
    """Return the test alert, which only shows that alerts arrive."""
    return Alert(
        id=f"test.{identity}",
        severity="info",
        title="Evergreen: a test",
        says="Alerts of this deployment arrive here.",
        todo="You need to do nothing.",
    )
