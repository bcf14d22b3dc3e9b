"""Change the code that decides, one operator at a time, and count what the unit tests notice.

``make mutation`` runs it; ``make mutation MODULES="drift.policy.decision" DIGITS=159`` runs a part.
mutmut makes the mutants and runs the tests that reach each of them. It finds code below ``src``
only, so it works on a copy of the repository that has the library there, one for each module, in
``.evergreen/mutation``. A run that was interrupted goes on where it stopped, and more digits add to
what was tried; after a change of code or tests it starts anew.
"""

from __future__ import annotations

import argparse
import hashlib
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
    for module in asked.modules:
        _copy(module)
        _mutmut(module, "run", "--max-children", str(asked.jobs), *_names(module, asked.digits))
    _say("\n| module | mutants | killed | survived | score |\n|---|---|---|---|---|")
    survivors = [(module, name) for module in asked.modules for name in _report(module)]
    for module, name in survivors:
        _say(f"\n## {name}")
        _mutmut(module, "show", name)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _copy(module: str) -> None:
    """Lay the repository out as mutmut expects it, anew if code or tests have changed."""
    work, fingerprint = WORK / module, _fingerprint(module)
    known = work / "fingerprint"
    if known.exists() and known.read_text(encoding="utf-8") == fingerprint:
        return
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, work / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, work / name)
    shutil.copytree(LIBRARY, work / "src" / "evergreen")
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"src/evergreen/{module.replace('.', '/')}.py"],
        "also_copy": [*_COPIED],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-n", "0"],
        "pytest_add_cli_args_test_selection": [_tests(module)],
        "use_git_change_detection": False,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    with (work / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write("\n".join(["", "[tool.mutmut]", *lines, ""]))
    known.write_text(fingerprint, encoding="utf-8")


def _fingerprint(module: str) -> str:
    """Return one SHA-256 over the code and the tests that a mutant's fate depends on."""
    digest = hashlib.sha256()
    places = (LIBRARY, ROOT / "tests" / "support", ROOT / _tests(module))
    for file in sorted(file for place in places for file in place.rglob("*.py")):
        digest.update(f"{file.relative_to(ROOT)} {file.stat().st_size}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _tests(module: str) -> str:
    """Return the unit tests of the module's own package, where its neighbours test it too."""
    return f"tests/unit/evergreen/{module.rpartition('.')[0].replace('.', '/')}"


def _names(module: str, digits: str) -> list[str]:
    return [f"evergreen.{module}.*__mutmut_*{digit}" for digit in digits]


def _mutmut(module: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "mutmut", *arguments]
    subprocess.run(command, cwd=WORK / module, check=True)


def _report(module: str) -> list[str]:
    """Print the module's line of the table, and return the names of the mutants that survived."""
    meta = WORK / module / "mutants" / "src" / "evergreen" / f"{module.replace('.', '/')}.py.meta"
    codes: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"]
    found = {n: _MEANINGS.get(code, _KILLED) for n, code in codes.items() if code is not None}
    survivors = [name for name, what in found.items() if what in {_SURVIVED, _NO_TESTS}]
    killed = len(found) - len(survivors)
    score = f"{killed / len(found):.0%}" if found else "–"
    _say(f"| `{module}` | {len(found)} | {killed} | {len(survivors)} | {score} |")
    return survivors


if __name__ == "__main__":
    main()
