"""After a deployment to AWS the command names what nobody needs any more, and how to remove it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cli.shared.leftovers import orphaned_stacks, stale_pointers
from cli.shared.target import Target
from evergreen.production import ProductionPointer
from tests.support.aws_in_process import intercepted

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws_in_process import Account

ENVIRONMENT = {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}


@pytest.fixture
def target(aws: Account, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setattr(Target, "client", lambda _, service: aws.client(service))
    monkeypatch.setattr(Target, "storage", aws.storage())
    return Target("dev", ENVIRONMENT)


def test_stacks_that_the_app_no_longer_has_are_named_newest_first(
    aws: Account, target: Target, tmp_path: Path
) -> None:
    stack = {"type": "aws:cloudformation:stack", "properties": {}}
    artifacts = {
        "Evergreen-dev-Serving": stack,
        "Evergreen-dev-Serving.assets": {"type": "cdk:asset-manifest", "properties": {}},
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    names = ("Evergreen-dev-Network", "Evergreen-dev-Tracking", "Evergreen-dev-Serving")
    described = [
        {"StackName": name, "CreationTime": datetime(2026, 1, day, tzinfo=UTC), "StackStatus": "x"}
        for day, name in enumerate([*names, "Evergreen-prod-Network", "Others"], start=1)
    ]
    nested = described[0] | {"StackName": "Evergreen-dev-Serving-Nested1", "ParentId": "arn"}
    answer = {"Stacks": [*described, nested]}
    with intercepted(aws.client("cloudformation"), "DescribeStacks", lambda _: answer):
        found = orphaned_stacks(target, tmp_path)
    assert [each.command.rsplit(" ", 1)[-1] for each in found] == [names[1], names[0]]
    assert all("--region eu-central-1" in each.command for each in found)


def test_a_pointer_of_a_destroyed_deployment_is_named_with_the_command_that_mends_it(
    aws: Account, target: Target
) -> None:
    production = aws.production()
    for model, bucket in (("fresh", target.storage.bucket), ("stale", "the-bucket-before")):
        production.write(
            model,
            ProductionPointer(
                version="1",
                bundle_uri=f"s3://{bucket}/bundles/{model}/1/",
                sha256="0",
                reference_dataset_id="ds-1",
                promoted_at=datetime(2026, 3, 1, tzinfo=UTC),
            ),
        )
    (found,) = stale_pointers(target, ["fresh", "stale", "never_trained"])
    assert "s3://the-bucket-before/bundles/stale/1/" in found.what
    assert found.command == "evergreen doctor stale --fix --aws --stage dev"
    production.withdraw("stale")
    assert stale_pointers(target, ["fresh", "stale"]) == []
