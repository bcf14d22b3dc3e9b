"""The details of one model: its metric, episodes and decisions over time, what moved, and links."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from evergreen.drift.distributions import (
    Numbers,
    distributions_key,
    distributions_of,
    write_distributions,
)
from evergreen.model_definition import Feature
from evergreen.reporting.details import DETAIL_DECISIONS
from tests.support.aws_in_process import failing, refusal
from tests.support.fixed_clock import NOW
from tests.support.reported_model import BEFORE, MINUTE, NAME, UNIVARIATE, ReportedModel

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

HOUR = timedelta(hours=1)


def test_the_metric_of_each_check_and_the_episodes_between_them(aws: Account) -> None:
    model = ReportedModel(aws)
    model.check(5 * HOUR, "1", drifted=False, value=0.8)
    model.check(4 * HOUR, "1", value=0.7)
    model.check(3 * HOUR, "1", drifted=False, reason="too few labels")
    model.check(2 * HOUR, "1", value=0.6)
    model.check(1 * HOUR, "2", drifted=False, value=0.9)
    found = model.details()
    assert [(each.value, each.model_version) for each in found.measurements] == [
        (0.8, "1"),
        (0.7, "1"),
        (0.6, "1"),
        (0.9, "2"),
    ]
    assert {each.at_promotion for each in found.measurements} == {0.75}
    assert [(NOW - each.since, NOW - (each.ended_at or NOW)) for each in found.episodes] == [
        (4 * HOUR, 3 * HOUR),
        (2 * HOUR, 1 * HOUR),  # the new version ended it
    ]
    assert {each.kind for each in found.episodes} == {"data_drift"}


def test_an_episode_that_goes_on_has_no_end(aws: Account) -> None:
    model = ReportedModel(aws)
    model.check(2 * HOUR)
    model.check(1 * HOUR)
    (episode,) = model.details().episodes
    assert (NOW - episode.since, episode.ended_at) == (2 * HOUR, None)
    assert episode.severity == "critical", "three rows in ten lie elsewhere"


def test_a_new_version_that_drifts_too_ends_the_episode_of_the_one_before(aws: Account) -> None:
    model = ReportedModel(aws)
    model.check(2 * HOUR, "1")
    model.check(1 * HOUR, "2")
    found = [
        (each.model_version, NOW - each.since, each.ended_at and NOW - each.ended_at)
        for each in model.details().episodes
    ]
    assert found == [("1", 2 * HOUR, 1 * HOUR), ("2", 1 * HOUR, None)]


def test_what_moved_with_its_numbers_its_distributions_and_the_report(aws: Account) -> None:
    model = ReportedModel(aws)
    check_id = model.check(HOUR)
    sides = {"wind": np.linspace(0, 1, 50, dtype=np.float32)}
    moved = {"wind": np.linspace(1, 2, 50, dtype=np.float32)}
    features = {"wind": Feature(type="float")}
    key = distributions_key(NAME, check_id)
    found = distributions_of([UNIVARIATE], features, sides, moved, most=5)
    write_distributions(model.storage, key, found)
    checked = model.details().checked
    assert checked is not None
    assert checked.report_url == f"https://signed/drift/reports/{NAME}/{check_id}.html"
    (wind,) = checked.features
    assert (wind.feature_name, wind.effect_size, wind.p_value_corrected) == ("wind", 0.3, 0.002)
    assert isinstance(wind.distributions, Numbers)
    assert wind.distributions.medians == (0.5, 1.5)


def test_a_check_that_kept_no_distributions_and_found_nothing_has_neither_picture_nor_report(
    aws: Account,
) -> None:
    model = ReportedModel(aws)
    model.check(HOUR, drifted=False)
    checked = model.details().checked
    assert checked is not None
    assert checked.report_url is None
    assert [each.distributions for each in checked.features] == [None]


def test_decisions_come_with_numbers_and_links_newest_first(aws: Account) -> None:
    model = ReportedModel(aws)
    for number in range(DETAIL_DECISIONS + 2):
        model.decide(number * HOUR, str(number), report="s3://data/registry/r/report.html")
    found = model.details(mlflow="http://mlflow:5000/", region="eu-central-1").decisions
    assert [each.challenger for each in found] == [str(n) for n in range(DETAIL_DECISIONS)]
    newest = found[0]
    assert newest.comparison is not None
    assert (newest.comparison.metric_champion, newest.comparison.rows) == (0.4, 100)
    assert newest.run_url == "http://mlflow:5000/#/runs/r"
    assert newest.report_url == "https://signed/registry/r/report.html"
    assert newest.execution == "name-of-it"
    assert newest.execution_url is not None
    assert newest.execution_url.startswith("https://eu-central-1.console.aws.amazon.com/states/")
    assert newest.execution_url.endswith(":execution:retrain:name-of-it")


def test_without_a_server_and_a_console_there_are_no_links(aws: Account) -> None:
    model = ReportedModel(aws)
    model.decide(HOUR, "2", report="mlflow-artifacts:/1/r/artifacts/evaluation/report.html")
    found = model.details()
    (decision,) = found.decisions
    assert (decision.run_url, decision.execution_url, decision.report_url) == (None, None, None)
    assert "123456789012" not in found.model_dump_json()


def test_requests_errors_and_times_stand_beside_the_rows(aws: Account) -> None:
    model = ReportedModel(aws)
    model.aws.put_metric("Predictions", BEFORE, 40, model=NAME)
    model.aws.put_metric("Requests", BEFORE, 1, 1, 1, model=NAME)
    model.aws.put_metric("ClientErrors", BEFORE, 1, 0, 0, model=NAME)
    model.aws.put_metric("ServerErrors", BEFORE, 0, 0, 1, model=NAME)
    model.aws.put_metric("ResponseTime", BEFORE, 8, 10, model=NAME)
    model.aws.put_metric("InferenceTime", BEFORE, 2, 4, model=NAME)
    found = model.details()
    newest = {
        name: getattr(found, name).values[-2]
        for name in ("rows", "requests", "client_errors", "server_errors")
    }
    assert newest == {"rows": 40, "requests": 3, "client_errors": 1, "server_errors": 1}
    assert (found.response_time.values[-2], found.slowest_response.values[-2]) == (9, 10)
    assert (found.inference_time.values[-2], found.slowest_inference.values[-2]) == (3, 4)


@pytest.mark.parametrize(
    ("service", "unread"), [("cloudwatch", {"metrics"}), ("s3", {"checks", "decisions"})]
)
def test_what_cannot_be_read_is_named_and_the_rest_is_there(
    aws: Account, service: str, unread: set[str]
) -> None:
    model = ReportedModel(aws)
    model.check(MINUTE, value=0.7)
    model.decide(MINUTE, "2")
    model.aws.put_metric("Predictions", BEFORE, 40, model=NAME)
    with failing(aws.client(service), refusal("Throttling")):
        found = model.details()
    assert set(found.unread) == unread
    assert bool(found.measurements) == bool(found.decisions) == ("checks" not in unread)
    assert any(found.rows.values) == ("metrics" not in unread)
