"""Packages that models bring, locked and installed by the real uv, from wheels on disk."""

from __future__ import annotations

import base64
import hashlib
import importlib
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from cdk.deployment import read_deployment
from evergreen.errors import EvergreenError, ModelDefinitionError
from evergreen.model_definition.packages import MODELS_LOCK, is_locked, require_locked
from local.environments import TRAINING, environment_fingerprint
from local.model_packages import lock_packages, use_packages
from local.settings import Paths

if TYPE_CHECKING:
    from pathlib import Path


def wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    """Write a wheel of one module, whose ``VERSION`` tells which it is."""
    info = f"{name}-{version}.dist-info"
    required = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
        record += f"{path},sha256={digest.decode().rstrip('=')},{len(text)}\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel(wheels, "evergreen_sun", "1.0")
    wheel(wheels, "evergreen_sun", "2.0")
    wheel(wheels, "evergreen_moon", "1.0", "evergreen-sun")
    wheel(wheels, "evergreen_tide", "1.0", "evergreen-moon", "evergreen-base>=1")
    wheel(wheels, "evergreen_base", "1.0")
    wheel(wheels, "evergreen_base", "2.0")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "training.lock").write_text("evergreen-base==1.0\n")
    for model in ("fruit", "bread"):
        (tmp_path / "models" / model).mkdir(parents=True)
    return tmp_path / "models"


def ask(models: Path, model: str, *lines: str) -> None:
    (models / model / "requirements.txt").write_text("\n".join(lines) + "\n")


def locked(models: Path) -> str:
    lock_packages(models, models.parent / "requirements")
    return (models.parent / "requirements" / MODELS_LOCK).read_text()


def pins(lock: str) -> list[str]:
    return [line.split()[0] for line in lock.splitlines() if "==" in line]


def test_what_the_image_lacks_is_locked_once_for_all_models(models: Path) -> None:
    ask(models, "fruit", "evergreen-tide  # the tide", "", "evergreen_sun<2")
    ask(models, "bread", "evergreen-moon==1.0")
    first = locked(models)
    assert pins(first) == ["evergreen-moon==1.0", "evergreen-sun==1.0", "evergreen-tide==1.0"]
    assert first.count("--hash=sha256:") == 3
    assert str(models.parent) not in first
    (models.parent / "wheels").rename(models.parent / "gone")  # nothing is resolved again
    assert locked(models) == first
    require_locked(models, models.parent / "requirements")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["evergreen-base>=2"], "evergreen-base>=2.*requirements/training.lock has the versions"),
        (["evergreen-sun>=3"], "evergreen-sun>=3"),
        (["evergreen-nowhere"], "evergreen-nowhere"),
        (["--index-url https://example.org/simple"], "line 1: .* is not the name of a package"),
        (["evergreen-sun", "sun @ https://example.org/sun.whl"], "line 2: "),
        (["-e ."], "line 1: "),
    ],
)
def test_what_does_not_fit_is_refused_with_the_file(
    models: Path, lines: list[str], says: str
) -> None:
    ask(models, "fruit", *lines)
    with pytest.raises(ModelDefinitionError, match=says) as refused:
        locked(models)
    assert "models/fruit/requirements.txt" in str(refused.value)
    assert not (models.parent / "requirements" / MODELS_LOCK).exists()


def test_models_that_do_not_fit_each_other_are_refused(models: Path) -> None:
    ask(models, "fruit", "evergreen-sun<2")
    ask(models, "bread", "evergreen-sun>=2")
    with pytest.raises(ModelDefinitionError, match=r"conflict|unsatisfiable") as refused:
        locked(models)
    assert "evergreen-sun<2" in str(refused.value)
    assert "evergreen-sun>=2" in str(refused.value)


def test_a_deployment_with_another_lock_is_refused(models: Path) -> None:
    requirements = models.parent / "requirements"
    ask(models, "fruit", "evergreen-sun<2")
    assert not is_locked(models, requirements)
    locked(models)
    assert is_locked(models, requirements)
    (requirements / "training.lock").write_text("evergreen-base==2.0\n")
    with pytest.raises(ModelDefinitionError, match=r"Lock its packages with `evergreen check-mod"):
        require_locked(models, requirements)
    (models / "fruit" / "requirements.txt").unlink()
    require_locked(models, requirements)


def test_the_app_is_not_synthesised_with_another_lock(models: Path) -> None:
    ask(models, "fruit", "evergreen-sun")
    (models / "fruit" / "model.toml").write_text(
        'name = "fruit"\ntask = "regression"\ntarget = "y"\n[features]\nx = { type = "float" }\n'
    )
    with pytest.raises(EvergreenError, match=r"a model's requirements\.txt has changed"):
        read_deployment({}, models)


def test_packages_are_installed_and_come_last(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    requirements, installed = models.parent / "requirements", models.parent / "installed"
    use_packages(models, requirements, installed)
    assert not installed.exists()  # no model asks for anything
    ask(models, "fruit", "evergreen-sun<2")
    locked(models)
    use_packages(models, requirements, installed)
    use_packages(models, requirements, installed)
    [folder] = [each for each in installed.iterdir() if not each.name.startswith(".")]
    assert sys.path[-1] == str(folder)
    assert sys.path.count(str(folder)) == 1
    assert importlib.import_module("evergreen_sun").VERSION == "1.0"
    monkeypatch.delitem(sys.modules, "evergreen_sun")


def test_the_training_environment_follows_the_lock(models: Path) -> None:
    paths = Paths(root=models.parent, state=models.parent)
    ask(models, "fruit", "evergreen-sun<2")
    locked(models)
    before = environment_fingerprint(paths, TRAINING)
    ask(models, "fruit", "evergreen-sun")
    locked(models)
    assert environment_fingerprint(paths, TRAINING) != before
