"""The workflows for GitHub run commands that exist, with pinned actions and few rights."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk.settings import read_settings

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def steps(workflow: Path) -> list[dict[str, Any]]:
    content = yaml.safe_load(workflow.read_text())
    return [step for job in content["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda each: each.name)
def test_actions_are_pinned_by_digest(workflow: Path) -> None:
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used
    for each in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", each), each


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda each: each.name)
def test_a_workflow_may_only_read_and_a_job_that_assumes_a_role_says_so(workflow: Path) -> None:
    content = yaml.safe_load(workflow.read_text())
    assert content["permissions"] == {"contents": "read"}
    for job in content["jobs"].values():
        assumes = any("configure-aws-credentials" in step.get("uses", "") for step in job["steps"])
        rights = job.get("permissions", {"contents": "read"})
        assert rights == {"contents": "read"} | ({"id-token": "write"} if assumes else {})
        assert job["timeout-minutes"] <= 90


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda each: each.name)
def test_the_commands_exist(workflow: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(step.get("run", "") for step in steps(workflow))
    asked = set(re.findall(r"\bmake ([a-z-]+)", text))
    assert asked
    assert asked <= targets
    # What a person typed reaches a shell only through a variable.
    assert "${{" not in text


def test_a_deployment_builds_the_images_of_its_month(tmp_path: Path) -> None:
    shutil.copy(ROOT / "cdk.json", tmp_path)
    [step] = [
        each
        for each in steps(ROOT / ".github" / "workflows" / "deploy.yml")
        if "image_date" in each.get("run", "")
    ]
    subprocess.run(["bash", "-euc", step["run"]], cwd=tmp_path, check=True)
    before = json.loads((ROOT / "cdk.json").read_text())["context"]
    after = json.loads((tmp_path / "cdk.json").read_text())["context"]
    assert date.fromisoformat(after["image_date"]).day == 1
    assert after == before | {"image_date": after["image_date"]}
    assert read_settings(after).image_date == after["image_date"]
