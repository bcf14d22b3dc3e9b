"""The real local stack: services, artifacts, repair, interruption."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import mlflow
import psutil
import psycopg
import pytest
from mlflow.exceptions import MlflowException

from local import seaweedfs
from local.ports import pick
from local.process import ServiceError
from local.settings import ARTIFACT_BUCKET, PreferredPorts, read_settings
from local.stack import Stack, StackNotRunningError, down, running_stack, up
from local.state import StateFile
from local.status import Health, status
from tests.conftest import say
from tests.support.stack_watchdog import watched

if TYPE_CHECKING:
    from collections.abc import Iterator

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient


def services(stack: Stack) -> dict[str, int]:
    records = StateFile(stack.settings.paths.state_file).read().services
    return {name: record.child.pid for name, record in records.items()}


def s3(stack: Stack) -> S3Client:
    record = StateFile(stack.settings.paths.state_file).read().services["seaweedfs"]
    return seaweedfs.client(record.url, seaweedfs.credentials(stack.settings))


def mentioning(folder: Path) -> list[int]:
    """Return the processes that have a folder in their arguments or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            told = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(folder) in text for text in told):
            found.append(process.pid)
    return found


def test_every_service_is_healthy(local_stack: Stack) -> None:
    healths = {service.name: service.health for service in status(local_stack.settings)}
    assert healths
    assert set(healths.values()) <= {Health.RUNNING, Health.EXTERNAL}
    assert running_stack(local_stack.settings) == local_stack


