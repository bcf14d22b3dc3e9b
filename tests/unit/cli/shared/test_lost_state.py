"""After a stop of LocalStack, `evergreen up` and `doctor` say what is gone and what is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from typer.testing import CliRunner

from cli.commands import doctor
from cli.main import app
from cli.shared.lost_state import find_forgotten
from evergreen.deployment.connection import NotDeployedError
from evergreen.production import Production, ProductionPointer
from tests.support.fixed_clock import NOW
from tests.support.target_in_process import TargetInProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.aws_in_process import Account

MLFLOW = "http://mlflow"


@dataclass(frozen=True)
class Emptied(TargetInProcess):
    """An emulator that runs again and has no stack."""

    @property
    def is_emulator(self) -> bool:
        return True

    @property
    def outputs(self) -> Any:
        raise NotDeployedError("stage 'dev' is not deployed")


@pytest.fixture
def emptied(aws: Account, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Emptied]:
    """Make one: with these models in production, and this answer of MLflow."""

    def make(answer: httpx.Response, *models: str) -> Emptied:
        def get(url: str, timeout: float) -> httpx.Response:
            assert url == f"{MLFLOW}/api/2.0/mlflow/registered-models/search"
            answer.request = httpx.Request("GET", url)
            return answer

        monkeypatch.setattr(httpx, "get", get)
        pointer = ProductionPointer(
            version="7", bundle_uri="s3://b/", sha256="0", reference_dataset_id="d", promoted_at=NOW
        )
        for model in models:
            Production("dev", aws.client("ssm")).write(model, pointer)
        return Emptied("dev", {"MLFLOW_TRACKING_URI": MLFLOW}, aws)

    return make


def known() -> httpx.Response:
    return httpx.Response(200, json={"registered_models": [{"name": "flights"}, {"name": "fares"}]})


def test_what_was_in_production_is_named_with_the_command_that_mends_it(
    emptied: Callable[..., Emptied],
) -> None:
    found = find_forgotten(emptied(known(), "flights"))
    assert found
    assert (found.kept, found.unserved) == ({"flights": "7"}, ("fares",))
    assert str(found) == (
        "Nothing is deployed: LocalStack has stopped and forgot the app, or it was destroyed. "
        "Kept are the data bucket and what was in production: flights version 7. "
        "MLflow has versions of fares, and none of them is in production.\n"
        "Run `evergreen deploy`: then the same versions serve again."
    )


def test_models_that_only_mlflow_has_need_a_training(emptied: Callable[..., Emptied]) -> None:
    found = find_forgotten(emptied(known()))
    assert found
    assert found.unserved == ("fares", "flights")
    assert "Kept" not in str(found)
    assert "`evergreen deploy`, then `evergreen train fares --data FILE`" in str(found)


@pytest.mark.parametrize(
    "answer", [httpx.Response(200, json={}), httpx.Response(503), httpx.Response(200, text="x")]
)
def test_nothing_is_said_if_nothing_ever_served(
    emptied: Callable[..., Emptied], answer: httpx.Response
) -> None:
    assert find_forgotten(emptied(answer)) is None
    found = find_forgotten(emptied(answer, "flights"))
    assert found
    assert found.unserved == ()


def test_nothing_is_said_of_a_deployment(aws: Account, emptied: Callable[..., Emptied]) -> None:
    emptied(known(), "flights")
    assert find_forgotten(TargetInProcess.of(aws)) is None


def test_doctor_says_the_same(
    emptied: Callable[..., Emptied], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = emptied(known(), "flights")
    monkeypatch.setattr(doctor, "choose", lambda **_: target)
    result = CliRunner().invoke(app, ["doctor", "flight_delay"])
    assert result.exit_code == 1
    assert "what was in production: flights version 7" in str(result.exception)
    assert str(result.exception).endswith(
        "Run `evergreen deploy`: then the same versions serve again"
    )
