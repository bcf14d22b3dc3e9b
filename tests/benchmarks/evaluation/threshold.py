"""What a promotion is worth where the world moves, by the probability that the rule acts on.

``python -m tests.benchmarks.evaluation.threshold`` writes the table of docs/promotion.md. A linear
recipe learns the newest 400 rows. Its world stays, drifts (the coefficients walk at random), or
changes once among the new rows. Of 100 new rows half are held out. What serves learns them too, and
serves for the next 100. About a minute on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from evergreen.datasets.manifest import MOST_STANDARD_ERRORS
from evergreen.evaluation.pooling import pooled_probability
from tests.benchmarks.evaluation.promotion import PAGE
from tests.benchmarks.loop.tables import table

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARKS = "<!-- threshold -->", "<!-- /threshold -->"
FEATURES, WINDOW, HISTORY, NEW, BLOCK, ORIGINS = 4, 400, 800, 100, 40, 7
DRAWS = 4000
THRESHOLDS = (0.95, 0.5, 0.2)


@dataclass(frozen=True)
class World:
    """How the coefficients of a world move."""

    name: str
    kind: Literal["quiet", "drift", "change"]
    size: float = 0.0
    """Standard deviation of the step of each coefficient: at every row, or once."""

    def coefficients(self, rows: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Return one line of coefficients for each row."""
        if self.kind == "drift":
            return np.cumsum(random.normal(0, self.size, (rows, FEATURES)), axis=0)
        found = np.zeros((rows, FEATURES))
        if self.kind == "change":
            moment = HISTORY + random.integers(NEW)
            found[moment:] = random.normal(0, self.size, FEATURES)
        return found


WORLDS = (
    World("quiet", "quiet"),
    World("drifts slowly", "drift", 0.005),
    World("drifts", "drift", 0.01),
    World("drifts fast", "drift", 0.02),
    World("has changed a little", "change", 0.3),
    World("has changed much", "change", 0.6),
)


def drawn(world: World, random: np.random.Generator) -> tuple[float, float]:
    """Draw a retraining once.

    Returns
    -------
    tuple
        The pooled probability that the challenger is better; and what its promotion saves of the
        squared error until the next retraining, as a share of the error that nobody can save.
    """
    rows = HISTORY + 2 * NEW
    truth = world.coefficients(rows, random)
    features = random.normal(size=(rows, FEATURES))
    target = (features * truth).sum(axis=1) + random.normal(size=rows)

    def fitted(end: int) -> NDArray[np.float64]:
        part = slice(end - WINDOW, end)
        found: NDArray[np.float64] = np.linalg.lstsq(features[part], target[part])[0]
        return found

    def squared(model: NDArray[np.float64], part: slice) -> NDArray[np.float64]:
        errors: NDArray[np.float64] = (target[part] - features[part] @ model) ** 2
        return errors

    half, now = NEW // 2, HISTORY + NEW
    holdout = slice(HISTORY + half, now)
    judged = squared(fitted(HISTORY - half), holdout) - squared(fitted(HISTORY + half), holdout)
    earlier = []
    for origin in range(ORIGINS, 0, -1):
        start = HISTORY + half - origin * BLOCK
        block = slice(start, start + BLOCK)
        earlier.append(squared(fitted(start - BLOCK), block) - squared(fitted(start), block))
    limits = -MOST_STANDARD_ERRORS, MOST_STANDARD_ERRORS
    aging = float(np.clip(_standardized(np.concatenate(earlier)), *limits))
    probability = pooled_probability(_standardized(judged), aging)
    served, then = (fitted(HISTORY), fitted(now)), truth[now:]
    old, new = (float(((then - model) ** 2).sum(axis=1).mean()) for model in served)
    return probability, old - new


def _standardized(gains: NDArray[np.float64]) -> float:
    return float(gains.mean() / (gains.std() / np.sqrt(gains.size)))


def line_of(world: World) -> list[str]:
    """Return the world's line of the table."""
    random = np.random.default_rng(0)
    probabilities, gains = np.array([drawn(world, random) for _ in range(DRAWS)]).T
    cells = [world.name, f"{gains.mean():+.1%}"]
    bounds = [0.0, *reversed(THRESHOLDS), 1.01]
    for low, high in pairwise(bounds):
        found = gains[(probabilities >= low) & (probabilities < high)]
        error = found.std() / np.sqrt(found.size)
        cells.append(f"{found.mean():+.1%} ± {error:.1%}")
    moves = world.kind != "quiet"
    for least in THRESHOLDS:
        kept = gains[probabilities >= least].sum() / gains.sum()
        cells.append(f"{kept:.0%}" if moves else "–")
    return cells


def main() -> None:
    """Simulate, and write the page's table."""
    head = ["world", "gain of a promotion", "if p < 0.2", "0.2 to 0.5", "0.5 to 0.95", "from 0.95"]
    head += [f"kept by {least:g}" for least in THRESHOLDS]
    found = table(head, [line_of(world) for world in WORLDS])
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.split(MARKS[0])[0], page.split(MARKS[1])[1]
    PAGE.write_text(f"{before}{MARKS[0]}\n{found}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
