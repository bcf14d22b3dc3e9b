"""How fast a model ages: what it costs to lack the newest rows, found before the model serves.

A champion grows older from its promotion on. Whether that does harm differs from world to world: in
some a model is as good after a year, in others it is worse after a week. The training rows tell.
At each of several origins (:mod:`evergreen.training.rolling_origins`) a fresh model and models that
lack the last one, two or four blocks before the origin answer the block after it. Over all origins
a paired bootstrap says how sure it is that the older models are worse. A block is what one check
brings, so the youngest age is that of a model that one check has passed over.

Older models also learnt from fewer rows, so they are worse in a world in which nothing moves, too.
Where they are worse, they are compared once more: with models that lack as many rows, but random
ones. What is left of the loss is what it costs to be old.

The drift check waits for as many new rows as this says to be worth a retraining
(``docs/retraining.md``). The comparison of champion and challenger counts it as evidence of earlier
holdouts (``docs/promotion.md``). The holdout takes no part, so both are independent.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from evergreen.datasets.manifest import AgeEffect, Aging
from evergreen.training.rolling_origins import PastModel, joined

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.training.rolling_origins import RollingOrigins

AGES = (1, 2, 4)
"""How many blocks older models lack."""
FEWEST_PAIRS = 2
"""One origin alone says nothing about a pace."""


def measure_aging(origins: RollingOrigins) -> Aging:
    """Compare models of several ages with fresh ones, over all origins that there are."""
    found = {age: _effect(origins, age, PastModel) for age in AGES}
    aging = Aging(effects=tuple(effect for effect in found.values() if effect is not None))
    paying = [age for age, effect in found.items() if effect and effect.rows == aging.pays_after]
    if not paying:
        return aging
    as_many = partial(PastModel, lacks=paying[0])
    return aging.model_copy(update={"newer_alone": _effect(origins, paying[0], as_many)})


def _effect(
    origins: RollingOrigins, age: int, other: Callable[[int], PastModel]
) -> AgeEffect | None:
    """Compare models of an age with other ones, which are made for the block that both answer."""
    pairs = origins.pairs(
        (PastModel(block + age), other(block), block)
        for block in reversed(origins.blocks)
        if block + age in origins.blocks
    )
    if len(pairs) < FEWEST_PAIRS:
        return None
    definition = origins.definition
    gains = joined(pairs).gains(definition)
    if not np.isfinite(gains).all():
        return None  # a metric that some draws of these rows do not have
    return AgeEffect(
        rows=age * origins.block_rows,
        origins=len(pairs),
        share_worse=float(np.mean([each.is_other_better(definition) for each in pairs])),
        loss=float(gains.mean()),
        error=float(gains.std()),
        probability_worse=float(np.mean(gains > 0)),
    )
