"""Speed of the request log, from the encoding of a row to the reading of a window."""

from __future__ import annotations
