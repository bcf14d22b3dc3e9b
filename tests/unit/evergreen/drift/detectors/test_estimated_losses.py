"""A forest's mean over a window is a weighted mean of what it has learnt from."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from evergreen.drift.detectors.estimated_losses import forest_weights


def test_the_weights_give_the_forests_mean() -> None:
    rng = np.random.default_rng(1)
    then, now = (rng.normal(size=(rows, 3)).astype(np.float32) for rows in (80, 30))
    losses = then[:, 0] ** 2 + rng.exponential(size=80)
    forest = RandomForestRegressor(20, min_samples_leaf=5, random_state=1).fit(then, losses)
    weights = forest_weights(forest, then, now)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    assert weights @ losses == pytest.approx(forest.predict(now).mean())
