"""Change the code that decides, one operator at a time, and count what the unit tests notice.

``make mutation`` runs it; ``make mutation MODULES="drift.policy.decision" DIGITS=159`` runs a part.
mutmut makes the mutants and runs the tests that reach each of them. It finds code below ``src``
only, so it works on a copy of the repository that has the library there, in
``.evergreen/mutation``. A run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".evergreen" / "mutation"
LIBRARY = ROOT / "layers" / "evergreen" / "python" / "evergreen"
MODULES = (
    *("drift.detectors.univariate", "drift.policy.decision", "drift.policy.budget"),
    *("drift.policy.consecutive", "drift.policy.goal"),
    *("evaluation.evaluate", "evaluation.decision", "release.promotion", "capture.delivery"),
    *("lake.compaction", "lake.reader", "serving.requests", "serving.server"),
)
"""The modules in which a wrong line would cost rows or a good model."""
_COPIED = (
    *("app.py", "cdk.json", "cdk", "cli", "dashboards", "functions", "local", "models", "docs"),
    *("requirements", "tests", "README.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml"),
)
_KILLED, _SURVIVED, _NO_TESTS, _TIMEOUT = "killed", "survived", "no tests", "timeout"
_MEANINGS = {0: _SURVIVED, 5: _NO_TESTS, 33: _NO_TESTS, 36: _TIMEOUT, 24: _TIMEOUT, -24: _TIMEOUT}


def main() -> None:
    """Run the mutants of each module and print its score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=[*MODULES], help="below evergreen, dotted")
    parser.add_argument(
        "--digits",
        default="0123456789",
        help="run only mutants whose number ends in one of these: a sample without chance",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    _copy(asked.modules)
    for module in asked.modules:
        _mutmut("run", "--max-children", str(asked.jobs), *_names(module, asked.digits))
    _say("\n| module | mutants | killed | survived | score |\n|---|---|---|---|---|")
    survivors = [name for module in asked.modules for name in _report(module)]
    for name in survivors:
        _say(f"\n## {name}")
        _mutmut("show", name)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _copy(modules: list[str]) -> None:
    """Lay the repository out as mutmut expects it; what did not change stays as it is."""
    WORK.mkdir(parents=True, exist_ok=True)
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, WORK / name, dirs_exist_ok=True, ignore=_ignored)
        else:
            shutil.copy2(source, WORK / name)
    shutil.copytree(LIBRARY, WORK / "src" / "evergreen", dirs_exist_ok=True, ignore=_ignored)
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"src/evergreen/{name.replace('.', '/')}.py" for name in modules],
        "also_copy": [*_COPIED],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-n", "0"],
        "pytest_add_cli_args_test_selection": [*_tests(modules)],
        "use_git_change_detection": False,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    with (WORK / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write("\n".join(["", "[tool.mutmut]", *lines, ""]))


def _ignored(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in {"__pycache__", "mutants"}]


def _tests(modules: list[str]) -> list[str]:
    """Return the unit tests of the modules' own packages, where their neighbours test them too."""
    folder = Path("tests/unit/evergreen")
    packages = {module.rpartition(".")[0].replace(".", "/") for module in modules}
    return [str(folder / package) for package in sorted(packages)]


def _names(module: str, digits: str) -> list[str]:
    return [f"evergreen.{module}.*__mutmut_*{digit}" for digit in digits]


def _mutmut(*arguments: str) -> None:
    command = [sys.executable, "-m", "mutmut", *arguments]
    subprocess.run(command, cwd=WORK, check=True)


def _report(module: str) -> list[str]:
    """Print the module's line of the table, and return the names of the mutants that survived."""
    meta = WORK / "mutants" / "src" / "evergreen" / f"{module.replace('.', '/')}.py.meta"
    codes: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"]
    found = {n: _MEANINGS.get(code, _KILLED) for n, code in codes.items() if code is not None}
    survivors = [name for name, what in found.items() if what in {_SURVIVED, _NO_TESTS}]
    killed = len(found) - len(survivors)
    score = f"{killed / len(found):.0%}" if found else "–"
    _say(f"| `{module}` | {len(found)} | {killed} | {len(survivors)} | {score} |")
    return survivors


if __name__ == "__main__":
    main()
