"""The local stack for real: services, artifacts, repair, interruption."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import mlflow
import psutil
import pytest

from local.ports import pick
from local.process import ServiceError
from local.settings import ARTIFACT_BUCKET, PreferredPorts, read_settings
from local.stack import Stack, down, running_stack, up
from local.state import StateFile
from local.status import Health, status
from tests.conftest import say

if TYPE_CHECKING:
    from collections.abc import Iterator

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def services(stack: Stack) -> dict[str, int]:
    records = StateFile(stack.settings.paths.state_file).read().services
    return {name: record.child.pid for name, record in records.items()}


def s3(stack: Stack) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=stack.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def mentioning(folder: Path) -> list[int]:
    """Return the processes that were told about a folder, by argument or environment."""
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


def test_artifacts_travel_through_mlflow_into_s3(
    local_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in local_stack.client_environment().items():
        monkeypatch.setenv(name, value)
    client = mlflow.MlflowClient(tracking_uri=local_stack.mlflow_uri)
    experiment = client.create_experiment("local-stack")
    run = client.create_run(experiment)
    client.log_text(run.info.run_id, "green", "colour.txt")
    listed = s3(local_stack).list_objects_v2(Bucket=ARTIFACT_BUCKET)["Contents"]
    [key] = [entry["Key"] for entry in listed if run.info.run_id in entry["Key"]]
    body = s3(local_stack).get_object(Bucket=ARTIFACT_BUCKET, Key=key)["Body"].read()
    assert body == b"green"


def test_second_up_leaves_running_services_alone(local_stack: Stack) -> None:
    before = services(local_stack)
    assert up(local_stack.settings, say) == local_stack
    assert services(local_stack) == before


def test_up_repairs_a_killed_service_at_its_old_address(local_stack: Stack) -> None:
    before = services(local_stack)
    if "mlflow" not in before:
        pytest.skip("MLFLOW_TRACKING_URI names a server of the user, which no test may kill")
    os.kill(before["mlflow"], signal.SIGKILL)
    psutil.wait_procs([psutil.Process(before["mlflow"])], timeout=30)
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
    yield state
    down(read_settings(state=state, environ={}), say, clean=True)
    shutil.rmtree(state)


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
