"""What serves follows the pointer, survives what fails, and never answers without a record."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from botocore.exceptions import EndpointConnectionError

from evergreen.bundle.content import TrainedFeature
from evergreen.bundle.predictor import Predictions
from evergreen.bundle.store import load_bundle, save_bundle
from evergreen.clock import to_text
from evergreen.errors import (
    BundleError,
    LogDeliveryError,
    NoProductionModelError,
    PointerError,
    PredictionError,
)
from evergreen.metrics.catalog import Metric
from evergreen.model_definition import Feature, RequestLog
from evergreen.production import ShadowSlot
from evergreen.serving.champion import POINTER_POLL_SECONDS, ModelServer
from evergreen.serving.responses import model_body
from tests.support.aws_in_process import failing, intercepted, refusal
from tests.support.fixed_clock import NOW
from tests.support.served_model import PATIENT, World, shadowed
from tests.support.trained_models import DEFINITION, ROW, promote

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account


@pytest.fixture
def world(aws: Account) -> World:
    return World(aws)


def damage(world: World, value: str) -> None:
    """Write a production pointer that is none."""
    name = world.production.parameter(DEFINITION.name)
    world.aws.ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


def test_nothing_in_production_is_said(world: World) -> None:
    with pytest.raises(NoProductionModelError, match="late_bus"):
        world.predict()


def test_a_promotion_is_noticed_after_the_poll_period_and_not_asked_for_before(
    world: World,
) -> None:
    promote(world.storage, world.production, "1")
    with intercepted(world.aws.ssm, "GetParameter") as reads:
        assert [world.version() for _ in range(3)] == ["1", "1", "1"]
    assert len(reads) == 1
    promote(world.storage, world.production, "2")
    world.seconds += POINTER_POLL_SECONDS - 0.1
    assert world.version() == "1"
    world.seconds += 0.1
    assert world.version() == "2"
    assert len(world.recorded[Metric.MODEL_LOAD_TIME]) == 2


def test_an_unchanged_pointer_loads_nothing_again(world: World) -> None:
    promote(world.storage, world.production, "1")
    first = world.server.champion().predictor
    world.seconds += POINTER_POLL_SECONDS
    with intercepted(world.aws.ssm, "GetParameter") as reads:
        assert world.server.champion().predictor is first
    assert len(reads) == 1


@pytest.mark.parametrize(
    "damage", [{"sha256": "0" * 64}, {"bundle_uri": "s3://data/bundles/late_bus/9/"}]
)
def test_a_bundle_that_does_not_load_leaves_the_old_one_serving(world: World, damage: Any) -> None:
    promote(world.storage, world.production, "1")
    assert world.version() == "1"
    promote(world.storage, world.production, "2", **damage)
    world.seconds += POINTER_POLL_SECONDS
    assert world.version() == "1"
    assert world.predict().model_version == "1"
    assert world.recorded[Metric.MODEL_LOAD_FAILURES] == [1]
    promote(world.storage, world.production, "2")
    world.seconds += POINTER_POLL_SECONDS
    assert world.version() == "2"


def test_an_unreadable_pointer_leaves_the_old_one_serving(world: World) -> None:
    promote(world.storage, world.production, "1")
    assert world.version() == "1"
    world.seconds += POINTER_POLL_SECONDS
    with failing(world.aws.ssm, refusal("ThrottlingException")):
        assert world.version() == "1"
    assert world.recorded[Metric.POINTER_FAILURES] == [1]
    assert not world.recorded[Metric.MODEL_LOAD_FAILURES]


@pytest.mark.parametrize("value", ["not JSON", "{}", '{"version": "1"}', "[]"])
def test_a_damaged_pointer_leaves_the_old_one_serving_and_no_new_one_starts(
    world: World, value: str
) -> None:
    promote(world.storage, world.production, "1")
    assert world.version() == "1"
    damage(world, value)
    world.seconds += POINTER_POLL_SECONDS
    assert world.predict().model_version == "1"
    assert world.recorded[Metric.POINTER_FAILURES] == [1]
    assert not world.recorded[Metric.MODEL_LOAD_FAILURES]
    started = ModelServer(DEFINITION, world.production, world.storage, world.record)
    with pytest.raises(PointerError, match="cannot be read: it is not valid") as caught:
        started.champion()
    assert caught.value.where == DEFINITION.name
    assert world.recorded[Metric.POINTER_FAILURES] == [1, 1]
    assert world.recorded[Metric.HEALTHY] == [1, 1, 0]


def test_a_first_pointer_that_aws_does_not_return_is_said(world: World) -> None:
    promote(world.storage, world.production, "1")
    with (
        failing(world.aws.ssm, refusal("ThrottlingException")),
        pytest.raises(PointerError, match="AWS did not return it"),
    ):
        world.server.champion()
    assert not world.recorded[Metric.MODEL_LOAD_FAILURES]


def test_a_first_bundle_that_does_not_load_is_an_error(world: World) -> None:
    promote(world.storage, world.production, "1", sha256="0" * 64)
    with pytest.raises(BundleError, match="did not load"):
        world.server.champion()


def test_a_withdrawn_pointer_stops_serving(world: World) -> None:
    promote(world.storage, world.production, "1")
    assert world.version() == "1"
    world.aws.ssm.delete_parameter(Name=world.production.parameter(DEFINITION.name))
    world.seconds += POINTER_POLL_SECONDS
    with pytest.raises(NoProductionModelError):
        world.server.champion()
    promote(world.storage, world.production, "1", sha256="0" * 64)
    with pytest.raises(BundleError):
        world.server.champion()


def test_every_row_is_logged_before_the_answer(world: World) -> None:
    promote(world.storage, world.production, "1")
    answer = world.predict(ROW, {**ROW, "wind": None}, metadata={"shop": "x"}, id="mine")
    records = world.log
    assert [record["row"] for record in records] == [0, 1]
    assert {record["request_id"] for record in records} == {answer.request_id}
    assert [record["model_output"] for record in records] == answer.predictions.outputs
    assert [record["confidence"] for record in records] == answer.predictions.confidences
    assert records[1]["input_data"] == {**ROW, "wind": None}
    about = records[0]["metadata"]
    assert about.pop("inference_ms") >= 0
    assert about.pop("schema_version")
    assert about == {
        "shop": "x",
        "id": "mine",
        "source_ip": "192.0.2.1",
        "user_agent": "curl",
        "role": "champion",
        "batch_size": 2,
    }


def test_metadata_that_is_redacted_is_in_no_record(aws: Account) -> None:
    log = RequestLog(redact_metadata=("user", "id"))
    world = World(aws, definition=DEFINITION.model_copy(update={"request_log": log}))
    promote(world.storage, world.production, "1")
    world.predict(ROW, metadata={"user": "Ada", "shop": "x"}, id="mine")
    about = world.log[0]["metadata"]
    assert about["shop"] == "x"
    assert not {"user", "id"} & about.keys()


def test_requests_of_the_same_name_stay_two_requests(world: World) -> None:
    promote(world.storage, world.production, "1")
    assert world.predict(id="mine").request_id != world.predict(id="mine").request_id


def test_rows_that_cannot_be_logged_are_not_answered(world: World) -> None:
    promote(world.storage, world.production, "1")
    world.server.champion()
    unreachable = EndpointConnectionError(endpoint_url="s3")
    with (
        failing(world.aws.firehose, refusal("ServiceUnavailableException")),
        failing(world.aws.s3, unreachable),
        pytest.raises(LogDeliveryError),
    ):
        world.predict()
    assert not world.recorded[Metric.PREDICTIONS]


def test_rows_spilled_to_storage_are_answered_and_counted(world: World) -> None:
    promote(world.storage, world.production, "1")
    with failing(world.aws.firehose, refusal("ServiceUnavailableException")):
        world.predict(ROW, ROW)
    assert world.recorded[Metric.LOG_SPILLS] == [2]
    (spill,) = world.storage.list("raw/")
    assert len((world.storage.get(spill.key) or b"").splitlines()) == 2


def test_odd_values_are_counted_and_predicted(world: World) -> None:
    promote(world.storage, world.production, "1")
    world.predict({**ROW, "stops": 900, "line": "U9"}, {**ROW, "wind": None, "line": None})
    assert world.recorded[Metric.OUT_OF_RANGE] == [1]
    assert world.recorded[Metric.UNSEEN_CATEGORIES] == [1]
    assert world.recorded[Metric.MISSING_VALUES] == [2]
    assert world.recorded[Metric.PREDICTIONS] == world.recorded[Metric.BATCH_SIZE] == [2]
    assert 0.5 <= world.recorded[Metric.CONFIDENCE][0] <= 1


def test_health_and_version_are_recorded_with_every_use(world: World) -> None:
    with pytest.raises(NoProductionModelError):
        world.predict()
    promote(world.storage, world.production, "1")
    world.predict()
    assert world.recorded[Metric.HEALTHY] == [0, 1]
    assert world.recorded[Metric.PRODUCTION_VERSION] == [1]


def test_outputs_are_counted_by_class(world: World) -> None:
    promote(world.storage, world.production, "1")
    answer = world.predict(ROW, ROW)
    assert world.groups[Metric.OUTPUTS] == Counter(map(str, answer.predictions.outputs))
    assert sum(world.recorded[Metric.OUTPUTS]) == 2


def test_an_error_of_the_bundle_names_the_model_and_the_log_its_cause(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    promote(world.storage, world.production, "1", sha256="0" * 64)
    with pytest.raises(BundleError) as caught:
        world.server.champion()
    assert caught.value.where == DEFINITION.name
    (logged,) = caplog.messages
    assert DEFINITION.name in logged
    assert "SHA-256" in logged
    assert world.recorded[Metric.MODEL_LOAD_FAILURES] == [1]
    assert world.recorded[Metric.HEALTHY] == [0]


def test_nothing_in_production_is_no_failure_to_load(world: World) -> None:
    with pytest.raises(NoProductionModelError) as caught:
        world.server.champion()
    assert caught.value.fix == "Train one and promote it."
    assert not world.recorded[Metric.MODEL_LOAD_FAILURES]


def changed_features() -> dict[str, Feature]:
    """Return other features: one gone, one new, one of another type, in another order."""
    kept = {name: DEFINITION.features[name] for name in ("line", "wind")}
    return {**kept, "stops": Feature(type="category"), "rain": Feature(type="float")}


def test_what_serves_is_the_bundle_s_signature_whatever_the_definition_says(aws: Account) -> None:
    changed = DEFINITION.model_copy(
        update={"features": changed_features(), "target": "delay", "task": "regression"}
    )
    world = World(aws, definition=changed)
    promote(world.storage, world.production, "1")
    answer = world.predict(ROW, ROW)
    assert set(answer.predictions.outputs) <= {"late", "on time"}
    assert [record["input_data"] for record in world.log] == [ROW, ROW]
    assert {record["task_type"] for record in world.log} == {"classification"}
    assert model_body(changed, answer.champion)["features"].keys() == ROW.keys()
    assert model_body(changed, None)["features"].keys() == changed.features.keys()


def test_a_challenger_for_other_features_scores_nothing_and_harms_nobody(aws: Account) -> None:
    world = shadowed(World(aws, definition=PATIENT))
    bundle = load_bundle(world.storage, promote(world.storage, world.production, "2"))
    others = (*bundle.signature.features, TrainedFeature(name="rain", type="float"))
    signature = bundle.signature.model_copy(update={"features": others})
    uri, sha256 = save_bundle(world.storage, DEFINITION.name, replace(bundle, signature=signature))
    promote(world.storage, world.production, "1")
    slot = ShadowSlot(version="2", bundle_uri=uri, sha256=sha256, started_at=NOW)
    assert world.production.set_shadow(DEFINITION.name, slot)
    predict_until_loaded(world)
    assert world.log[0]["metadata"]["shadow"] == {"version": "2", "outcome": "failed"}


def test_a_failed_look_at_the_pointer_is_repeated_after_the_poll_period(world: World) -> None:
    promote(world.storage, world.production, "1")
    assert world.version() == "1"
    world.seconds += POINTER_POLL_SECONDS
    with intercepted(world.aws.ssm, "GetParameter") as reads:
        with failing(world.aws.ssm, refusal("ThrottlingException")):
            world.server.champion()
        world.seconds += POINTER_POLL_SECONDS - 0.1
        world.server.champion()
        assert len(reads) == 1
        world.seconds += 0.1
        world.server.champion()
        assert len(reads) == 2


def test_a_pointer_that_changes_around_the_same_bundle_is_followed(world: World) -> None:
    promote(world.storage, world.production, "1")
    assert world.version() == "1"
    pointer = promote(world.storage, world.production, "1", metric=0.9, previous="0")
    world.seconds += POINTER_POLL_SECONDS
    assert world.server.champion().pointer == pointer


def test_the_time_of_a_load_is_recorded_in_milliseconds(world: World) -> None:
    promote(world.storage, world.production, "1")

    def slow(_: object) -> None:
        world.seconds += 0.25

    with intercepted(world.aws.s3, "GetObject", slow) as reads:
        world.server.champion()
    assert world.recorded[Metric.MODEL_LOAD_TIME] == [250 * len(reads)]


def test_a_version_that_is_no_number_is_not_recorded(world: World) -> None:
    pointer = promote(world.storage, world.production, "1")
    bundle = replace(load_bundle(world.storage, pointer), version="blue")
    uri, sha256 = save_bundle(world.storage, DEFINITION.name, bundle)
    blue = pointer.model_copy(update={"version": "blue", "bundle_uri": uri, "sha256": sha256})
    world.production.write(DEFINITION.name, blue)
    assert world.version() == "blue"
    assert world.recorded[Metric.HEALTHY] == [1]
    assert not world.recorded[Metric.PRODUCTION_VERSION]


def test_the_time_of_an_inference_is_recorded_and_logged_in_milliseconds(world: World) -> None:
    promote(world.storage, world.production, "1")
    world.inference_seconds = 0.0123456
    world.predict()
    assert world.recorded[Metric.INFERENCE_TIME] == pytest.approx([12.3456])
    assert [record["metadata"]["inference_ms"] for record in world.log] == [12.346]


def test_every_record_says_when_and_by_which_version_it_was_predicted(world: World) -> None:
    promote(world.storage, world.production, "2")
    answer = world.predict(ROW, ROW)
    assert answer.model_version == "2"
    assert [record["model_version"] for record in world.log] == ["2", "2"]
    assert {record["timestamp"] for record in world.log} == {to_text(NOW)}
    assert {record["model"] for record in world.log} == {DEFINITION.name}
    assert {record["task_type"] for record in world.log} == {"classification"}


def predict_until_loaded(world: World) -> None:
    """Send two rows until the challenger no longer loads; keep the log of the last request."""
    for _ in range(20):
        world.forget_log()
        world.predict(ROW, ROW)
        if world.log[0]["metadata"]["shadow"]["outcome"] != "loading":
            return


def test_a_challenger_s_records_follow_and_the_champion_s_speak_of_it(aws: Account) -> None:
    world = shadowed(World(aws, definition=PATIENT))
    world.inference_seconds = 0.0123456
    predict_until_loaded(world)
    log = world.log
    champion, shadow = log[:2], log[2:]
    assert {each["metadata"]["role"] for each in shadow} == {"shadow"}
    assert [each["row"] for each in shadow] == [0, 1]
    assert {each["model_version"] for each in shadow} == {"2"}
    assert {each["metadata"]["batch_size"] for each in shadow} == {2}
    assert all(each["metadata"]["inference_ms"] > 0 for each in shadow)
    assert "shadow" not in shadow[0]["metadata"]
    assert {each["model_version"] for each in champion} == {"1"}
    assert {each["metadata"]["role"] for each in champion} == {"champion"}
    assert {each["metadata"]["inference_ms"] for each in champion} == {12.346}
    assert champion[0]["metadata"]["shadow"] == {"version": "2", "outcome": "scored"}


def test_a_challenger_without_a_result_gets_no_records(aws: Account) -> None:
    world = shadowed(World(aws, definition=PATIENT), sha256="0" * 64)
    predict_until_loaded(world)
    assert [each["metadata"]["role"] for each in world.log] == ["champion"] * 2
    about = world.log[0]["metadata"]["shadow"]
    assert about == {"version": "2", "outcome": "failed"}


def test_the_metrics_of_a_request_are_those_of_its_rows(world: World) -> None:
    promote(world.storage, world.production, "1")
    answer = world.predict(ROW, {**ROW, "line": "S7"}, {**ROW, "express": True})
    confidences = answer.predictions.confidences
    assert world.recorded[Metric.CONFIDENCE] == [pytest.approx(sum(confidences) / 3)]
    assert world.recorded[Metric.PREDICTIONS] == world.recorded[Metric.BATCH_SIZE] == [3]
    assert not world.recorded[Metric.LOG_SPILLS]
    assert world.groups[Metric.OUTPUTS] == Counter(map(str, answer.predictions.outputs))


NAMED: Any = ["a"]


@pytest.mark.parametrize(
    "said",
    [
        Predictions([float("nan")], None),
        Predictions([float("-inf")], None),
        Predictions(NAMED, [float("nan")]),
        Predictions(NAMED, [0.5], [[0.5, float("nan")]], ("a", "b")),
        Predictions(NAMED, [0.5], np.array([[0.5, float("nan")]]), ("a", "b")),
    ],
    ids=["nan", "infinite", "confidence", "probability", "probability of an array"],
)
def test_a_prediction_that_no_record_can_hold_is_neither_answered_nor_logged(
    world: World, monkeypatch: pytest.MonkeyPatch, said: Predictions
) -> None:
    promote(world.storage, world.production, "1")
    predictor = world.server.champion().predictor
    # No model of the tests answers so; a model of a user may.
    monkeypatch.setattr(predictor, "predict", lambda _: said)
    with pytest.raises(PredictionError, match="row 0 got") as caught:
        world.predict()
    assert caught.value.where == "1"
    assert world.log == []
