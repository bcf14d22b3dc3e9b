"""After a stop of LocalStack, `evergreen up` says what only MLflow still knows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cli.shared import lost_state
from cli.shared.lost_state import find_forgotten
from cli.shared.target import NotDeployedError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def make(*, deployed: bool, answer: httpx.Response) -> Any:
        class Deployed:
            @property
            def outputs(self) -> dict[str, str]:
                if not deployed:
                    raise NotDeployedError("stage 'dev' is not deployed")
                return {"BucketName": "b"}

        def get(url: str, timeout: float) -> httpx.Response:
            assert url == "http://mlflow/api/2.0/mlflow/registered-models/search"
            answer.request = httpx.Request("GET", url)
            return answer

        monkeypatch.setattr(lost_state, "Target", SimpleNamespace(local=lambda _: Deployed()))
        monkeypatch.setattr(httpx, "get", get)
        return SimpleNamespace(mlflow_uri="http://mlflow")

    return make


KNOWN = {"registered_models": [{"name": "flights"}, {"name": "fares"}]}


def test_models_that_only_mlflow_has(world: Callable[..., Any]) -> None:
    found = find_forgotten(world(deployed=False, answer=httpx.Response(200, json=KNOWN)))
    assert found
    assert found.models == ("fares", "flights")
    assert "`evergreen deploy`" in str(found)
    assert "`evergreen train fares --data FILE`" in str(found)


@pytest.mark.parametrize(
    ("deployed", "answer"),
    [
        (True, httpx.Response(200, json=KNOWN)),
        (False, httpx.Response(200, json={})),
        (False, httpx.Response(503)),
        (False, httpx.Response(200, text="no JSON")),
    ],
)
def test_nothing_is_said_otherwise(
    world: Callable[..., Any], *, deployed: bool, answer: httpx.Response
) -> None:
    assert find_forgotten(world(deployed=deployed, answer=answer)) is None
