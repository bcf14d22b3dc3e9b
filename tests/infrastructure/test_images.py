"""The Dockerfiles, which nothing here builds: what can be said of them without Docker."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from uv import find_uv_bin

from cdk.constructs.building.layers import _PLATFORMS

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    file
    for pattern in ("Dockerfile*", "[a-z]*/Dockerfile*", "[a-z]*/[a-z]*/Dockerfile*")
    for file in ROOT.glob(pattern)
    if file.suffix != ".dockerignore" and "node_modules" not in file.parts
)
LAMBDA = "public.ecr.aws/lambda/python:3.13"
SERVERS = {"mlflow", "dashboards", "serving"}
"""The others are Lambda's: it starts them as a user of its own and watches them itself."""
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)


def instructions(file: Path) -> list[tuple[str, str]]:
    """Return each instruction and its arguments, continued lines joined."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [(word.upper(), rest) for word, rest in pairs]


def of(file: Path, word: str) -> list[str]:
    return [rest for name, rest in instructions(file) if name == word]


def test_every_image_is_known() -> None:
    assert {file.parent.name for file in FILES} == SERVERS | {"training", "drift"}


@each_file
def test_base_is_pinned_by_version(file: Path) -> None:
    [base] = of(file, "FROM")
    assert re.search(r":v?\d+\.\d+", base)


@each_file
def test_no_step_hides_its_failure(file: Path) -> None:
    for step in of(file, "RUN"):
        words = shlex.split(step, posix=True)
        assert not {"||", ";", "|"} & set(words), step
        assert not [word for word in words if word.endswith(";")], step


@each_file
def test_packages_come_from_a_lock_with_hashes(file: Path) -> None:
    installs = [step for step in of(file, "RUN") if re.search(r"\b(pip|uv|npm|apt|curl)\b", step)]
    for step in installs:
        for flag in ("--require-hashes", "--no-deps", "--only-binary :all:"):
            assert flag in step
        assert len(re.findall(r"\binstall\b", step)) == 1
        locks = [rest.split() for rest in of(file, "COPY") if rest.endswith(".lock")]
        assert len(locks) == (2 if file.parent.name == "training" else 1)  # and the models' own
        for _, copied in locks:
            assert step.count(f"--requirement {copied}") == 1
        assert "--hash=sha256:" in (ROOT / locks[0][0]).read_text()
    assert bool(installs) == (file.parent.name != "dashboards")


@each_file
def test_servers_are_not_root_and_tell_their_health(file: Path) -> None:
    users, checks = of(file, "USER"), of(file, "HEALTHCHECK")
    if file.parent.name not in SERVERS:
        assert of(file, "FROM") == [LAMBDA]
        assert (users, checks) == ([], [])
        return
    assert users[-1].isdecimal()
    assert int(users[-1]) > 0
    [port] = of(file, "EXPOSE")
    assert len(checks) == 1
    assert f"127.0.0.1:{port}/" in checks[0]


@each_file
def test_what_is_copied_is_there_and_not_ignored(file: Path) -> None:
    own = file.with_name("Dockerfile.dockerignore")
    context = file.parent if file.parent.name == "dashboards" else ROOT
    ignored = (own if own.exists() else context / ".dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in ignored if line.startswith("!")]
    for rest in of(file, "COPY"):
        source = next(word for word in rest.split() if not word.startswith("--"))
        assert (context / source).exists(), source
        assert any(source == each or source.startswith(f"{each}/") for each in allowed), source


@pytest.mark.parametrize("architecture", sorted(_PLATFORMS))
def test_every_package_of_an_image_has_a_wheel_for_both_architectures(
    architecture: str, tmp_path: Path
) -> None:
    """``--only-binary :all:`` would stop the build: a lock is resolved without downloading it."""
    for lock in ("training", "drift", "serving", "mlflow-server"):
        command = [
            *(
                find_uv_bin(),
                "pip",
                "install",
                "--dry-run",
                "--quiet",
                "--no-deps",
                "--require-hashes",
            ),
            *("--only-binary", ":all:", "--python-version", "3.13"),
            *("--python-platform", _PLATFORMS[architecture], "--target", str(tmp_path)),
            *("--requirement", str(ROOT / "requirements" / f"{lock}.lock")),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{lock}: {done.stderr}"


def test_the_image_of_the_server_tells_the_version_of_evergreen() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    dockerfile = (ROOT / "layers" / "serving" / "Dockerfile").read_text()
    assert f"EVERGREEN_VERSION={project['version']}\n" in dockerfile
