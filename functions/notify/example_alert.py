"""An alert that tells of nothing: `evergreen alerts --test` asks for it."""

from __future__ import annotations

from evergreen.alerting.messages import Alert


def example_alert(identity: str) -> Alert:
    """Return the alert that only shows that alerts arrive."""
    return Alert(
        id=f"test.{identity}",
        severity="info",
        title="Evergreen: a test",
        says="Alerts of this deployment arrive here.",
        todo="You need to do nothing.",
    )
