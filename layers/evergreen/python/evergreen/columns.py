"""Columns: rows as models see them, one array for each feature."""

from __future__ import annotations

import numpy as np

Columns = dict[str, np.ndarray]
"""Feature name to a one-dimensional array of n rows, in the model's order.

Numbers, integers and booleans are float32 with NaN for missing; categories are object arrays of
str with :data:`MISSING_CATEGORY` for missing. Training, ONNX and drift all see this encoding.
"""

MISSING_CATEGORY = ""
"""What stands for a missing value in a column of categories."""

MAX_WHOLE = 2**24
"""Largest whole number up to which a 32-bit float holds every whole number exactly."""
