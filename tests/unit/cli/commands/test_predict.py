"""What `evergreen predict` makes of its options, and refuses before it asks anybody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest
from typer import BadParameter
from typer.testing import CliRunner

from cli.commands import predict as command
from cli.commands.predict import _given, _recorded
from cli.main import app
from cli.shared.examples import NoExampleError
from cli.shared.traffic import Api
from tests.support.target_in_process import TargetInProcess
from tests.support.trained_models import TOML

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws_in_process import Account

ANSWER = {"predictions": [1], "confidences": None, "model_version": "3", "request_id": "r"}
ROW = {"distance": 733, "carrier": "UA"}


def test_a_row_becomes_one_instance() -> None:
    assert _given(json.dumps(ROW), None) == {"instances": [ROW]}


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (ROW, {"instances": [ROW]}),
        ([ROW, ROW], {"instances": [ROW, ROW]}),
        ({"inputs": {"distance": [733]}}, {"inputs": {"distance": [733]}}),
    ],
)
def test_a_file_holds_a_row_or_rows_or_a_body(
    tmp_path: Path, content: object, body: object
) -> None:
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(content))
    assert _given(None, file) == body


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "row.json"
    file.write_bytes('{"carrier": "Süd"}'.encode("latin-1"))
    with pytest.raises(BadParameter, match="not JSON"):
        _given(None, file)


def test_without_either_the_example_gives_a_row_with_every_feature() -> None:
    [row] = _recorded("daily_ridership")["instances"]
    assert row


def test_a_model_without_recorded_data_needs_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.shared.examples.MODELS", tmp_path)
    (tmp_path / "late_bus").mkdir()
    (tmp_path / "late_bus" / "model.toml").write_text(TOML)
    with pytest.raises(NoExampleError, match=r"late_bus has no recorded data.*by --row or --file"):
        _recorded("late_bus")


def test_warnings_go_to_stderr_and_what_is_not_deployed_is_said_first(
    aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MODELS", tmp_path)
    for name in ("late_bus", "shop"):
        (tmp_path / name).mkdir()
        toml = TOML.replace('name = "late_bus"', f'name = "{name}"')
        (tmp_path / name / "model.toml").write_text(toml)
    monkeypatch.setattr(command, "choose", lambda **_: TargetInProcess.of(aws))
    answer = ANSWER | {"warnings": ["wind: 99 lies outside [-3, 3]"]}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    api = Api("http://function", "key", transport=transport)
    monkeypatch.setattr(Api, "of", lambda _: api)
    said = CliRunner().invoke(app, ["predict", "late_bus", "--row", "{}"])
    assert said.exit_code == 0, said.output
    assert "wind: 99 lies outside [-3, 3]" in said.stderr
    assert "outside" not in said.stdout
    refused = CliRunner().invoke(app, ["predict", "shop"])
    assert "shop is not deployed yet. Run `evergreen deploy" in str(refused.exception)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--row", "{"], "not JSON"),
        (["--row", '{"größe": NaN}'], "größe: NaN is not JSON, send null"),
        (["--row", '{"weight": 1e999}'], "weight: Infinity is not JSON, send null"),
        (["--row", "[1]"], "a row is a JSON object"),
        (["--file", "/nowhere/rows.json"], "does not exist"),
    ],
)
def test_bad_input_is_named(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(app, ["predict", "flight_delay", *arguments])
    assert result.exit_code == 2
    text = " ".join(result.output.replace("│", " ").split())
    assert says in text
    assert arguments[0] in text


def test_row_and_file_exclude_each_other(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text("{}")
    result = CliRunner().invoke(
        app, ["predict", "flight_delay", "--row", "{}", "--file", str(file)]
    )
    assert result.exit_code == 2
    assert "either --row or --file" in result.output
