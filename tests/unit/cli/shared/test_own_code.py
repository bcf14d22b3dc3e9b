"""What is said of an error in a file of a model's folder."""

from __future__ import annotations

import runpy
from typing import TYPE_CHECKING

import pytest

from cli.shared.own_code import explain_own_error
from evergreen.errors import ModelDefinitionError
from evergreen.training.trainer import load_trainer

if TYPE_CHECKING:
    from pathlib import Path


def folder(models: Path, **files: str) -> Path:
    made = models / "shop"
    made.mkdir(parents=True)
    for name, text in files.items():
        (made / f"{name}.py").write_text(text)
    return made


def test_an_error_of_train_is_told_with_its_line_and_who_called_it(tmp_path: Path) -> None:
    code = (
        "def other():\n    raise ValueError('boom')\n\ndef train(features, target):\n    other()\n"
    )
    trainer = load_trainer(folder(tmp_path / "models", training=code))
    with pytest.raises(ValueError, match="boom") as caught:
        trainer(None, None)  # type: ignore[arg-type]
    assert explain_own_error(caught.value, tmp_path / "models") == (
        "models/shop/training.py, line 2: ValueError: boom\n"
        "  called from models/shop/training.py, line 5"
    )


def test_an_error_at_import_keeps_its_words_and_gains_its_line(tmp_path: Path) -> None:
    made = folder(tmp_path / "models", training="import os\n\n1 / 0\n")
    with pytest.raises(ModelDefinitionError) as caught:
        load_trainer(made)
    said = explain_own_error(caught.value, tmp_path / "models")
    assert said is not None
    assert "cannot be imported: ZeroDivisionError" in said
    assert said.endswith("\n  models/shop/training.py, line 3")


def test_a_file_that_is_no_python_is_told_with_its_line(tmp_path: Path) -> None:
    made = folder(tmp_path / "models", data="SOURCE = 'a'\nTRAINED_ON = (1,\n")
    with pytest.raises(SyntaxError) as caught:
        runpy.run_path(str(made / "data.py"))
    said = explain_own_error(caught.value, tmp_path / "models")
    assert said is not None
    assert said.startswith("models/shop/data.py, line 2: SyntaxError: ")


def test_an_error_of_other_code_is_not_the_users(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("one")
    assert explain_own_error(caught.value, tmp_path) is None
