"""A replay is made again if, and only if, code that it depends on has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks.loop import kept as kept_module
from tests.benchmarks.loop.kept import fingerprint, kept
from tests.benchmarks.loop.replay import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def outcome() -> Outcome:
    return Outcome("tiny", "ours", "f1", (), np.zeros((1, 2)), {}, {})


def test_what_was_kept_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "FOLDER", tmp_path)
    made = []

    def make() -> Outcome:
        made.append(1)
        return outcome()

    for quick in (True, True, False):
        assert kept("tiny", "ours", quick=quick, make=make).series == "tiny"
    assert len(made) == 2
    monkeypatch.setattr(kept_module, "fingerprint", lambda *_: "other code")
    kept("tiny", "ours", quick=True, make=make)
    assert len(made) == 3


def test_who_asks_no_drift_check_does_not_depend_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "drift").mkdir()
    (tmp_path / "datasets").mkdir()
    monkeypatch.setattr(kept_module, "_LIBRARY", tmp_path)
    monkeypatch.setattr(kept_module, "ROOT", tmp_path)
    monkeypatch.setattr(kept_module, "_HERE", tmp_path / "none")
    (tmp_path / "requirements").mkdir()
    for name in ("dev.lock", "series.lock"):
        (tmp_path / "requirements" / name).touch()
    policies = ("calendar", "ours")
    before = [fingerprint("tiny", policy) for policy in policies]
    (tmp_path / "drift" / "check.py").write_text("new")
    after = [fingerprint("tiny", policy) for policy in policies]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]
    (tmp_path / "datasets" / "store.py").write_text("new")
    assert fingerprint("tiny", "calendar") != after[0]
    (tmp_path / "reporting").mkdir()
    before = [fingerprint("tiny", policy) for policy in policies]
    (tmp_path / "reporting" / "page.py").write_text("new")
    assert before == [fingerprint("tiny", policy) for policy in policies]


def test_other_peoples_series_do_not_depend_on_the_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_LIBRARY", "ROOT", "_HERE"):
        monkeypatch.setattr(kept_module, name, tmp_path / "none" if name == "_HERE" else tmp_path)
    for folder in ("models", "requirements"):
        (tmp_path / folder).mkdir()
    for name in ("dev.lock", "series.lock"):
        (tmp_path / "requirements" / name).touch()
    before = [fingerprint(series, "ours") for series in ("flight_delay", "sunspots")]
    (tmp_path / "models" / "model.toml").write_text("new")
    after = [fingerprint(series, "ours") for series in ("flight_delay", "sunspots")]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]
