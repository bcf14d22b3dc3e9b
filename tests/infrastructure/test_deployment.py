from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cdk.deployment import read_deployment
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from pathlib import Path


def test_no_model_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvergreenError, match="no model found"):
        read_deployment({}, tmp_path)
