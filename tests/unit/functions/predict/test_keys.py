"""A key of ground truth teaches and does not ask; the others ask and do not teach."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from functions.predict.handler import handler
from tests.support.forgotten_settings import forget
from tests.support.gateway_events import Context, event
from tests.support.trained_models import ROW

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

LABEL = {"request_id": "6f2c1a34-0d8e-4f0c-9a56-2b1f7c3d9e80", "label": "late"}
BODIES: dict[str, Any] = {
    "/models/late_bus/predict": {"instances": [ROW]},
    "/endpoints/late_bus/invocations": {"instances": [ROW]},
    "/v1/models/late_bus:predict": {"instances": [ROW]},
    "/models/late_bus/ground-truth": [LABEL],
}


def call(path: str, key_id: str | None) -> dict[str, Any]:
    told = event("POST", path, BODIES[path])
    told["requestContext"]["identity"]["apiKeyId"] = key_id
    context: Any = Context()
    return handler(told, context)


@pytest.mark.parametrize("path", BODIES)
def test_each_key_does_its_own(
    promoted: Account, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_GROUND_TRUTH_KEY_ID", "teacher")
    forget()
    teaches = path.endswith("ground-truth")
    for key_id, allowed in (("teacher", teaches), ("other", not teaches), (None, not teaches)):
        answered = call(path, key_id)
        assert answered["statusCode"] == ((202 if teaches else 200) if allowed else 403)
        if not allowed:
            assert "the API key of ground truth" in json.loads(answered["body"])["detail"]


@pytest.mark.parametrize("path", BODIES)
def test_without_the_setting_every_key_does_both(promoted: Account, path: str) -> None:
    assert call(path, "any")["statusCode"] in {200, 202}
