"""`python -m tests.benchmarks.serving [--quick]`: how fast predictions are, beside their floor.

It writes docs/performance.md and .evergreen/bench/serving.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from local.environments import ENVIRONMENTS, Progress, build_environment
from local.files import write_whole
from local.settings import Paths
from tests.benchmarks.serving import report
from tests.benchmarks.serving.cold import measure_cold, unzipped_mb
from tests.benchmarks.serving.http import measure_http
from tests.benchmarks.serving.models import MODELS
from tests.benchmarks.serving.prepared import prepare

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".evergreen" / "bench"
REPORT = ROOT / "docs" / "performance.md"
_QUICK_SHARE = 0.5
_ROUNDS = {True: 5, False: 15}
_TURNS = {True: 9, False: 7}
_TURN_SECONDS = {True: 0.25, False: 1.5}
_HTTP_MODELS = {True: ("boosting",), False: MODELS}
_VERSIONS = ("onnxruntime", "fastapi", "mangum", "botocore", "scikit-learn", "mlflow-skinny")


def main() -> None:
    """Run and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer turns, under 5 minutes")
    quick = parser.parse_args().quick
    FOLDER.mkdir(parents=True, exist_ok=True)
    console = Console()
    found = measure(console, quick=quick)
    write_whole(FOLDER / "serving.json", json.dumps(found, indent=1) + "\n")
    write_whole(REPORT, report.render(found))
    console.print(f"Table: {REPORT.relative_to(ROOT)}; numbers: .evergreen/bench/serving.json")


def measure(console: Console, *, quick: bool) -> dict[str, Any]:
    """Measure everything."""
    mlflow = next(each for each in ENVIRONMENTS if each.name == "services")
    build_environment(Paths(root=ROOT, state=ROOT / ".evergreen"), mlflow, _say(console))
    others = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        folder = Path(name)
        console.print("training three models")
        pipelines = prepare(folder)
        in_process: list[dict[str, Any]] = []
        for model in MODELS:
            for entry in _in_process(folder / model, quick=quick):
                in_process.append(entry)
                console.print(
                    f"  {model}, rows {entry['rows']:,}: {entry['p50_us'] / 1000:.2f} ms, "
                    f"{entry['p50_us'] / entry['floor_us']:.2f}x the floor"
                )
        http: list[dict[str, Any]] = []
        for model in _HTTP_MODELS[quick]:
            for entry in measure_http(
                folder / model,
                pipelines[model],
                model,
                turns=_TURNS[quick],
                seconds=_TURN_SECONDS[quick],
            ):
                http.append(entry)
                console.print(
                    f"  {entry['server']} ({entry['form']}), {model}, rows {entry['rows']:,}, "
                    f"{entry['concurrency']} at once: {entry['requests_per_second']:.0f}/s, "
                    f"99th percentile {entry['p99_ms']:.1f} ms"
                )
        cold = measure_cold(folder, pipelines["boosting"], _ROUNDS[quick])
    for start in cold:
        console.print(f"  cold start, {start['variant']}: {start['ms']:.0f} ms")
    return {
        "run": "quick" if quick else "full",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "others": others,
        "versions": {"python": platform.python_version()}
        | {each: version(each) for each in _VERSIONS}
        | {each: _peer_version(each) for each in ("mlserver", "bentoml")},
        "in_process": in_process,
        "http": http,
        "cold": cold,
        "unzipped_mb": unzipped_mb(),
    }


def _say(console: Console) -> Progress:
    return lambda subject, happens: console.print(f"{subject}: {happens}")


def _peer_version(name: str) -> str:
    [found] = (ROOT / ".evergreen" / name).glob(f"lib/python*/site-packages/{name}-*.dist-info")
    return found.name.removesuffix(".dist-info").split("-")[1]


def _in_process(folder: Path, *, quick: bool) -> list[dict[str, Any]]:
    share = ["--share", str(_QUICK_SHARE)] if quick else []
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.serving.in_process", str(folder), *share],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers/evergreen/python")]),
        },
        stdout=subprocess.PIPE,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
