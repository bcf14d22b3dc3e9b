"""`make estimators`: try every pipeline and write the table of `docs/estimators.md`."""

from __future__ import annotations

import sys
from pathlib import Path

import sklearn

from tests.benchmarks.estimators.pipelines import PIPELINES
from tests.benchmarks.estimators.trial import SERVED, TRAINED, Trial, try_pipeline

PAGE = Path(__file__).resolve().parents[3] / "docs" / "estimators.md"
BEGIN = "<!-- written by `make estimators` -->\n"


def lines_of(group: str, trials: dict[str, Trial]) -> list[str]:
    """Return the table of one group."""
    lines = [
        f"### {group[0].upper()}{group[1:]}",
        "",
        "| pipeline | ONNX | fallback | note |",
        "|---|---|---|---|",
    ]
    for name, trial in sorted(trials.items()):
        lines.append(
            f"| `{name}` | {'yes' if trial.served else 'refused'} | {_fallback(trial)} "
            f"| {_noted(trial)} |"
        )
    return [*lines, ""]


def _noted(trial: Trial) -> str:
    other = f"; {trial.different:.1%} of the answers differ" if trial.different else ""
    return trial.reason + other


def _fallback(trial: Trial) -> str:
    if trial.instead is None:
        return "–"
    return _noted(trial.instead) if trial.instead.served else f"refused: {_noted(trial.instead)}"


def main() -> None:
    """Try all, and write the page."""
    total = sum(map(len, PIPELINES.values()))
    done = served = instead = 0
    tables: list[str] = []
    for group, pipelines in PIPELINES.items():
        trials = {}
        for name, make in pipelines.items():
            done += 1
            trials[name] = trial = try_pipeline(group, make())
            served += trial.served
            instead += trial.instead is not None and trial.instead.served
            sys.stderr.write(f"{done}/{total} {name}: {trial.reason} {trial.different:.3f}\n")
        tables += lines_of(group, trials)
    about = (
        f"Each of {total} pipelines was trained on {TRAINED} rows and exported; {served} serve by "
        f"ONNX,\nand {instead} of the others by the fallback. They answered {SERVED} other rows, a "
        f"tenth without a number\nand a tenth with an unseen category, sent as JSON, and were "
        f"compared with scikit-learn {sklearn.__version__}.\n"
    )
    page = PAGE.read_text(encoding="utf-8").split(BEGIN)[0]
    body = "\n".join(["## The pipelines that were tried", "", about, *tables]).rstrip() + "\n"
    PAGE.write_text(page + BEGIN + "\n" + body, encoding="utf-8")


if __name__ == "__main__":
    main()
