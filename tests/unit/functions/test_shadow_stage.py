"""The functions of the state machine that need no registry: validate, start and stop, compare."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.clock import utc_now
from evergreen.errors import (
    BundleError,
    EvergreenError,
    RetrainingRequestError,
    UnknownModelError,
)
from functions.compare_shadow import handler as comparing
from functions.set_shadow import handler as setting
from functions.shared import clients, deployment_settings, lake_settings
from functions.validate_request import handler as validating
from functions.validate_request import settings as validating_settings
from tests.support.gateway_events import Context
from tests.support.trained_models import TOML, promote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws_in_process import Account

CONTEXT: Any = Context()
MODEL = "late_bus"
SHADOW = '\n[shadow]\nmin_predictions = 40\nmax_wait = "1 hour"\n'
JOB = (
    '\n[retraining]\ncompute = "sagemaker"\ninstance_type = "ml.m5.large"\ntime_limit = "2 hours"\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / MODEL
    folder.mkdir()
    (folder / "model.toml").write_text(TOML + SHADOW)
    return folder


@pytest.fixture(autouse=True)
def deployed(aws: Account, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    aws.storage()
    told = {
        "EVERGREEN_STAGE": "dev",
        "EVERGREEN_BUCKET": "data",
        "EVERGREEN_MODELS": str(folder.parent),
        "EVERGREEN_SAGEMAKER": "true",
        "EVERGREEN_LAKE_CATALOG": "glue",
        "EVERGREEN_LAKE_DATABASE": "evergreen_dev",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clients, "aws_client", aws.client)
    cached = [
        *(each.settings for each in (validating_settings, deployment_settings, lake_settings)),
    ]
    for each in cached:
        each.cache_clear()
    yield
    for each in cached:
        each.cache_clear()


def validate(**event: Any) -> Any:
    return validating.handler(
        {"model": MODEL, "execution": "arn:1", "trigger": "Request", **event}, CONTEXT
    )


def test_a_valid_request_is_told_how_the_model_is_retrained() -> None:
    assert validate() == {
        "model": MODEL,
        "execution": "arn:1",
        "trigger": "Request",
        "compute": "lambda",
        "shadow_predictions": 40,
    }


@pytest.mark.parametrize("wrong", ["", 7, None, ["late_bus"]])
def test_a_malformed_request_names_the_field(wrong: Any) -> None:
    with pytest.raises(RetrainingRequestError, match=r"^model: .*The input is"):
        validate(model=wrong)


def test_an_unknown_model_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownModelError, match=r"'early_bus'.*late_bus"):
        validate(model="early_bus")


def test_a_model_for_sagemaker_gets_its_job_or_a_function_and_a_note(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "model.toml").write_text(TOML + JOB)
    answer = validate()
    assert answer["compute"] == "sagemaker"
    assert answer["training_job"] == {"instance_type": "ml.m5.large", "max_seconds": 7200}
    monkeypatch.setenv("EVERGREEN_SAGEMAKER", "false")
    validating_settings.settings.cache_clear()
    here = validate()
    assert here["compute"] == "lambda"
    assert "no SageMaker here" in here["compute_note"]


class Slot:
    """A champion, and what it takes to put version 2 into its shadow."""

    def __init__(self, aws: Account) -> None:
        self.production = aws.production()
        storage = aws.storage()
        champion = promote(storage, self.production, "1")
        other = promote(storage, self.production, "2")
        self.production.write(MODEL, champion)
        self.start = {
            "action": "start",
            "model": MODEL,
            "challenger": "2",
            "bundle_uri": other.bundle_uri,
            "bundle_sha256": other.sha256,
            "execution": "arn:1",
        }

    def now(self) -> Any:
        pointer = self.production.read(MODEL)
        return pointer and pointer.shadow


def test_a_challenger_is_put_into_the_shadow_and_taken_out(aws: Account) -> None:
    slot = Slot(aws)
    answer = setting.handler(slot.start, CONTEXT)
    assert (slot.now().version, slot.now().owner) == ("2", "arn:1")
    assert answer["version"] == "2"
    assert answer["wait_seconds"] == 5
    again = setting.handler(slot.start, CONTEXT)
    assert again["started_at"] == answer["started_at"]
    stop = {"action": "stop", "model": MODEL, "challenger": "2"}
    for _ in range(2):
        assert setting.handler(stop, CONTEXT) == {"version": "2"}
        assert slot.now() is None


def test_a_challenger_whose_bundle_was_altered_is_not_put_there(aws: Account) -> None:
    slot = Slot(aws)
    with pytest.raises(BundleError):
        setting.handler(slot.start | {"bundle_sha256": "0" * 64}, CONTEXT)
    assert slot.now() is None


def test_nothing_scored_yet_is_waited_for(aws: Account) -> None:
    slot = Slot(aws)
    setting.handler(slot.start, CONTEXT)
    event = {"model": MODEL, "challenger": "2", "reason": "better", "decision": "promote"}
    answer = comparing.handler(event, CONTEXT)
    assert (answer["decision"], answer["reason"]) == ("promote", "better")
    assert answer["shadow"]["verdict"] == "waiting"
    assert answer["shadow"]["reason"] == "0 of 40 predictions"
    assert 1 <= answer["shadow"]["wait_seconds"] <= 18


def test_a_verdict_against_it_changes_the_decision(aws: Account) -> None:
    slot = Slot(aws)
    setting.handler(slot.start, CONTEXT)
    long_ago = utc_now() - timedelta(hours=2)  # may wait for one
    slot.production.set_shadow(MODEL, slot.now().model_copy(update={"started_at": long_ago}))
    event = {"model": MODEL, "challenger": "2", "reason": "better", "decision": "promote"}
    answer = comparing.handler(event, CONTEXT)
    assert answer["decision"] == answer["shadow"]["verdict"] == "reject"
    assert answer["reason"] == "in the shadow it scored no row before the time limit"


def test_a_challenger_that_is_no_longer_there_is_an_error(aws: Account) -> None:
    Slot(aws)
    with pytest.raises(EvergreenError, match="no longer in the shadow slot"):
        comparing.handler({"model": MODEL, "challenger": "2", "reason": "better"}, CONTEXT)
