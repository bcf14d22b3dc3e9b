"""Clients from packages that are too large for the developer's environment, as they come.

Each runs in an environment of its own (`make test-clients`) against the server over HTTP, and must
get what the service's own route answers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import httpx
import pytest

from functions.serve.app import create_app
from functions.serve.settings import ServerSettings
from tests.support.bundle_folders import serving_variables
from tests.support.forgotten_settings import forget
from tests.support.served_over_http import served
from tests.support.trained_models import ROW

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
STATE = HERE.parents[1] / ".evergreen"
CLIENTS = STATE / "clients" / "bin"
ROWS = [
    ROW,
    {"wind": -0.25, "stops": 3, "line": "S7", "express": True},
    {"wind": -1.25, "stops": 40, "line": "U1", "express": False},
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    variables = serving_variables(tmp_path_factory.mktemp("served"))
    with patch.dict(os.environ, variables):
        forget()
        with served(create_app(ServerSettings.model_validate({}))) as port:
            yield f"http://127.0.0.1:{port}"
    forget()


@pytest.fixture(scope="module")
def expected(address: str) -> dict[str, Any]:
    """The answer of the service's own route."""
    called = f"{address}/models/late_bus/predict?probabilities=true"
    answer: dict[str, Any] = httpx.post(called, json={"instances": ROWS}).json()
    assert len(set(answer["predictions"])) > 1
    return answer


def run(command: list[Any], given: object = None, **options: Any) -> Any:
    """Run a client with JSON on its input; return its output."""
    done = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_kserves_sdk(address: str, expected: dict[str, Any]) -> None:
    rows = {"address": address, "rows": ROWS}
    found = json.loads(run([CLIENTS / "python", HERE / "programs" / "kserve_sdk.py"], rows))
    for binary in ("binary False", "binary True"):
        assert found["v2"][binary]["predictions"] == expected["predictions"]
        assert found["v2"][binary]["confidences"] == expected["confidences"]
    assert found["v2"]["ready"] == [True, True, True, False]
    assert "inputs.express is missing" in found["v2"]["refused"]
    assert found["v1"] == {"predictions": expected["predictions"], "ready": True}


def test_mlservers_numpy_codec(address: str, expected: dict[str, Any]) -> None:
    python = STATE / "mlserver" / "bin" / "python"
    rows = {"address": address, "rows": ROWS}
    found = json.loads(run([python, HERE / "programs" / "numpy_codec.py"], rows))
    assert [*_flat(found)] == expected["predictions"]


def test_the_client_of_openapi_python_client(
    address: str, expected: dict[str, Any], tmp_path: Path
) -> None:
    generator = [
        *(CLIENTS / "openapi-python-client", "generate", "--url", f"{address}/openapi.json"),
        *("--output-path", tmp_path / "generated", "--meta", "none"),
    ]
    told = run(generator, env={**os.environ, "PATH": f"{CLIENTS}:{os.environ['PATH']}"})
    # It leaves out CSV and JSON lines with a warning, and no route with an error.
    assert "Error(s) encountered" not in told
    found = json.loads(
        run(
            [CLIENTS / "python", HERE / "programs" / "generated_python.py"],
            {"address": address, "rows": ROWS},
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )
    )
    assert found["predictions"] == found["inferred"] == expected["predictions"]
    assert found["probabilities"] == expected["probabilities"]
    assert (found["accepted"], found["version"]) == (1, "1")
    assert found["refused"][0] == 422
    assert "body" in found["empty"]


def test_the_types_of_openapi_typescript(
    address: str, expected: dict[str, Any], tmp_path: Path
) -> None:
    """Compiled, so that each field has its type and an empty call does not compile; then run."""
    tools = STATE / "typescript" / "node_modules"
    for file in ("program.ts", "tsconfig.json", "package.json"):
        shutil.copy(HERE / "typescript" / file, tmp_path)
    (tmp_path / "node_modules").symlink_to(tools)
    schema = [f"{address}/openapi.json", "-o", tmp_path / "schema.d.ts"]
    run([tools / ".bin" / "openapi-typescript", *schema])
    run([tools / ".bin" / "tsc"], cwd=tmp_path)
    program = ["node", "--disable-warning=ExperimentalWarning", "program.ts"]
    found = json.loads(run(program, {"address": address, "rows": ROWS}, cwd=tmp_path))
    assert found["predictions"] == expected["predictions"]
    assert found["confidences"] == expected["confidences"]
    assert (found["version"], found["accepted"], found["refused"][0]) == ("1", 1, 422)


def _flat(found: list[Any]) -> Iterator[Any]:
    for each in found:
        yield from each if isinstance(each, list) else [each]
