"""JSON values for property tests, and a reader that takes nothing but JSON."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

FINITE: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
"""Any JSON value: integers of any size, every finite float, and all of Unicode."""


def strict_json(text: str | bytes) -> Any:
    """Read JSON; NaN and Infinity, which Python reads too, are errors."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)