def log_artifact(stack: Stack, experiment: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Log one artifact and return its run; the client of MLflow does not use S3 itself."""
    for name, value in stack.client_environment().items():
        monkeypatch.setenv(name, value)
    client = mlflow.MlflowClient(tracking_uri=stack.mlflow_uri)
    run = client.create_run(client.create_experiment(experiment))
    client.log_text(run.info.run_id, "green", "colour.txt")
    return str(run.info.run_id)


def read_artifact(stack: Stack, run: str, folder: Path) -> str:
    folder.mkdir()
    client = mlflow.MlflowClient(tracking_uri=stack.mlflow_uri)
    return Path(client.download_artifacts(run, "colour.txt", str(folder))).read_text()


def kill(stack: Stack, name: str) -> None:
    victim = psutil.Process(services(stack)[name])
    victim.kill()
    psutil.wait_procs([victim], timeout=30)


def test_artifacts_travel_through_mlflow_into_s3(
    local_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = log_artifact(local_stack, "local-stack", monkeypatch)
    if "seaweedfs" not in services(local_stack):
        pytest.skip("MLFLOW_TRACKING_URI names a server of the user, who knows where its S3 is")
    listed = s3(local_stack).list_objects_v2(Bucket=ARTIFACT_BUCKET)["Contents"]
    [key] = [entry["Key"] for entry in listed if run in entry["Key"]]
    body = s3(local_stack).get_object(Bucket=ARTIFACT_BUCKET, Key=key)["Body"].read()
    assert body == b"green"


def test_the_lakes_user_reaches_its_own_database_and_no_other_data(local_stack: Stack) -> None:
    if "mlflow" not in services(local_stack):
        pytest.skip("MLFLOW_TRACKING_URI names a server of the user, who knows where its data are")
    address = local_stack.lake_catalog.replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as lake:
        lake.execute("CREATE TABLE mine (number int)")
        lake.execute("DROP TABLE mine")
    with (
        psycopg.connect(address, dbname="postgres") as tracking,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        tracking.execute("SELECT * FROM runs")


def test_second_up_leaves_running_services_alone(local_stack: Stack) -> None:
    before = services(local_stack)
    assert up(local_stack.settings, say) == local_stack
    assert services(local_stack) == before


def test_up_repairs_a_killed_service_at_its_old_address(local_stack: Stack) -> None:
    before = services(local_stack)
    if "mlflow" not in before:
        pytest.skip("MLFLOW_TRACKING_URI names a server of the user, which no test may kill")
    kill(local_stack, "mlflow")
    ended = {service.name: service.health for service in status(local_stack.settings)}
    assert ended["mlflow"] is Health.ENDED
    assert up(local_stack.settings, say) == local_stack
    after = services(local_stack)
    assert after["mlflow"] != before["mlflow"]
    assert {**after, "mlflow": 0} == {**before, "mlflow": 0}


@pytest.fixture
def own_state() -> Iterator[Path]:
    state = Path(tempfile.mkdtemp(prefix="evergreen-stack-"))
    state.chmod(0o711)
    with watched(state):
        yield state
        down(read_settings(state=state, environ={}), say, clean=True)
        shutil.rmtree(state)


def parameters(stack: Stack) -> SSMClient:
    return boto3.Session("test", "test", region_name="us-east-1").client(
        "ssm", endpoint_url=stack.endpoint_url
    )


def test_data_outlive_crashes_and_down_but_not_clean(
    local_stack: Stack, own_state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_settings(
        state=own_state, ports=PreferredPorts.anywhere(), environ={"PATH": os.environ["PATH"]}
    )
    stack = up(settings, say)
    run = log_artifact(stack, "durable", monkeypatch)
    with psycopg.connect(stack.lake_catalog.replace("+psycopg", ""), autocommit=True) as lake:
        lake.execute("CREATE TABLE durable (number int)")
    name = "/evergreen/dev/fruit/production"
    parameters(stack).put_parameter(Name=name, Value="durable", Type="String")
    for service in ("localstack", "seaweedfs", "postgres"):
        kill(stack, service)
    with pytest.raises(StackNotRunningError, match=r"\w+ and \w+ ended unexpectedly"):
        running_stack(settings)
    stack = up(settings, say)
    assert read_artifact(stack, run, tmp_path / "crash") == "green"
    down(settings, say)
    assert mentioning(own_state) == []
    stack = up(settings, say)
    assert parameters(stack).get_parameter(Name=name)["Parameter"]["Value"] == "durable"
    with psycopg.connect(stack.lake_catalog.replace("+psycopg", "")) as lake:
        lake.execute("SELECT * FROM durable")
    assert read_artifact(stack, run, tmp_path / "down") == "green"
    later = log_artifact(stack, "after", monkeypatch)
    assert read_artifact(stack, run, tmp_path / "before") == "green"
    assert read_artifact(stack, later, tmp_path / "after") == "green"
    down(settings, say, clean=True)
    data = {"kept", "seaweedfs"}
    assert not [file for file in own_state.rglob("*") if data & set(file.parts)]
    # No LocalStack of its own from here on: it keeps no artifacts.
    settings = replace(settings, endpoint_url=local_stack.endpoint_url)
    stack = up(settings, say)
    with pytest.raises(MlflowException, match=run):
        read_artifact(stack, run, tmp_path / "clean")


UP = r"""
import os
import signal
import sys
from pathlib import Path
from local.settings import PreferredPorts, read_settings
from local.stack import up
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits none
any_ports = PreferredPorts.anywhere()
settings = read_settings(state=Path(sys.argv[1]), ports=any_ports, environ={})
# One write each: the services speak from threads of their own.
up(settings, lambda subject, what: os.write(1, f"{subject} {what}\n".encode()))
"""


@pytest.mark.parametrize("moment", ["LocalStack starting", "MLflow starting"])
def test_interrupted_up_leaves_nothing_running(own_state: Path, moment: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", UP, str(own_state)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with child:
        assert child.stdout is not None
        seen = []
        for line in child.stdout:
            seen.append(line)
            if line.strip() == moment:
                child.send_signal(signal.SIGINT)
        output = "".join(seen)
    assert f"{moment}\n" in output
    assert "KeyboardInterrupt" in output
    assert mentioning(own_state) == []
    assert not (own_state / "state.json").exists()


def test_one_failed_service_takes_the_others_with_it(own_state: Path) -> None:
    settings = read_settings(
        state=own_state, ports=PreferredPorts.anywhere(), environ={"PATH": os.environ["PATH"]}
    )
    (own_state / "mlflow").write_text("a file where MLflow's folder should be")
    with pytest.raises(Exception, match="mlflow"):
        up(settings, say)
    assert mentioning(own_state) == []
    (own_state / "mlflow").unlink()


def test_named_emulator_that_does_not_answer_is_an_error(own_state: Path) -> None:
    url = f"http://127.0.0.1:{pick(None)}"
    settings = read_settings(
        state=own_state, ports=PreferredPorts.anywhere(), environ={"AWS_ENDPOINT_URL": url}
    )
    with pytest.raises(ServiceError, match=rf"AWS_ENDPOINT_URL={url}: nothing answers there"):
        up(settings, say)
    assert status(settings) == []
