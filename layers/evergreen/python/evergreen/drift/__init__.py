"""Drift: has what the model sees, or how well it does, moved away from its reference?"""

from __future__ import annotations
