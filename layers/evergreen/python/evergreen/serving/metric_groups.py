"""Groups for metric dimensions: reduce many values to a bounded number."""

from __future__ import annotations

import ipaddress
import itertools
import math
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.bundle.content import Signature
    from evergreen.bundle.predictor import Label

MAX_COUNTED_CLASSES = 20
MAX_RANGES = 10
OTHER_CLASS = "other"
UNKNOWN = "unknown"
_NICE_STEPS = (1, 2, 5, 10)


@lru_cache(maxsize=1024)
def origin_network(address: str | None) -> str:
    """Return the network of an IP address: the /8 of IPv4, the /16 of IPv6.

    An address is personal data, and there are billions of them. A network of this size is not
    personal data, and there are few.
    """
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return f"{parsed.packed[0] << 8 | parsed.packed[1]:x}::/16"
        parsed = parsed.ipv4_mapped
    return f"{parsed.packed[0]}.0.0.0/8"


class OutputGroups:
    """Sorts a model's outputs into groups: its classes, or ranges of a number.

    Parameters
    ----------
    signature
        Gives the classes, or for a number the range of the outputs on the training rows. A bundle
        without that range has one group, ``other``.
    """

    def __init__(self, signature: Signature) -> None:
        self._classes = frozenset((signature.classes or ())[:MAX_COUNTED_CLASSES])
        low_high = signature.output_range
        self._edges = np.array(edges(*low_high) if low_high else [])
        self._names = _range_names(self._edges.tolist()) if low_high else [OTHER_CLASS]
        self._numeric = signature.classes is None

    def count(self, outputs: Sequence[Label] | Sequence[float]) -> dict[str, int]:
        """Return the number of outputs in each group; empty groups are left out."""
        if self._numeric:
            places = np.searchsorted(self._edges, np.asarray(outputs, dtype=np.float64), "right")
            counts = np.bincount(places, minlength=len(self._names)).tolist()
            return {name: n for name, n in zip(self._names, counts, strict=True) if n}
        counted: Counter[str] = Counter()
        for label, number in Counter(outputs).items():
            text = str(label)
            counted[text if text in self._classes else OTHER_CLASS] += number
        return dict(counted)


def edges(low: float, high: float) -> list[float]:
    """Return the inner edges of at most 10 ranges over ``[low, high]``, as round numbers.

    Each edge is a multiple of 1, 2 or 5 times a power of ten. So a new champion whose range differs
    a little keeps the same edges.

    Raises
    ------
    ValueError
        If a bound is not finite, or ``low`` is above ``high``.
    """
    if not (math.isfinite(low) and math.isfinite(high)) or low > high:
        raise ValueError(f"not a range: {low} to {high}")
    if low == high:
        return [low]
    # The first and the last range are open, so they also hold the values beyond the edges.
    least = max((high - low) / (MAX_RANGES - 2), abs(high) * 1e-9, 1e-12)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(nice * power for nice in _NICE_STEPS if nice * power >= least * (1 - 1e-9))
    first, last = math.floor(low / step) + 1, math.ceil(high / step) - 1
    return [number * step for number in range(first, max(first, last) + 1)][: MAX_RANGES - 1]


def _range_names(inner: list[float]) -> list[str]:
    texts = [f"{edge:.10g}" for edge in inner]
    between = [f"{a} to {b}" for a, b in itertools.pairwise(texts)]
    return [f"below {texts[0]}", *between, f"from {texts[-1]}"]
