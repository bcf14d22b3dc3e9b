"""What `evergreen open NAME` prints for a script, and where it says that the key is."""

from __future__ import annotations

import json
import webbrowser
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner

from cli.commands import open_address
from cli.main import app
from tests.support.target_in_process import TargetInProcess

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

KEY = "k" * 40
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:retrain"


@pytest.fixture(autouse=True)
def target(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    found = TargetInProcess.of(aws)
    # moto's API Gateway needs a package that nothing else does.
    client = boto3.client(
        "apigateway", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    stub = Stubber(client)
    asked = {"apiKey": "callers", "includeValue": True}
    stub.add_response("get_api_key", {"id": "callers", "value": KEY}, asked)
    stub.activate()
    found.__dict__["client"] = lambda _: client
    found.__dict__["outputs"] = {
        "ApiUrl": "https://api.example/live/",
        "ApiKeyId": "callers",
        "StateMachineArn": MACHINE,
    }
    monkeypatch.setattr(open_address, "choose", lambda **_: found)


def test_a_script_gets_one_page_and_its_key_and_no_browser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    done = CliRunner().invoke(app, ["open", "status", "--json"])
    told = json.loads(done.stdout)
    assert (told["url"], told["api_key"]) == ("https://api.example/live/", KEY)
    assert "api_key" not in json.loads(
        CliRunner().invoke(app, ["open", "executions", "--json"]).stdout
    )
    assert opened == []


def test_a_person_is_told_where_the_key_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _: True)
    done = CliRunner().invoke(app, ["open", "status"])
    assert "`evergreen open status --json` prints it" in " ".join(done.stderr.split())
    assert KEY not in done.output
