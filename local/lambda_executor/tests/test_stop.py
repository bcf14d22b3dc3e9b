"""No function process outlives LocalStack, however it ends."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from local.lambda_executor.tests.harness import ACT, Deploy, is_running, start, wait_for

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left(how: signal.Signals, deploy: Deploy, tmp_path: Path) -> None:
    emulator = start(tmp_path)
    try:
        idle, busy = deploy(ACT, on=emulator), deploy(ACT, on=emulator, Timeout=600)
        pids = idle.invoke({"spawn": ["sleep", "600"]}).value
        pids.append(busy.invoke({}).value["pid"])

        def interrupted() -> None:
            with pytest.raises((BotoCoreError, ClientError, AssertionError)):
                assert busy.invoke({"sleep": 600}).error is None

        call = threading.Thread(target=interrupted)
        call.start()
        assert all(map(is_running, pids))
    finally:
        emulator.stop(how)
    call.join(timeout=30)

    if how == signal.SIGKILL:
        pids.pop(1)  # what a function itself started is out of reach then
    wait_for(lambda: not any(map(is_running, pids)), "the end of all function processes")
    assert how == signal.SIGKILL or not list((tmp_path / "tmp/lambda/environments").iterdir())
