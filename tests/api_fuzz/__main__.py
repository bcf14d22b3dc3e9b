"""`make fuzz-api`: schemathesis with all of its checks, against the application over HTTP."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from functions.serve.app import create_app
from functions.serve.settings import ServerSettings
from tests.support.bundle_folders import serving_variables
from tests.support.served_over_http import served

SCHEMATHESIS = Path(".evergreen/schemathesis/bin/schemathesis")
CONFIG = Path(__file__).with_name("schemathesis.toml")
KEY = "secret"
SEEDS = (1, 2, 3)


def main() -> int:
    """Return 1 if any seed found something."""
    parser = argparse.ArgumentParser(prog="make fuzz-api", description=__doc__)
    parser.add_argument("--seed", type=int, nargs="*", default=SEEDS)
    parser.add_argument("more", nargs="*", help="options of `schemathesis run`, after --")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(serving_variables(Path(folder)))
        told = ServerSettings.model_validate({"EVERGREEN_API_KEY": KEY})
        with served(create_app(told)) as port:
            found = [_run(port, seed, chosen.more) for seed in chosen.seed]
    return int(any(found))


def _run(port: int, seed: int, more: list[str]) -> int:
    command = [
        *(
            str(SCHEMATHESIS),
            "--config-file",
            str(CONFIG),
            "run",
            f"http://127.0.0.1:{port}/openapi.json",
        ),
        *("--checks", "all", "--seed", str(seed), "--header", f"x-api-key: {KEY}"),
        *("--continue-on-failure", "--no-color", "--generation-database", "none", *more),
    ]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
