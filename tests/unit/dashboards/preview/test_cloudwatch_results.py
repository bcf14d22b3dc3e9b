"""Lines of CloudWatch panels from the plain statistics that an emulator has; against moto."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.building.build import PROVISIONING
from dashboards.checking.answers import QueryError
from dashboards.checking.provisioned import replace_variables
from dashboards.preview.cloudwatch_results import LocalStackRange

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

START = datetime(2026, 11, 29, 12, tzinfo=UTC)
BOARDS = PROVISIONING / "dashboards" / "cloudwatch"


@pytest.fixture
def answers(aws: Account) -> LocalStackRange:
    def put(namespace: str, name: str, *values: float, **dimensions: str) -> None:
        data: list[Any] = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                "Timestamp": START + timedelta(minutes=5 * number, seconds=30),
                "Value": value,
            }
            for number, value in enumerate(values)
        ]
        aws.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)

    put("Evergreen", "Requests", 300, 600, model="late", endpoint="/predict")
    put("Evergreen", "Requests", 30, model="late", endpoint="/docs")
    put("Evergreen", "Requests", 7, model="other", endpoint="/predict")
    put("Evergreen", "Healthy", 1, model="late")
    put("Evergreen", "Healthy", 0, model="late", stage="another number of dimensions")
    put("AWS/SQS", "ApproximateNumberOfMessagesVisible", 2, QueueName="evergreen-dead-letters")
    put("AWS/SQS", "ApproximateNumberOfMessagesVisible", 9, QueueName="dead-letters-of-others")
    return LocalStackRange(aws.cloudwatch, START, START + timedelta(minutes=15))


def panel(board: str, title: str) -> dict[str, Any]:
    whole = json.loads((BOARDS / f"{board}.json").read_text())
    replaced = replace_variables(whole, {"model": "late", "period": "300"})
    (found,) = [each for each in replaced["panels"] if each["title"] == title]
    return dict(found)


def shown(answers: LocalStackRange, board: str, title: str) -> dict[str, tuple[float, ...]]:
    return {line.name: line.values for line in answers.panel(panel(board, title)).lines}


def test_a_wildcard_has_a_line_for_each_series_of_these_dimensions(
    answers: LocalStackRange,
) -> None:
    assert shown(answers, "overview", "Health by model") == {"late": (1,)}
    assert shown(answers, "api", "Requests by endpoint") == {
        "late /predict": (300, 600),
        "late /docs": (30,),
    }


def test_metric_math_is_computed_from_its_inputs(answers: LocalStackRange) -> None:
    assert shown(answers, "api", "Requests per second") == {"requests": (1.1, 2)}


def test_a_search_finds_the_series_with_its_words(answers: LocalStackRange) -> None:
    assert shown(answers, "overview", "Undelivered events") == {"evergreen-dead-letters": (2,)}


def test_what_cannot_be_had_is_said(answers: LocalStackRange) -> None:
    percentiles = answers.panel(panel("api", "Response time by endpoint"))
    assert (percentiles.lines, percentiles.note) == (
        [],
        "p50, p95, p99: not available on LocalStack",
    )
    of_aws = answers.panel(panel("overview", "Throttled calls"))
    assert (of_aws.lines, of_aws.note) == ([], "LocalStack does not write this metric")
    odd = {"targets": [{"expression": "RATE(m1)", "refId": "A"}]}
    with pytest.raises(QueryError, match="not drawn yet"):
        answers.panel(odd)


@pytest.mark.parametrize("board", sorted(path.stem for path in BOARDS.glob("*.json")))
def test_every_panel_has_an_answer(answers: LocalStackRange, board: str) -> None:
    whole = json.loads((BOARDS / f"{board}.json").read_text())
    replaced = replace_variables(whole, {"model": "late", "period": "300"})
    for each in replaced["panels"]:
        if each["type"] != "row":
            answers.panel(each)  # a query of a form that cannot be drawn raises QueryError
