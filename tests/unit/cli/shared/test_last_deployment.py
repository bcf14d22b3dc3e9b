"""Whether a deployment would change nothing. CloudFormation's answer is put in its place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from cli.shared import last_deployment
from cli.shared.last_deployment import inputs_fingerprint, is_deployed, record_deployment
from cli.shared.target import Target
from tests.support.aws_in_process import intercepted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws_in_process import Account

CONTEXT = {"stage": "dev"}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "app"
    for name in ("cdk/stack.py", "docs/page.md", ".venv/x.py", "functions/f/handler.py"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("1")
    monkeypatch.setattr(last_deployment, "APP_FOLDER", folder)
    return folder


@pytest.fixture
def stack() -> dict[str, Any]:
    return {
        "StackName": "Evergreen-dev-Drift",
        "StackId": "arn:1",
        "StackStatus": "CREATE_COMPLETE",
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
    }


@pytest.fixture
def target(
    aws: Account, monkeypatch: pytest.MonkeyPatch, stack: dict[str, Any]
) -> Iterator[Target]:
    monkeypatch.setattr(Target, "client", lambda _, service: aws.client(service))
    answer = {"Stacks": [stack]}
    with intercepted(aws.client("cloudformation"), "DescribeStacks", lambda _: answer):
        yield Target("dev", {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"})


def test_the_same_stacks_of_the_same_files_are_deployed(target: Target, app: Path) -> None:
    record = app.parent / "deployed.json"
    assert not is_deployed(target, CONTEXT, record)
    record_deployment(target, CONTEXT, record)
    assert is_deployed(target, CONTEXT, record)
    assert not is_deployed(target, {"stage": "prod"}, record)
    record.write_text("{")
    assert not is_deployed(target, CONTEXT, record)


@pytest.mark.parametrize(
    "change",
    [
        {"StackId": "arn:2"},
        {"StackStatus": "UPDATE_ROLLBACK_COMPLETE"},
        {"LastUpdatedTime": datetime(2026, 1, 2, tzinfo=UTC)},
    ],
    ids=["made anew", "rolled back", "updated"],
)
def test_a_stack_that_something_else_changed_is_deployed_again(
    target: Target, app: Path, stack: dict[str, Any], change: dict[str, Any]
) -> None:
    record = app.parent / "deployed.json"
    record_deployment(target, CONTEXT, record)
    stack.update(change)
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
