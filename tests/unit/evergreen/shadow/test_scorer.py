"""Whatever a challenger in the shadow does, the champion answers and nobody is kept waiting."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.bundle.predictor import Predictions, Predictor
from evergreen.metrics.catalog import Metric
from evergreen.model_definition import Shadow
from evergreen.serving.champion import POINTER_POLL_SECONDS
from evergreen.serving.requests import RequestReader
from evergreen.shadow import scorer
from evergreen.shadow.scorer import MAX_FAILURES_IN_A_ROW, REST_SECONDS
from tests.support.served_model import PATIENT, World, shadowed
from tests.support.trained_models import DEFINITION, ROW, bundle, promote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.columns import Columns
    from tests.support.aws_in_process import Account

HASTY = DEFINITION.model_copy(update={"shadow": Shadow(budget_ms=1, budget_ratio=0)})


def records(world: World) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what is in the log: the champion's rows and the challenger's."""
    log = world.log
    roles = [record["metadata"]["role"] for record in log]
    by_role = {
        role: [record for record, its in zip(log, roles, strict=True) if its == role]
        for role in ("champion", "shadow")
    }
    return by_role["champion"], by_role["shadow"]


def outcomes(world: World) -> list[str]:
    return [record["metadata"]["shadow"]["outcome"] for record in records(world)[0]]


def predict_until_loaded(world: World) -> None:
    for _ in range(20):
        world.predict()
        if outcomes(world)[-1] != "loading":
            break


class Scripted:
    """Stands in for the challenger's model; the champion's was loaded before."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls = 0

    def predict(self, columns: Columns) -> Predictions:
        self.calls += 1
        answer = self.answer(columns)
        assert isinstance(answer, Predictions)
        return answer


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """What a slow challenger waits for; let go at the end."""
    event = threading.Event()
    yield event
    event.set()


def scripted(world: World, monkeypatch: pytest.MonkeyPatch, answer: Any) -> Scripted:
    world.server.champion()
    model = Scripted(answer)
    monkeypatch.setattr(scorer, "Predictor", lambda _: model)
    return model


def test_both_score_the_same_rows_and_the_champion_answers(aws: Account) -> None:
    world = shadowed(World(aws, definition=PATIENT))
    predict_until_loaded(world)
    world.forget_log()
    odd = {**ROW, "wind": None}
    answer = world.predict(ROW, odd, metadata={"shop": "x"})
    champion, challenger = records(world)
    assert answer.model_version == "1"
    assert [record["model_output"] for record in champion] == answer.predictions.outputs
    assert {record["model_version"] for record in challenger} == {"2"}
    for name in ("request_id", "row", "timestamp", "input_data"):
        assert [record[name] for record in challenger] == [record[name] for record in champion]
    expected = Predictor(bundle("2")).predict(columns_of(ROW, odd))
    assert [record["model_output"] for record in challenger] == expected.outputs
    assert [record["confidence"] for record in challenger] == expected.confidences
    assert champion[0]["metadata"]["shadow"] == {"version": "2", "outcome": "scored"}
    assert "shadow" not in challenger[0]["metadata"]
    assert challenger[0]["metadata"]["shop"] == "x"
    assert world.recorded[Metric.SHADOW_PREDICTIONS][-1] == 2
    assert world.recorded[Metric.SHADOW_ERRORS][-1] == 0


def columns_of(*rows: dict[str, Any]) -> Columns:
    return RequestReader(DEFINITION).read(json.dumps({"instances": rows}).encode()).columns


def test_without_a_challenger_nothing_is_said_of_one(aws: Account) -> None:
    world = World(aws, definition=PATIENT)
    promote(world.storage, world.production, "1")
    world.predict()
    champion, challenger = records(world)
    assert not challenger
    assert "shadow" not in champion[0]["metadata"]
    assert not world.recorded[Metric.SHADOW_PREDICTIONS]


def test_a_slow_challenger_is_given_up_and_not_asked_again_while_it_is_busy(
    aws: Account, monkeypatch: pytest.MonkeyPatch, held: threading.Event
) -> None:
    world = shadowed(World(aws, definition=HASTY))
    model = scripted(world, monkeypatch, lambda _: held.wait())
    while "late" not in outcomes(world):
        world.predict()
    answer = world.predict()
    champion, challenger = records(world)
    assert answer.predictions.outputs == [champion[-1]["model_output"]]
    assert not challenger
    assert outcomes(world)[-2:] == ["late", "late"]
    assert model.calls == 1
    assert world.recorded[Metric.SHADOW_ERRORS][-1] == 1


def test_a_challenger_that_takes_long_to_load_is_no_error(
    aws: Account, monkeypatch: pytest.MonkeyPatch, held: threading.Event
) -> None:
    world = shadowed(World(aws, definition=HASTY))
    world.server.champion()
    monkeypatch.setattr(scorer, "Predictor", lambda _: held.wait())
    world.predict()
    world.predict()
    assert outcomes(world) == ["loading", "loading"]
    assert world.recorded[Metric.SHADOW_ERRORS] == [0, 0]


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: 1 / 0,
        lambda _: Predictions([float("nan")], None),
        lambda _: Predictions([], None),
        lambda _: None,
    ],
    ids=["raises", "says what is no number", "says too little", "says nothing"],
)
def test_a_crashing_challenger_leaves_the_answer_as_it_is(
    aws: Account, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    world = shadowed(World(aws, definition=PATIENT))
    scripted(world, monkeypatch, answer)
    assert world.predict().model_version == "1"
    assert not records(world)[1]
    assert outcomes(world) == ["failed"]
    assert world.recorded[Metric.SHADOW_ERRORS] == [1]


@pytest.mark.parametrize(
    "damage", [{"sha256": "0" * 64}, {"bundle_uri": "s3://elsewhere/bundles/late_bus/2/"}]
)
def test_a_bundle_that_is_not_the_one_promised_never_scores(aws: Account, damage: Any) -> None:
    world = shadowed(World(aws, definition=PATIENT), **damage)
    assert world.predict().model_version == "1"
    assert outcomes(world) == ["failed"]
    assert not records(world)[1]


def test_one_that_keeps_failing_is_left_alone_for_a_while(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shadowed(World(aws, definition=PATIENT))
    model = scripted(world, monkeypatch, lambda _: 1 / 0)
    for _ in range(MAX_FAILURES_IN_A_ROW + 2):
        world.predict()
    assert model.calls == MAX_FAILURES_IN_A_ROW
    assert outcomes(world)[MAX_FAILURES_IN_A_ROW:] == ["resting", "resting"]
    assert sum(world.recorded[Metric.SHADOW_ERRORS]) == MAX_FAILURES_IN_A_ROW + 2
    world.seconds += REST_SECONDS
    world.predict()
    assert model.calls == MAX_FAILURES_IN_A_ROW + 1


def test_an_emptied_slot_ends_it(aws: Account) -> None:
    world = shadowed(World(aws, definition=PATIENT))
    predict_until_loaded(world)
    assert world.production.set_shadow(DEFINITION.name, None)
    world.seconds += POINTER_POLL_SECONDS
    world.forget_log()
    world.predict()
    champion, challenger = records(world)
    assert not challenger
    assert "shadow" not in champion[0]["metadata"]
