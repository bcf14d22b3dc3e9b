"""Check the templates of every kind of deployment: ``make synth-check``.

Each variant is synthesised, which runs cdk-nag and checks the quotas of AWS. Then cfn-lint reads
its templates. A variant is checked again only if something has changed that its templates are made
from, and a template only if it differs from all that have passed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evergreen.errors import EvergreenError
from tests.synth_check.variants import ON_SAGEMAKER, VARIANTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).resolve().parents[2]
_STATE = ROOT / ".evergreen" / "synth-check"
_LINTER = ROOT / ".evergreen" / "cfn-lint"
_SOURCES = (
    *("app.py", "cdk.json", "cdk", "models", "functions", "tests/synth_check"),
    *("layers", "requirements", "package-lock.json"),
)
_NOT_OURS = {
    "W3005": "CDK lets a resource wait for the policies of its role, and so for the role too.",
    "W6001": "An output gives people an address that the stack of the network exports.",
}
"""What cfn-lint is not asked about, with the reason."""


def main() -> None:
    """Check every variant that has changed, and exit with 1 if one has a finding."""
    wrong = [name for name in VARIANTS if not check(name)]
    if wrong:
        sys.exit(f"synth-check: findings in {', '.join(wrong)}")


def check(name: str) -> bool:
    """Check one variant unless it has passed as it is; return whether it has passed."""
    passed = _STATE / name
    state = digest_of(_files(), name, str(VARIANTS[name]))
    if passed.is_file() and passed.read_text(encoding="utf-8") == state:
        _say(f"{name}: unchanged")
        return True
    with tempfile.TemporaryDirectory() as scratch:
        try:
            templates = synthesised(name, VARIANTS[name], Path(scratch))
        except (EvergreenError, RuntimeError) as error:
            _say(f"{name}: {error}")
            return False
        findings = lint(templates, str(VARIANTS[name].get("region", "us-east-1")))
    _say(f"{name}: {len(templates)} templates" + (f"\n{findings}" if findings else ""))
    if not findings:
        _write(passed, state)
    return not findings


def synthesised(name: str, context: Mapping[str, Any], scratch: Path) -> list[Path]:
    """Return the templates of a variant; cdk-nag and the quotas have then been checked."""
    import app  # noqa: PLC0415 - takes seconds, and where nothing has changed it is not needed

    models = ROOT / "models"
    if name in ON_SAGEMAKER:
        models = _on_sagemaker(models, scratch / "models")
    app.synthesise(context, models, str(scratch / "out"))
    return sorted((scratch / "out").glob("*.template.json"))


def lint(templates: list[Path], region: str) -> str:
    """Return cfn-lint's findings in the templates that have not passed yet, a line for each."""
    marks = {file: _STATE / "templates" / digest_of([_lock(), file], region) for file in templates}
    new = [file for file, mark in marks.items() if not mark.exists()]
    if not new:
        return ""
    ignored = [part for rule in _NOT_OURS for part in ("--ignore-checks", rule)]
    command = [sys.executable, str(_LINTER / "bin" / "cfn-lint"), "--format", "parseable"]
    answer = subprocess.run(
        [*command, "--regions", region, *ignored, "--template", *map(str, new)],
        env={**os.environ, "PYTHONPATH": str(_LINTER)},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        return answer.stdout + answer.stderr
    for file in new:
        _write(marks[file], "")
    return ""


def digest_of(files: Iterable[Path], *extra: str) -> str:
    """Return a digest of files' names and contents, and of the words in ``extra``."""
    digest = hashlib.sha256("\0".join(extra).encode())
    for file in files:
        digest.update(f"\0{file.name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _on_sagemaker(models: Path, target: Path) -> Path:
    shutil.copytree(models, target, ignore=shutil.ignore_patterns("__pycache__"))
    file = target / "flight_delay" / "model.toml"
    text = file.read_text(encoding="utf-8")
    changed = text.replace('compute = "lambda"', 'compute = "sagemaker"')
    if changed == text:
        raise RuntimeError(f'{file.name}: no line compute = "lambda" to change')
    file.write_text(changed, encoding="utf-8")
    return target


def _files() -> list[Path]:
    found: set[Path] = set()
    for source in _SOURCES:
        path = ROOT / source
        found |= {path} if path.is_file() else {each for each in path.rglob("*") if each.is_file()}
    return sorted(file for file in found if "__pycache__" not in file.parts)


def _lock() -> Path:
    return ROOT / "requirements" / "cfn-lint.lock"


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
