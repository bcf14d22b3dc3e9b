"""Which series may be looked at while the loop is worked on, and which are run once.

The rule was written down before any of the series was replayed. It knows nothing but the name.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Half = Literal["seen", "once"]


def half_of(name: str) -> Half:
    """Return the half of a series: ``once`` if the SHA-256 of its name begins with an odd digit."""
    first = hashlib.sha256(name.encode()).hexdigest()[0]
    return "once" if int(first, 16) % 2 else "seen"
