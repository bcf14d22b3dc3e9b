"""`evergreen metrics` shows sums, newest values and means, as CloudWatch has them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from cli.commands import metrics
from cli.main import app
from evergreen.clock import utc_now
from tests.support.target_in_process import TargetInProcess

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account


@pytest.fixture(autouse=True)
def account(aws: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    deployed = TargetInProcess.of(aws)
    monkeypatch.setattr(metrics, "choose", lambda **_: deployed)
    now = utc_now()
    ago = [now - timedelta(hours=hours) for hours in (3, 1)]
    for moment, rows, features in zip(ago, (40, 2), (5, 1), strict=True):
        aws.put_metric("Predictions", moment, rows, model="late")
        aws.put_metric("DriftedFeatures", moment, features, model="late")
    aws.put_metric("InferenceTime", ago[1], 2, 4, model="late")
    for status, number in (("200", 7), ("422", 2)):
        aws.put_metric("Responses", ago[1], number, model="late", status=status)
    aws.put_metric("Predictions", now - timedelta(days=3), 100, model="late")
    aws.put_metric("Predictions", ago[0], 1, model="other")
    return aws


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["metrics", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def values(*arguments: str) -> dict[tuple[str, Any], float]:
    found = json.loads(run("late", "--json", *arguments))
    return {(each["metric"], each["by"]): each["value"] for each in found}


def test_a_counter_is_summed_a_gauge_is_the_newest_and_a_distribution_has_its_mean() -> None:
    assert values() == {
        ("Predictions", None): 42,
        ("DriftedFeatures", None): 1,
        ("InferenceTime", None): 3,
        ("Responses", "200"): 7,
        ("Responses", "422"): 2,
    }
    assert values("--span", "7d")["Predictions", None] == 142


def test_a_gauge_is_the_newest_within_an_hour_and_a_name_has_its_letters(account: Account) -> None:
    hour = utc_now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    for minutes, largest in ((10, 5), (41, 3), (43, 1)):
        at = hour + timedelta(minutes=minutes)
        account.put_metric("EffectSize", at, largest, model="late", feature="gr\\xf6\\xdfe")
    shown = {each["by"]: each for each in json.loads(run("late", "--json"))}["größe"]
    assert (shown["value"], shown["largest"]) == (1, 5)
    assert shown["newest_at"].endswith(":43:00.000000Z")


def test_the_table_has_one_line_for_each_metric_and_fits_80_columns() -> None:
    lines = run("late").splitlines()
    assert max(map(len, lines)) <= 80
    shown = {line.split()[1]: line for line in lines[1:]}
    assert "(2 values)" in shown["Responses"]
    assert shown["Responses"].split()[4] == "9"
    assert "3 ms, max 4" in shown["InferenceTime"]
    assert run("late", "--detail").count("Responses (") == 2


def test_all_models_are_shown_or_that_there_is_nothing() -> None:
    assert {line.split()[0] for line in run().splitlines()[1:]} == {"late", "other"}
    assert run("nobody") == "No metric has a value within 24h.\n"
