"""Replays that need not be made again, because nothing that they depend on has changed.

An interrupted run goes on where it stopped. When a rule of the library changes, only those replays
are made again that follow it.
"""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.loop.public.catalogue import PUBLIC
from tests.benchmarks.loop.replay import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / ".evergreen" / "bench" / "loop"
_LIBRARY = ROOT / "layers" / "evergreen" / "python" / "evergreen"
_HERE = Path(__file__).parent
_SHOWS = frozenset(
    f"{name}.py"
    for name in (
        "__main__",
        "kept",
        "own",
        "plot",
        "promises",
        "records",
        "replayed",
        "report",
        "tables",
    )
)
"""Modules that change no replay."""
_THEIRS = (
    "bundle",
    *(f"datasets/{name}.py" for name in ("holdout_predictions", "schema", "splitting", "store")),
    "model_definition",
    "training/onnx_export.py",
    "training/train*.py",
    "training/refit.py",
)
"""What a policy depends on that asks neither the drift check nor the comparison."""
_FOLLOWS = {
    **dict.fromkeys(
        (
            *("never", "calendar", "calendar, every second", "calendar, odd periods"),
            *("naive", "adwin"),
        ),
        _THEIRS,
    ),
    "calendar, our window": (
        *_THEIRS,
        "evaluation",
        "training/rolling_origins.py",
        "training/window.py",
    ),
}
_NEVER_ASKED = frozenset(
    {"alerting", "registry", "release", "repair", "reporting", "serving", "shadow"}
)
"""Packages of the library that no replay calls."""


def kept(series: str, policy: str, *, quick: bool, make: Callable[[], Outcome]) -> Outcome:
    """Return a replay that was made before with the same code, or make it, and keep it."""
    told = f"{series} {policy} {'quick' if quick else 'full'} {fingerprint(series, policy)}"
    file = FOLDER / f"{hashlib.sha256(told.encode()).hexdigest()[:24]}.pickle"
    if file.exists():
        found = pickle.loads(file.read_bytes())
        if isinstance(found, Outcome):
            return found
    outcome = make()
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".part")
    half.write_bytes(pickle.dumps(outcome))
    half.rename(file)
    return outcome


def fingerprint(series: str, policy: str) -> str:
    """Return a hash of the code that the replay of a series under a policy depends on."""
    if policy in _FOLLOWS:
        library = [file for part in _FOLLOWS[policy] for file in _below(_LIBRARY, part)]
    else:
        library = [
            file
            for file in _LIBRARY.rglob("*.py")
            if file.relative_to(_LIBRARY).parts[0] not in _NEVER_ASKED
        ]
    ours = (file for file in _HERE.rglob("*.py") if file.parent != _HERE or file.name not in _SHOWS)
    models = () if series in PUBLIC else (ROOT / "models").rglob("*.*")
    locks = (ROOT / "requirements" / f"{name}.lock" for name in ("dev", "series"))
    return _hash([*library, *ours, *models, *locks])


def _below(folder: Path, part: str) -> Iterable[Path]:
    return (folder / part).rglob("*.py") if (folder / part).is_dir() else folder.glob(part)


def _hash(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(file for file in files if "__pycache__" not in file.parts):
        digest.update(f"{file.relative_to(ROOT)}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
