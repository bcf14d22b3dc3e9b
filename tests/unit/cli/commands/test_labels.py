"""What `evergreen labels import` does, prints and refuses."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from cli.commands import labels
from cli.main import app
from evergreen.capture.request_log import new_request_id, request_log_landing_prefix
from evergreen.clock import utc_now
from tests.support.log_records import encode, request_records
from tests.support.target_in_process import TargetInProcess
from tests.support.trained_models import DEFINITION, ROW, TOML, promote

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from tests.support.aws_in_process import Account

KNOWN, NAMED, STRAY = (new_request_id() for _ in range(3))


@pytest.fixture
def target(aws: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TargetInProcess:
    """A deployment of one model, which predicted two requests."""
    deployed = TargetInProcess.of(aws)
    folder = tmp_path / "models" / DEFINITION.name
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(TOML)
    monkeypatch.setattr(labels, "MODELS", folder.parent)
    monkeypatch.setattr(labels, "choose", lambda **_: deployed)
    moment = utc_now() - timedelta(hours=1)
    for request_id, metadata in ((KNOWN, {}), (NAMED, {"id": "order-7"})):
        records = request_records(
            timestamp=moment,
            request_id=request_id,
            definition=DEFINITION,
            model_version="1",
            rows=[ROW],
            outputs=["late"],
            confidences=[0.9],
            metadata={"role": "champion", **metadata},
        )
        prefix = request_log_landing_prefix(DEFINITION.name)
        deployed.storage.put(f"{prefix}{moment:%Y/%m/%d/%H}/{request_id}", encode(records[0]))
    return deployed


def _import(path: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["labels", "import", DEFINITION.name, str(path), *options])


def _file(path: Path, *lines: str) -> Path:
    file = path / "labels.csv"
    file.write_text("\n".join(lines))
    return file


def _json(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_an_import_says_what_joined_and_exits_with_0(
    target: TargetInProcess, tmp_path: Path
) -> None:
    promote(target.storage, target.account.production())
    file = _file(tmp_path, "order;late;other", "order-7;on time;1")
    result = _import(file, "--column", "id=order", "--column", "label=late")
    assert result.exit_code == 0, result.output
    assert "1 labels accepted, 0 lines refused" in result.stdout
    assert "ignored columns: other" in result.stdout
    assert "1 labels belong to a logged prediction" in result.stdout
    assert not (tmp_path / "labels.csv.refused.csv").exists()


def test_a_refused_line_stops_no_other_and_is_reported(
    target: TargetInProcess, tmp_path: Path
) -> None:
    promote(target.storage, target.account.production())
    lines = [f"{KNOWN},late", f"{STRAY},on time", "x,late", f"{KNOWN},early"]
    report = tmp_path / "report.csv"
    result = _import(_file(tmp_path, "request_id,label", *lines), "--json", "--report", str(report))
    assert result.exit_code == 1
    found = _json(result)
    assert (found["lines"], found["accepted"], found["refused"]) == (4, 2, 2)
    assert (found["joined"], found["waiting"], found["unknown"]) == (1, 1, 0)
    assert found["report"] == str(report)
    refused = report.read_text().splitlines()[1:]
    assert refused[0].startswith('4,request_id,"must be the request_id')
    assert refused[1].startswith('5,label,"must be a class of the model (')
    # The command is run again: nothing is sent, and the labels are looked up once more.
    again = _import(tmp_path / "labels.csv", "--json", "--report", str(report))
    assert _json(again) == found | {"already_imported": True}
    assert "sends it again" in _import(tmp_path / "labels.csv").stdout


def test_a_model_that_never_served_has_nothing_to_label(
    target: TargetInProcess, tmp_path: Path
) -> None:
    result = _import(_file(tmp_path, "request_id,label", f"{KNOWN},late"))
    assert "nothing to label" in str(result.exception)


@pytest.mark.parametrize("given", ["label", "late=label", "label="])
def test_a_column_that_is_no_field_is_refused(tmp_path: Path, given: str) -> None:
    file = _file(tmp_path, "request_id,label")
    result = CliRunner().invoke(
        app, ["labels", "import", "flight_delay", str(file), "--column", given]
    )
    assert result.exit_code == 2
    assert "FIELD=COLUMN" in result.output
