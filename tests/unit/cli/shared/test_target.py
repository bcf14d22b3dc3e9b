"""Where a command on AWS goes: cdk.json says it, and not the shell's leftovers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.shared import target
from cli.shared.cdk_context import DeploymentPlace, read_place
from cli.shared.target import Target
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def own_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give every test an empty AWS configuration."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


def written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    file = tmp_path / "cdk.json"
    file.write_text(text)
    monkeypatch.setattr(target, "read_place", lambda: read_place(file))


def test_the_stage_and_region_are_those_of_cdk_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written(monkeypatch, tmp_path, '{"context": {"stage": "prod", "region": "eu-west-3"}}')
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    chosen = Target.aws()
    assert (chosen.stage, chosen.is_emulator) == ("prod", False)
    assert chosen.client("s3").meta.region_name == "eu-west-3"
    assert chosen.environment == {"AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "eu-west-3"}
    assert Target.aws("test").stage == "test"


def test_without_a_region_in_cdk_json_the_user_s_own_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written(monkeypatch, tmp_path, '{"context": {"region": ""}}')
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert Target.aws().client("s3").meta.region_name == "us-west-2"


def test_without_any_region_the_file_to_write_it_in_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written(monkeypatch, tmp_path, '{"context": {}}')
    with pytest.raises(EvergreenError, match="no AWS region is set") as caught:
        Target.aws()
    assert (caught.value.where, "AWS_REGION" in (caught.value.fix or "")) == ("cdk.json", True)


@pytest.mark.parametrize("text", ["no JSON", '{"context": {"stage": 5}}'])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "cdk.json"
    with pytest.raises(EvergreenError, match=r"cdk\.json"):
        read_place(file)
    file.write_text(text)
    with pytest.raises(EvergreenError, match=r"cdk\.json"):
        read_place(file)


def test_the_file_of_the_repository_is_read() -> None:
    assert read_place() == DeploymentPlace(stage="dev", region="us-east-1")
