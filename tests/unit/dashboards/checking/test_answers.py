from __future__ import annotations

from typing import Any

from dashboards.checking.answers import MAY_BE_EMPTY, QueryAnswer, marked
from evergreen.metrics.catalog import Metric


def answer(values: int, *metrics: str) -> QueryAnswer:
    return QueryAnswer("A", "anything", metrics, values)


def test_data_are_good_whatever_was_asked() -> None:
    assert answer(1, "Requests").good
    assert answer(1).good


def test_without_data_only_listed_metrics_are_good() -> None:
    assert not answer(0, "Requests").good
    assert not answer(0).good
    for metric in MAY_BE_EMPTY:
        assert answer(0, metric).good
        assert not answer(0, metric, "Requests").good


def test_what_a_service_of_aws_counts_may_be_empty() -> None:
    assert answer(0, "ExecutionsFailed").good
    assert not answer(0, "ExecutionsFailed", "Requests").good


def test_a_typo_has_no_excuse() -> None:
    for metric in [*MAY_BE_EMPTY, "ExecutionsFailed"]:
        assert not answer(0, f"{metric}s").good


def test_what_is_for_no_model_may_be_empty_but_has_no_excuse_for_a_typo() -> None:
    targets: list[dict[str, Any]] = [
        {"dimensions": {"model": ["-"]}},
        {"expr": 'sum(increase(evergreen_requests_total{model="-"}[300s]))'},
        {"dimensions": {"model": ["flight_delay"]}},
        {"expr": 'sum(increase(evergreen_requests_total{model="flight_delay"}[300s]))'},
    ]
    known = marked([answer(0, "Requests")] * 4, targets)
    assert [each.good for each in known] == [True, True, False, False]
    assert not any(each.good for each in marked([answer(0, "Requestz")] * 4, targets))


def test_the_list_is_short_and_gives_reasons() -> None:
    assert len(MAY_BE_EMPTY) <= 2
    assert all(len(reason.split()) > 4 for reason in MAY_BE_EMPTY.values())


def test_an_empty_answer_says_what_writes_its_metric() -> None:
    def hint(*metrics: Metric) -> str | None:
        return QueryAnswer("A", "", tuple(each.value for each in metrics), 0).hint

    assert "evergreen compact" in (hint(Metric.OLDEST_RAW) or "")
    assert "evergreen check-drift" in (hint(Metric.WINDOW_ROWS) or "")
    assert hint(Metric.PREDICTIONS) is None
    assert hint(Metric.OLDEST_RAW, Metric.WINDOW_ROWS) is None
