"""What is kept about callers: plain, hashed with the deployment's secret, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from functions.shared import clients
from functions.shared.callers import (
    CallerSettings,
    forget_callers,
    kept_about,
    shown_address,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.aws_in_process import Account

ADDRESS, AGENT = "192.0.2.7", "curl/8.5.0"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    forget_callers()
    yield
    forget_callers()


def kept(monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, str | None]:
    for name, value in variables.items():
        monkeypatch.setenv(f"EVERGREEN_LOG_{name.upper()}", value)
    forget_callers()
    return kept_about(ADDRESS, AGENT)


def test_by_default_both_are_kept_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kept(monkeypatch) == {"source_ip": ADDRESS, "user_agent": AGENT}
    assert kept_about(None, "") == {"source_ip": None, "user_agent": None}
    assert shown_address(ADDRESS) == ADDRESS


def test_each_can_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kept(monkeypatch, source_ip="off") == {"source_ip": None, "user_agent": AGENT}
    assert kept(monkeypatch, user_agent="off") == {"source_ip": None, "user_agent": None}
    assert shown_address(ADDRESS) is None


def test_hashed_they_can_be_told_apart_and_not_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    first = kept(monkeypatch, source_ip="hashed", user_agent="hashed", secret="one")
    assert first == kept_about(ADDRESS, AGENT)
    assert {len(str(each)) for each in first.values()} == {32}
    assert ADDRESS not in str(first)
    assert kept_about("192.0.2.8", AGENT)["source_ip"] != first["source_ip"]
    assert kept_about(ADDRESS, ADDRESS)["user_agent"] != first["source_ip"]
    assert kept(monkeypatch, secret="two") != first
    assert kept_about(None, None) == {"source_ip": None, "user_agent": None}
    assert shown_address(ADDRESS) is None


def test_the_secret_is_read_once(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "aws_client", aws.client)
    store = aws.client("secretsmanager")
    made = store.create_secret(Name="log", SecretString="secret of the deployment")
    found = kept(monkeypatch, source_ip="hashed", secret_arn=made["ARN"])
    store.put_secret_value(SecretId="log", SecretString="another")
    assert kept_about(ADDRESS, AGENT) == found
    forget_callers()
    assert kept_about(ADDRESS, AGENT) != found


def test_without_a_secret_nothing_can_be_hashed() -> None:
    with pytest.raises(ValidationError, match="EVERGREEN_LOG_SECRET_ARN"):
        CallerSettings.model_validate({"EVERGREEN_LOG_USER_AGENT": "hashed"})
