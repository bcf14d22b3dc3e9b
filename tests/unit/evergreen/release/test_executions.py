"""What an execution says of itself."""

from __future__ import annotations

import pytest

from evergreen.release.executions import message_of


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        ('{"errorMessage": "19 labelled rows", "stackTrace": []}', "19 labelled rows"),
        ('Train a challenger: {"errorMessage": "no", "errorType": "E"}', "Train a challenger: no"),
        ("it took {too} long", "it took {too} long"),
        ("", ""),
        (None, None),
    ],
)
def test_a_cause_is_told_without_its_wrapping(cause: str | None, message: str | None) -> None:
    assert message_of(cause) == message
