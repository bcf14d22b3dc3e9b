"""The state file."""

from __future__ import annotations

import signal
from pathlib import Path

from local.process import Child
from local.state import ServiceRecord, StackState, StateFile

RECORD = ServiceRecord(
    title="PostgreSQL",
    child=Child(pid=1, started=2.5),
    port=5433,
    url="postgresql://127.0.0.1:5433/postgres",
    log=Path("/log"),
    stop_signal=signal.SIGINT,
)


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    file.change(endpoint_url="http://aws", first_service_port=4510)
    file.record("postgres", RECORD)
    assert StateFile(tmp_path / "state.json").read() == StackState(
        endpoint_url="http://aws", first_service_port=4510, services={"postgres": RECORD}
    )


def test_removed_record_is_gone_and_others_stay(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    file.record("postgres", RECORD)
    file.record("mlflow", RECORD)
    file.record("postgres", None)
    assert set(file.read().services) == {"mlflow"}


def test_missing_or_damaged_file_is_an_empty_state(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    assert StateFile(file).read() == StackState()
    file.write_text("{")
    assert StateFile(file).read() == StackState()
