"""The notebooks run from top to bottom and are stored without outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import nbformat
import pytest
from nbclient import NotebookClient

from evergreen.production import Production
from evergreen.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.stack import Stack

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SECONDS_PER_CELL = 300

# Jupyter's client warns about its own event loop; the kernel is a process of its own.
pytestmark = pytest.mark.filterwarnings("default")


def execute(name: str, monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> Any:
    # OpenMP threads that spin while they wait make training ten times slower on a busy machine.
    quiet = {"MPLBACKEND": "agg", "OMP_WAIT_POLICY": "PASSIVE"}
    for variable, value in (quiet | dict(environment)).items():
        monkeypatch.setenv(variable, value)
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    ).execute()
    return notebook


def outputs(notebook: Any, mime: str) -> list[Any]:
    return [
        output["data"][mime]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if mime in output.get("data", {})
    ]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_are_stored_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not any(cell.outputs or cell.execution_count for cell in code)


def test_the_exploration_shows_its_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    inline = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    notebook = execute("01_explore.ipynb", monkeypatch, inline)
    assert len(outputs(notebook, "image/png")) == 6
    assert len(outputs(notebook, "text/html")) >= 3
    said = " ".join(outputs(notebook, "text/markdown"))
    assert "lowest in September" in said
    assert "highest in December" in said


@pytest.fixture
def stage(local_stack: Stack) -> Iterator[str]:
    """A stage with only a bucket and an event bus, which is enough for the notebooks."""
    name = f"book{uuid4().hex[:8]}"
    client = session(local_stack).client("cloudformation", endpoint_url=local_stack.endpoint_url)
    stack = f"Evergreen-{name}-Storage"
    template = {
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}},
            "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}},
        },
        "Outputs": {
            "BucketName": {"Value": {"Ref": "Bucket"}},
            "EventBusName": {"Value": {"Ref": "Bus"}},
        },
    }
    client.create_stack(StackName=stack, TemplateBody=json.dumps(template))
    client.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    yield name
    s3 = session(local_stack).client("s3", endpoint_url=local_stack.endpoint_url)
    Storage(name, s3).delete_below("")
    client.delete_stack(StackName=stack)
    client.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})


def test_working_by_hand_puts_a_model_into_production_once(
    local_stack: Stack, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**local_stack.client_environment(), "EVERGREEN_STAGE": stage}
    ssm = session(local_stack).client("ssm", endpoint_url=local_stack.endpoint_url)
    production = Production(stage, ssm)

    execute("02_train_and_promote.ipynb", monkeypatch, environment)
    first = production.read("flight_delay")
    assert first is not None
    assert first.metric is not None
    assert 0.3 < first.metric < 0.9

    # The same flights again give the same model: a tie, which keeps the champion.
    execute("02_train_and_promote.ipynb", monkeypatch, environment)
    assert production.read("flight_delay") == first
    s3 = session(local_stack).client("s3", endpoint_url=local_stack.endpoint_url)
    storage = Storage(stage, s3)
    decisions = [storage.get_json(item.key) for item in storage.list("decisions/")]
    assert [record["decision"] for record in decisions] == ["promote", "reject"]
    folder = f"bundles/flight_delay/{first.version}/"
    assert all(item.key.startswith(folder) for item in storage.list("bundles/"))

    watched = execute("03_watch.ipynb", monkeypatch, environment)
    tables = " ".join(outputs(watched, "text/html"))
    assert "promote" in tables
    assert "reject" in tables
    assert "0 rows within 7 days" in " ".join(outputs(watched, "text/markdown"))


def session(stack: Stack) -> boto3.Session:
    environment = stack.client_environment()
    return boto3.Session(
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )
