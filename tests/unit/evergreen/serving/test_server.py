"""What serves follows the pointer, survives what fails, and never answers without a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError

from evergreen.errors import BundleError, LogDeliveryError, NoProductionModelError
from evergreen.metrics.catalog import Metric
from evergreen.serving.server import POINTER_POLL_SECONDS
from tests.support.aws_in_process import failing, intercepted, refusal
from tests.support.served_model import World
from tests.support.trained_models import DEFINITION, ROW, promote

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account


@pytest.fixture
def world(aws: Account) -> World:
    return World(aws)


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
    assert world.recorded[Metric.MODEL_LOAD_FAILURES] == [1]


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
    assert world.groups[Metric.OUTPUTS] == {str(each) for each in answer.predictions.outputs}
    assert sum(world.recorded[Metric.OUTPUTS]) == 2
