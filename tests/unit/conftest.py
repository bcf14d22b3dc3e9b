"""What unit tests share: AWS in process, and Hypothesis without its clock.

A busy machine is no reason to fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.aws_in_process import Account, account

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile(
    "evergreen", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("evergreen")


@pytest.fixture
def aws() -> Iterator[Account]:
    """An empty AWS account of the test's own."""
    with account() as created:
        yield created
