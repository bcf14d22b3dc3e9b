"""What a message in the queue of undelivered alerts was, whoever put it there."""

from __future__ import annotations

import pytest

from cli.shared.alert_settings import original_event

EVENT = {"id": "1", "detail-type": "Data Drift Detected", "detail": {}}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"version": "1.0", "requestPayload": EVENT, "responsePayload": {}}, EVENT),
        (EVENT, EVENT),
        (
            {"Type": "Notification", "Message": "{}"},
            {"Records": [{"Sns": {"Type": "Notification", "Message": "{}"}}]},
        ),
    ],
)
def test_the_original_event_is_found(
    message: dict[str, object], expected: dict[str, object]
) -> None:
    assert original_event(message) == expected
