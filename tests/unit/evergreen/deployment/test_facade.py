"""What a notebook reads of a deployment, and does to it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import evergreen
from evergreen import Deployment
from evergreen.capture.ground_truth import labels_landing_prefix
from evergreen.capture.request_log import new_request_id, request_log_landing_prefix
from evergreen.clock import to_text, utc_now
from evergreen.deployment.facade import find_repository
from evergreen.drift.log import write_records
from evergreen.drift.records import CheckContext, DriftDecision, PerformanceTest, to_record
from evergreen.errors import EvergreenError
from evergreen.production import ProductionPointer
from tests.support.log_records import encode, request_records
from tests.support.release_bench import BUS
from tests.support.target_in_process import TargetInProcess
from tests.support.trained_models import DEFINITION, ROW, TOML, frame, training_columns

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

NAME = DEFINITION.name
TRAINING = """
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

def train(features, target):
    numbers = ColumnTransformer([("n", "passthrough", ["stops"])])
    return make_pipeline(numbers, LogisticRegression()).fit(features, target)
"""


@pytest.fixture
def target(aws: Account) -> TargetInProcess:
    return TargetInProcess.of(aws)


@pytest.fixture
def deployment(target: TargetInProcess, tmp_path: Path) -> Deployment:
    folder = tmp_path / "models" / NAME
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(TOML)
    (folder / "training.py").write_text(TRAINING)
    return Deployment(target, folder.parent)


def answer(target: TargetInProcess, hours: int, label: str | None = None) -> str:
    """Let a row be answered some hours ago, and its label come in later."""
    moment, request = utc_now() - timedelta(hours=hours), new_request_id()
    [record] = request_records(
        timestamp=moment,
        request_id=request,
        definition=DEFINITION,
        model_version="1",
        rows=[ROW],
        outputs=["late"],
        confidences=[0.5],
        metadata={"role": "champion"},
    )
    prefix = request_log_landing_prefix(NAME)
    target.storage.put(f"{prefix}{moment:%Y/%m/%d/%H}/{request}", encode(record))
    if label is not None:
        came = to_text(utc_now())
        about = {"timestamp": came, "request_id": request, "row": 0, "model": NAME}
        line = encode({**about, "label": label, "observed_at": came})
        target.storage.put(f"{labels_landing_prefix(NAME)}{utc_now():%Y/%m/%d/%H}/{request}", line)
    return request


def test_the_log_and_its_labels_are_frames(deployment: Deployment, target: TargetInProcess) -> None:
    old, new = answer(target, 30, "late"), answer(target, 2, "on time")
    log = deployment.log(NAME)
    assert (list(log.request_id), list(log.stops), list(log.line)) == ([new], [12.0], ["U1"])
    assert list(deployment.log(NAME, timedelta(days=2)).request_id) == [old, new]
    assert list(deployment.labels(NAME).label) == ["late", "on time"]
    assert list(deployment.labelled(NAME, "2 days").label) == ["late", "on time"]
    assert list(deployment.labelled(NAME, utc_now() - timedelta(hours=3)).label) == ["on time"]


def test_the_drift_log_has_a_row_for_each_test(
    deployment: Deployment, target: TargetInProcess
) -> None:
    assert deployment.drift(NAME).empty
    now = utc_now()
    context = CheckContext(
        timestamp=now - timedelta(minutes=1),
        reference_dataset_id="ds",
        subject_dataset_id="win",
        check_id="c",
        model=NAME,
        model_version="1",
        window_start=now - timedelta(hours=1),
        window_end=now,
        rows=100,
    )
    decision = DriftDecision(verdict="drift", start_retraining=True, reason="moved")
    performance = PerformanceTest(
        metric="f1",
        drifted=False,
        value=0.7,
        interval_low=0.6,
        interval_high=0.8,
        threshold=0.7,
        labelled_rows=4,
    )
    records = [to_record(context, each) for each in (performance, decision)]
    write_records(target.storage, context, records)
    found = deployment.drift(NAME).set_index("kind")
    assert found.loc["performance", "value"] == 0.7
    assert found.loc["decision", "verdict"] == "drift"
    assert set(found.rows) == {100}


def test_models_and_metrics_say_what_serves(
    deployment: Deployment, target: TargetInProcess
) -> None:
    assert deployment.models().loc[NAME, "version"] is None
    pointer = ProductionPointer(
        version="3",
        bundle_uri="s3://data/bundles/",
        sha256="0",
        reference_dataset_id="ds",
        promoted_at=utc_now(),
    )
    target.account.production().write(NAME, pointer)
    assert deployment.models().loc[NAME, "version"] == "3"
    target.account.put_metric("Predictions", utc_now() - timedelta(minutes=6), 40, model=NAME)
    [row] = deployment.metrics(NAME, "1h").to_dict("records")
    assert (row["metric"], row["value"]) == ("Predictions", 40)


def test_training_deciding_and_going_back_by_hand(
    deployment: Deployment, target: TargetInProcess
) -> None:
    target.client("events").create_event_bus(Name=BUS)
    rows = frame(training_columns()).iloc[:600]
    rows["late"] = np.where(rows.stops > 20, "late", "on time")
    rows["timestamp"] = pd.date_range("2026-01-01", periods=len(rows), freq="min", tz="UTC")
    said: list[str] = []
    version = deployment.train(NAME, rows, "made up", said.append).version
    assert "writing the data set" in said
    holdout = deployment.holdout(NAME, version)
    assert {"stops", "late", "timestamp", "output", "confidence"} <= set(holdout.columns)
    assert (holdout.late == holdout.output).mean() > 0.9
    assert deployment.decide(NAME, version).decision == "promote"
    pointer = deployment.production(NAME)
    assert pointer is not None
    assert pointer.version == version
    assert list(deployment.history(NAME).decision) == ["promote"]
    with pytest.raises(EvergreenError, match="before"):
        deployment.rollback(NAME, "a test")


def test_the_laptop_s_stack_is_found_from_any_folder_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "app.py").touch()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    with pytest.raises(EvergreenError, match="evergreen up"):
        Deployment.laptop()
    addresses = {"endpoint_url": "http://127.0.0.1:1", "mlflow_uri": "m", "lake_catalog": "sqlite"}
    (tmp_path / ".evergreen").mkdir()
    (tmp_path / ".evergreen" / "state.json").write_text(json.dumps({**addresses, "services": {}}))
    assert repr(Deployment.laptop()) == "Deployment(stage='dev', on an emulator)"
    assert repr(Deployment.aws("eu-west-3", stage="prod")) == "Deployment(stage='prod', on AWS)"
    with pytest.raises(EvergreenError, match="no clone of Evergreen"):
        find_repository(tmp_path.parent)


def test_the_library_is_imported_without_it() -> None:
    code = "import sys, evergreen.serving; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"pandas", "evergreen.deployment", "boto3"} & set(done.stdout.split()) == set()
    with pytest.raises(AttributeError, match="Deploymnet"):
        evergreen.Deploymnet  # noqa: B018


def test_the_page_about_it_names_every_public_call() -> None:
    page = (find_repository(Path(__file__)) / "docs" / "python.md").read_text()
    public = {name for name in vars(Deployment) if not name.startswith("_")} - {"emulator"}
    assert {name for name in public if f"`{name}" not in page and f".{name}(" not in page} == set()
