"""The context of a deployment: what it may say, and what is said when it may not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cdk.constructs.serving.delivery_stream import size_hint
from cdk.settings import read_settings
from evergreen.errors import EvergreenError


def test_the_command_lines_texts_become_values() -> None:
    settings = read_settings({"emulator": "true", "drift_period": "2 minutes", "stage": "test"})
    assert settings.emulator is True
    assert settings.drift_period == timedelta(minutes=2)
    assert settings.name("predict", "m") == "evergreen-test-predict-m"


def test_cdks_own_keys_are_left_to_cdk() -> None:
    theirs = {"aws:cdk:enable-path-metadata": True, "@aws-cdk/core:x": True}
    assert read_settings(theirs) == read_settings({})


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("emulatr", "true", r"emulatr: no such setting \(there are: .*emulator"),
        ("log_retention_days", 31, "log_retention_days: .*1, 7, 14, 30.* not 31"),
        ("architecture", "riscv", "architecture: .*'x86_64' or 'arm64'"),
        ("stage", "Prod!", "stage: .*pattern"),
        ("region", "moon", "region: .*pattern"),
        ("alert_email", "nobody", "alert_email: .*pattern"),
        ("alert_webhook", "https://example.com/hook", "alert_webhook: .*secret.*evergreen alerts"),
        ("cooldown", "soon", "cooldown: .*'soon' is not a period"),
        ("drift_period", "soon", "drift_period: .*'soon' is not a period"),
        ("grafana", "perhaps", "grafana: .*'fargate', 'existing' or 'off'"),
        ("grafana", "existing", "grafana_role_arn .* need each other"),
        ("services_domain", "ml.example.com", "certificate_arn and services_domain need"),
        ("services_allowed_cidrs", "10.0.0.0/8 home", r"services_allowed_cidrs\.1: .*pattern"),
        ("vpc_id", "vpc-1a", "vpc_id and vpc_subnet_ids need each other"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(key: str, value: object, says: str) -> None:
    with pytest.raises(EvergreenError, match=says):
        read_settings({key: value})


def test_a_name_too_long_for_aws_is_refused() -> None:
    with pytest.raises(EvergreenError, match="AWS accepts 64"):
        read_settings({"stage": "production"}).name("predict", "m" * 40)


@pytest.mark.parametrize(("records", "mebibytes"), [(1, 1), (5000, 5), (10**6, 128)])
def test_the_buffer_holds_the_records_within_firehoses_limits(records: int, mebibytes: int) -> None:
    assert size_hint(records) == mebibytes
