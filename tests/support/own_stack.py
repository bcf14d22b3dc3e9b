"""A local stack beside the developer's own, on free ports and in a folder of its own."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from local.settings import PreferredPorts, read_settings
from local.stack import Stack, down, up
from tests.support.stack_watchdog import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def own_stack(say: Callable[[str, str], None]) -> Iterator[Stack]:
    """Start a stack with the environments that are built, and stop it whatever happens."""
    state = Path(tempfile.mkdtemp(prefix="evergreen-stack-"))
    state.chmod(0o711)  # PostgreSQL under another user must find its folder in it
    settings = read_settings(state=state, ports=PreferredPorts.anywhere())
    with watched(state):
        try:
            yield up(settings, say)
        finally:
            down(settings, say, clean=True)
            shutil.rmtree(state)
