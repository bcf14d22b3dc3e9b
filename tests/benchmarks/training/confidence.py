"""Are the judged model's confidences a reference for those of the refit that serves?

``python -m tests.benchmarks.training.confidence`` prints the table of docs/evaluation.md. Nothing
drifts in this world, so each alarm is false. About a minute on one core.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import ks_2samp
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from evergreen.bundle.sharpness import share_on_new_rows, sharpness_between
from tests.benchmarks.loop.tables import table

if TYPE_CHECKING:
    from numpy.typing import NDArray

CASES = ((3000, 700), (6000, 700), (6000, 3000))
"""Rows to learn from, of which half are held out, and rows of the window."""
FEATURES, DRAWS = 10, 25
LEVEL = 0.05 / 2 / (FEATURES + 1)
"""What Holm's method asks of the smallest p-value: half of alpha, for the features and this one."""


def world(rows: int, random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Draw features and a noisy class."""
    x = random.normal(size=(rows, FEATURES))
    z = x[:, 0] + 0.7 * x[:, 1] * x[:, 2] + 0.5 * np.abs(x[:, 3]) + 0.3 * x[:, 4]
    return x, random.random(rows) < 1 / (1 + np.exp(-z))


def confidences(
    model: HistGradientBoostingClassifier, x: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the probability of each answer."""
    return np.asarray(model.predict_proba(x).max(axis=1), dtype=np.float32)


def draw(rows: int, window: int, seed: int) -> list[tuple[float, float]]:
    """Return p-value and mean confidence on the window.

    Of the judged model, of the refit, and of the refit with a reference that was made as sure.
    """
    random = np.random.default_rng(seed)
    x, y = world(rows, random)
    newer, _ = world(window, random)
    fits = [
        HistGradientBoostingClassifier(random_state=0).fit(x[:n], y[:n]) for n in (rows // 2, rows)
    ]
    reference = confidences(fits[0], x[rows // 2 :])
    served = [confidences(model, newer) for model in fits]
    learnt = [confidences(model, x[: rows // 2]) for model in fits]
    accuracy = float(fits[0].score(x[rows // 2 :], y[rows // 2 :]))
    share = share_on_new_rows(float(learnt[0].mean()), float(reference.mean()), accuracy)
    old, new = (each.astype(np.float64) for each in learnt)
    surer = sharpness_between(old, new, 2, share=share)
    compared = (
        (reference, served[0], served[0]),
        (reference, served[1], served[1]),
        (surer.of(reference.astype(np.float64)), served[1], surer.of(served[0].astype(np.float64))),
    )
    return [
        (float(ks_2samp(then, now).pvalue), float(shown.mean())) for then, now, shown in compared
    ]


def main() -> None:
    """Print the table."""
    lines = []
    with threadpool_limits(1):
        for rows, window in CASES:
            found = np.array([draw(rows, window, seed) for seed in range(DRAWS)])
            alarms, means = (found[:, :, 0] < LEVEL).mean(axis=0), found[:, :, 1].mean(axis=0)
            lines.append(
                [
                    *(
                        f"{rows:,}",
                        f"{window:,}",
                        f"{means[0]:.3f}, {means[1]:.3f}, {means[2]:.3f}",
                    ),
                    *(f"{share:.0%}" for share in alarms),
                ]
            )
    head = [
        *("rows", "rows of the window", "mean confidence, judged, refit, judged made as sure"),
        *("false alarms, judged serves", "false alarms, refit serves", "with holdout made as sure"),
    ]
    sys.stdout.write(f"{table(head, lines)}\n")


if __name__ == "__main__":
    main()
