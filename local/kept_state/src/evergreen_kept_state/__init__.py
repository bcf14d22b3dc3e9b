"""LocalStack's objects and parameters on disk: they survive its end, and a kill."""

from __future__ import annotations
