"""Whether a deployment would change nothing, against moto's CloudFormation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from cli.shared import last_deployment
from cli.shared.last_deployment import inputs_fingerprint, is_deployed, record_deployment
from cli.shared.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTEXT = {"stage": "dev"}
TEMPLATE = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "app"
    for name in ("cdk/stack.py", "docs/page.md", ".venv/x.py", "functions/f/handler.py"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("1")
    monkeypatch.setattr(last_deployment, "APP_FOLDER", folder)
    return folder


@pytest.fixture
def target() -> Iterator[Target]:
    with mock_aws():
        stacks = boto3.client("cloudformation", "us-east-1")
        stacks.create_stack(StackName="Evergreen-dev-Drift", TemplateBody=json.dumps(TEMPLATE))
        yield Target("dev", {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"})


def test_the_same_stacks_of_the_same_files_are_deployed(target: Target, app: Path) -> None:
    record = app.parent / "deployed.json"
    assert not is_deployed(target, CONTEXT, record)
    record_deployment(target, CONTEXT, record)
    assert is_deployed(target, CONTEXT, record)
    assert not is_deployed(target, {"stage": "prod"}, record)
    record.write_text("{")
    assert not is_deployed(target, CONTEXT, record)


def test_a_stack_that_was_made_anew_is_deployed_again(target: Target, app: Path) -> None:
    record = app.parent / "deployed.json"
    record_deployment(target, CONTEXT, record)
    stacks = target.client("cloudformation")
    stacks.delete_stack(StackName="Evergreen-dev-Drift")
    assert not is_deployed(target, CONTEXT, record)
    stacks.create_stack(StackName="Evergreen-dev-Drift", TemplateBody=json.dumps(TEMPLATE))
    assert not is_deployed(target, CONTEXT, record)


def test_a_page_of_the_docs_is_no_input_and_a_handler_is(app: Path) -> None:
    before = inputs_fingerprint(app, CONTEXT)
    (app / "docs/page.md").write_text("2")
    (app / ".venv/x.py").write_text("2")
    assert inputs_fingerprint(app, CONTEXT) == before
    (app / "functions/f/handler.py").write_text("2")
    changed = inputs_fingerprint(app, CONTEXT)
    assert changed != before
    (app / "functions/f/handler.py").rename(app / "functions/f/other.py")
    assert inputs_fingerprint(app, CONTEXT) not in {before, changed}
