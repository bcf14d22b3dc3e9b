"""How far the drift check can be trusted, and how fast it is, beside others: `make bench-drift`."""

from __future__ import annotations
