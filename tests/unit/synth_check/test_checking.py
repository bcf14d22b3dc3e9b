"""`make synth-check` asks again for what changed or had a finding, and for nothing else."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.errors import EvergreenError
from tests.synth_check import __main__ as synth_check

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "default"


class Bench:
    """The check with a synthesis that writes one template, and a linter with given findings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "app.py"
        self.source.write_text("one")
        self.fault: Exception | None = None
        self.findings = ""
        self.synthesised = 0
        self.linted: list[str] = []

    def synthesise(self, name: str, context: Mapping[str, Any], scratch: Path) -> list[Path]:
        self.synthesised += 1
        if self.fault:
            raise self.fault
        file = self.folder / "one.template.json"
        file.write_text("{}")
        return [file]

    def lint(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        self.linted += command[command.index("--template") + 1 :]
        return subprocess.CompletedProcess(command, 4 if self.findings else 0, self.findings, "")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)
    monkeypatch.setattr(synth_check, "_STATE", tmp_path / "state")
    monkeypatch.setattr(synth_check, "_files", lambda: [made.source])
    monkeypatch.setattr(synth_check, "synthesised", made.synthesise)
    monkeypatch.setattr(subprocess, "run", made.lint)
    return made


def test_what_has_passed_is_not_checked_again_until_a_source_changes(bench: Bench) -> None:
    assert synth_check.check(NAME)
    assert synth_check.check(NAME)
    assert bench.synthesised == 1
    bench.source.write_text("two")
    assert synth_check.check(NAME)
    assert bench.synthesised == 2
    assert len(bench.linted) == 1  # the template is the same


def test_a_finding_of_the_linter_fails_each_time_and_is_shown(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.findings = "one.template.json:1:1:E3002: no such property"
    assert not synth_check.check(NAME)
    assert "E3002" in capsys.readouterr().out
    assert not synth_check.check(NAME)
    assert bench.synthesised == 2
    bench.findings = ""
    assert synth_check.check(NAME)


def test_a_synthesis_that_fails_is_told_and_tried_again(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.fault = EvergreenError("21 statements, and AWS accepts 20", where="queue")
    assert not synth_check.check(NAME)
    assert "21 statements" in capsys.readouterr().out
    bench.fault = None
    assert synth_check.check(NAME)
