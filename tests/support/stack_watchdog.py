"""A process that stops a stack whose test run was killed, and so could not stop it.

It holds the end of a pipe from the test run. The system closes the pipe however the run ends.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from local.settings import read_settings
from local.stack import down

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def watched(state: Path) -> Iterator[None]:
    """Watch the stack of a state folder as long as the block lasts; its caller stops the stack.

    If this process ends before the block does, what runs is stopped and the folder is deleted.
    """
    # In a session of its own, Ctrl-C does not reach it.
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        print(state, file=process.stdin, flush=True)
        try:
            yield
        finally:
            process.kill()


def _wait_and_stop() -> None:
    state = Path(sys.stdin.readline().strip())
    sys.stdin.read()
    down(read_settings(state=state, environ={}), lambda _subject, _what: None, clean=True)
    shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    _wait_and_stop()
