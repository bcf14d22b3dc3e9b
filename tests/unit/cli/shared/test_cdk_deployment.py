from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from cli.shared import cdk_deployment, cdk_program
from cli.shared.cdk_deployment import deploy, emulator_context
from cli.shared.cdk_program import DeploymentError, EarlySynthesis
from cli.shared.target import Target
from local.files import exclusive

if TYPE_CHECKING:
    from pathlib import Path

CDK = """#!/bin/sh
trap 'echo refuses to end' TERM
sleep 60 &
echo $$ $! > "$0.pids"
echo "Evergreen-dev-Storage |  1/20 | CREATE_COMPLETE"
wait; sleep 60
"""


@pytest.fixture
def target() -> Target:
    return Target("dev", {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"})


@pytest.fixture(autouse=True)
def cdk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Replace cdk by a program that starts another one and does not end by itself.

    The account counts as bootstrapped and as empty, so that none is asked.
    """
    program = tmp_path / "node_modules/.bin/cdk"
    program.parent.mkdir(parents=True)
    program.write_text(CDK)
    program.chmod(0o755)
    monkeypatch.setattr(cdk_program, "APP_FOLDER", tmp_path)
    monkeypatch.setattr(cdk_deployment, "_is_bootstrapped", lambda _: True)
    monkeypatch.setattr(cdk_deployment, "models_of_sklearn", lambda *_: [])
    monkeypatch.setattr(cdk_program, "_SECONDS_TO_END", 0.2)


def assert_ended(file: Path) -> None:
    pids = [int(pid) for pid in file.read_text().split()]
    assert len(pids) == 2
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], 5)
    assert alive == []


def test_an_interrupted_deployment_leaves_no_process(target: Target, tmp_path: Path) -> None:
    said = []

    def interrupted(what: str) -> None:
        said.append(what)
        if "resources" in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy(target, {}, tmp_path / "logs/deploy.log", interrupted)
    assert said[-1] == "Storage: 1 of 20 resources"
    assert_ended(tmp_path / "node_modules/.bin/cdk.pids")


def test_a_second_deployment_waits_for_the_first(target: Target, tmp_path: Path) -> None:
    (tmp_path / "node_modules/.bin/cdk").write_text("#!/bin/sh\n")
    log, said, waits = tmp_path / "logs/deploy.log", [], threading.Event()

    def progress(what: str) -> None:
        said.append(what)
        waits.set()

    log.parent.mkdir()
    with exclusive(log.parent / ".deployment.lock", pytest.fail):
        second = threading.Thread(target=deploy, args=(target, {}, log, progress))
        second.start()
        assert waits.wait(10)
    second.join(10)
    assert said == ["waiting for another deployment to end", "synthesising"]


def test_a_failure_comes_with_the_end_of_the_output(target: Target, tmp_path: Path) -> None:
    (tmp_path / "node_modules/.bin/cdk").write_text("#!/bin/sh\necho no space left; exit 3\n")
    with pytest.raises(DeploymentError, match="no space left"):
        deploy(target, {}, tmp_path / "logs/deploy.log", lambda _: None)


ECHO = """#!/bin/sh
echo "$@" >> "$0.calls"
"""


def test_templates_that_were_begun_early_are_deployed(target: Target, tmp_path: Path) -> None:
    program = tmp_path / "node_modules/.bin/cdk"
    program.write_text(ECHO)
    folder, context = tmp_path / "logs/cdk.early", {"stage": "dev"}
    with EarlySynthesis(folder) as early:
        early.begin({}, context)
        deploy(target, context, tmp_path / "logs/deploy.log", lambda _: None, early)
        # Other settings need other templates.
        deploy(target, {"stage": "x"}, tmp_path / "logs/deploy.log", lambda _: None, early)
    synthesis, first, second = program.with_name("cdk.calls").read_text().splitlines()
    assert f"synth --quiet --output {folder} --context stage=dev" in synthesis
    assert f"--app {folder} " in first
    assert "--app" not in second
    assert "--context stage=x" in second


def test_templates_that_could_not_be_written_early_are_written_again(
    target: Target, tmp_path: Path
) -> None:
    program = tmp_path / "node_modules/.bin/cdk"
    program.write_text(f"{ECHO}[ $1 != synth ]\n")
    with EarlySynthesis(tmp_path / "logs/cdk.early") as early:
        early.begin({}, {})
        deploy(target, {}, tmp_path / "logs/deploy.log", lambda _: None, early)
    assert "--app" not in program.with_name("cdk.calls").read_text().splitlines()[-1]


def test_an_interrupted_command_ends_the_early_synthesis(tmp_path: Path) -> None:
    pids = tmp_path / "node_modules/.bin/cdk.pids"
    with EarlySynthesis(tmp_path / "logs/cdk.early") as early:
        early.begin({}, {})
        while not (pids.exists() and pids.read_text()):
            time.sleep(0.05)
    assert_ended(pids)


def test_an_emulator_has_no_athena_and_reads_with_the_small_engine(target: Target) -> None:
    context = emulator_context(target, period="1 hour", cooldown="1 second")
    assert (context["emulator"], context["engine"]) == ("true", "small")
