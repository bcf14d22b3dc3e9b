"""Only what is no longer deployed can be removed, and data only where it was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from cli.commands import remove
from cli.main import app
from cli.shared.target import Target
from evergreen.lake.catalog import GLUE, open_catalog
from evergreen.production import ProductionPointer
from tests.support.fixed_clock import NOW

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account


@pytest.fixture
def run(aws: Account, monkeypatch: pytest.MonkeyPatch) -> Any:
    storage = aws.storage()
    tables = open_catalog(GLUE, storage, "evergreen_test", aws.client("glue"))
    target = Target("dev", {})
    monkeypatch.setattr(Target, "client", lambda _, service: aws.client(service))
    monkeypatch.setattr(Target, "storage", storage)
    monkeypatch.setattr(Target, "lake_tables", tables)
    monkeypatch.setattr(Target, "outputs", {"PredictFunctionNameStillThere": "f"})
    monkeypatch.setattr(remove, "choose", lambda **_: target)
    pointer = ProductionPointer(
        version="7", bundle_uri="s3://b/", sha256="0", reference_dataset_id="d", promoted_at=NOW
    )
    for model in ("gone", "still_there"):
        aws.production().write(model, pointer)
        storage.put(f"bundles/{model}/7/model.onnx", b"1")
    return lambda *arguments, typed="": CliRunner().invoke(app, ["remove", *arguments], input=typed)


def test_a_deployed_model_stays(run: Any, aws: Account) -> None:
    refused = run("still_there", "--data", "--yes")
    assert "still deployed" in str(refused.exception)
    assert aws.production().read("still_there") is not None


def test_the_pointer_goes_and_the_data_stay_unless_asked(run: Any, aws: Account) -> None:
    done = run("gone")
    assert done.exit_code == 0, done.output
    assert "--data" in done.output
    assert aws.production().read("gone") is None
    assert aws.storage().get("bundles/gone/7/model.onnx") == b"1"

    refused = run("gone", "--data", typed="no\n")
    assert refused.exit_code == 1
    assert aws.storage().get("bundles/gone/7/model.onnx") == b"1"

    done = run("gone", "--data", typed="gone\n")
    assert done.exit_code == 0, done.output
    assert aws.storage().get("bundles/gone/7/model.onnx") is None
    assert aws.storage().get("bundles/still_there/7/model.onnx") == b"1"
