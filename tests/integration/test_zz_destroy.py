"""A deployment is deleted with all it has, and its pointers are kept in a file.

Its name makes it the last of its tier, because nothing is deployed after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from cli.commands import destroy
from cli.main import app
from cli.shared.pointer_backup import read_backup
from evergreen.production import Production, ProductionPointer
from tests.support.fixed_clock import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shared.target import Target


def test_everything_goes_and_the_pointers_are_in_a_file(
    deployed: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "backup.json"
    monkeypatch.setattr(destroy, "choose", lambda **_: deployed)
    monkeypatch.setattr(destroy, "backup_file", lambda *_: file)
    pointer = ProductionPointer(
        version="7", bundle_uri="s3://b/", sha256="0", reference_dataset_id="d", promoted_at=NOW
    )
    Production(deployed.stage, deployed.client("ssm")).write("kept", pointer)
    bucket = deployed.storage.bucket

    refused = CliRunner().invoke(app, ["destroy"], input="prod\n")
    assert refused.exit_code == 1
    assert "Nothing was deleted" in refused.output

    done = CliRunner().invoke(app, ["destroy"], input=f"{deployed.stage}\n", catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "stays" not in done.output
    assert read_backup(file).pointers["kept"] == pointer
    assert Production(deployed.stage, deployed.client("ssm")).read("kept") is None
    stacks = deployed.client("cloudformation").describe_stacks()["Stacks"]
    mine = [each for each in stacks if each["StackName"].startswith(f"Evergreen-{deployed.stage}-")]
    assert [each for each in mine if each["StackStatus"] != "DELETE_COMPLETE"] == []
    with pytest.raises(ClientError, match="404"):
        deployed.client("s3").head_bucket(Bucket=bucket)

    again = CliRunner().invoke(app, ["destroy", "--yes"])
    assert "not deployed" in str(again.exception)
