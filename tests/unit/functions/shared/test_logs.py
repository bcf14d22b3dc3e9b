"""What an invocation writes, as Lambda's own runtime has it: every line is JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support.trained_models import TOML

# What awslambdaric does before it imports the handler, on stdout where there is no log socket.
RUN = """
import json, logging, sys, warnings
from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_log_utils import LogFormat
bootstrap._setup_logging(LogFormat.from_str(sys.argv[1]), "", bootstrap.StandardLogSink())
logging.getLogger("a.library").warning("before the handler is imported")
from functions.predict.handler import handler
from tests.support.gateway_events import Context, event
logging.getLogger("a.library").warning("in two\\nlines")
logging.getLogger("predict.child").warning("a name that begins like the service's")
warnings.warn("this is old", DeprecationWarning)
try:
    raise ValueError("with a traceback")
except ValueError:
    logging.getLogger("a.library").exception("it failed")
handler(event("GET", "/models/late_bus"), Context())
"""
BEFORE = "before the handler is imported"


@pytest.fixture(scope="module", params=["TEXT", "JSON"])
def lines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    tmp_path = tmp_path_factory.mktemp("models")
    (tmp_path / "late_bus").mkdir()
    (tmp_path / "late_bus" / "model.toml").write_text(TOML)
    told = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONWARNINGS": "default",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # nobody listens there
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "POWERTOOLS_SERVICE_NAME": "predict",
        "EVERGREEN_STAGE": "dev",
        "EVERGREEN_BUCKET": "data",
        "EVERGREEN_MODEL": "late_bus",
        "EVERGREEN_REQUEST_STREAM": "requests",
        "EVERGREEN_LABEL_STREAM": "labels",
        "EVERGREEN_VERSION": "0",
        "EVERGREEN_MODELS": str(tmp_path),
    }
    ran = subprocess.run(
        [sys.executable, "-c", RUN, request.param],
        env=told,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    _, after = ran.stdout.split(BEFORE, 1)
    return after.split("\n", 1)[1].splitlines()


def test_every_line_is_json_and_metrics_are_lines_of_their_own(lines: list[str]) -> None:
    entries: list[dict[str, Any]] = [json.loads(line) for line in lines]
    logs = [each for each in entries if "_aws" not in each]
    metrics = [each for each in entries if "_aws" in each]
    assert {"Requests", "ModelLoadFailures"} <= {
        metric["Name"]
        for each in metrics
        for directive in each["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }
    said = [(each["name"], each["level"], each["message"].splitlines()[0]) for each in logs]
    assert said[:2] == [
        ("a.library", "WARNING", "in two"),
        ("predict.child", "WARNING", "a name that begins like the service's"),
    ]
    assert ("a.library", "ERROR", "it failed") in said
    assert "py.warnings" in {name for name, _, _ in said}
    assert {each["service"] for each in logs} == {"predict"}


def test_a_library_says_in_which_invocation_it_failed(lines: list[str]) -> None:
    logs = [json.loads(line) for line in lines if '"_aws"' not in line]
    (failed,) = [each for each in logs if "pointer of late_bus cannot" in each["message"]]
    assert failed["name"] == "evergreen.serving.champion"
    assert failed["function_name"] == "predict"
    assert failed["function_request_id"]


def test_the_functions_own_lines_come_once(lines: list[str]) -> None:
    own = [line for line in lines if '"name":"predict"' in line]
    assert len(own) == len(set(own)) == 1  # the refusal
    assert json.loads(own[0])["message"] == "not served"


def test_mlflow_writes_json_where_it_is_told_not_to_configure_its_loggers() -> None:
    program = """
import logging
from functions.shared.logs import create_logger
logger = create_logger()
import mlflow
logging.getLogger("mlflow.a").warning("of MLflow")
logger.info("of ours")
"""
    told = {"POWERTOOLS_SERVICE_NAME": "train", "MLFLOW_CONFIGURE_LOGGING": "false"}
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **told},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr == ""
    said = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [each["message"] for each in said] == ["of MLflow", "of ours"]
