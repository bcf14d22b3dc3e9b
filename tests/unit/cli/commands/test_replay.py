"""A file is played against the real prediction function, whole, once, and in its order."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sklearn.base import clone
from typer.testing import CliRunner

from cli.commands import replay as command
from cli.main import app
from cli.shared import replaying
from cli.shared.replay_journal import ReplayJournal
from cli.shared.replaying import Pace, parse_speed, replay
from cli.shared.traffic import Api, ApiError
from cli.shared.training_file import read_rows_in_order
from evergreen.errors import EvergreenError
from tests.support.predict_function import ToFunction, predict_function
from tests.support.target_in_process import TargetInProcess
from tests.support.trained_models import (
    DEFINITION,
    frame,
    pipeline,
    promote,
    training_columns,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.support.aws_in_process import Account

ROWS = 40
START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Wire(ToFunction):
    """Carries requests to the function, and remembers what it carried."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, float]] = []
        self.before: Callable[[], httpx.Response | None] = lambda: None
        self.now: Callable[[], float] = lambda: 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        early = self.before()
        if early is not None:
            return early
        answer = super().handle_request(request)
        if answer.is_success:
            body = json.loads(request.read())
            predicted = "dataframe_split" in body
            rows = body["dataframe_split"]["data"] if predicted else body
            self.calls.append(("rows" if predicted else "labels", len(rows), self.now()))
        return answer


@pytest.fixture
def wire(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    with predict_function(aws, tmp_path, monkeypatch):
        promote(aws.storage(), aws.production(), "1")
        yield Wire()


@pytest.fixture
def api(wire: Wire) -> Iterator[Api]:
    with Api("http://function", "key", transport=wire) as client:
        yield client


def rows_file(folder: Path, change: Callable[[int, str], str] = lambda _, line: line) -> Path:
    """Write rows an hour apart, the newest first; ``stops`` numbers them."""
    lines = [
        change(
            n, f"{(START + n * HOUR).isoformat()},0.5,{n},U1,true,{'late' if n % 3 else 'on time'}"
        )
        for n in reversed(range(ROWS))
    ]
    file = folder / "rows.csv"
    file.write_text("\n".join(["timestamp,wind,stops,line,express,late", *lines]) + "\n")
    return file


def served(aws: Account) -> list[int]:
    return [record["input_data"]["stops"] for record in aws.delivered("requests")]


def labelled(aws: Account) -> dict[int, str]:
    """Return the label of each row that has one, as the log joins them."""
    rows = {
        (record["request_id"], record["row"]): record["input_data"]["stops"]
        for record in aws.delivered("requests")
    }
    return {
        rows[record["request_id"], record["row"]]: record["label"]
        for record in aws.delivered("labels")
    }


TRUTH = {n: "late" if n % 3 else "on time" for n in range(ROWS)}


def test_rows_go_in_time_order_and_labels_after_the_delay(
    aws: Account, api: Api, wire: Wire, tmp_path: Path
) -> None:
    data = read_rows_in_order(DEFINITION, rows_file(tmp_path))
    done = replay(api, DEFINITION, data, pace=Pace(batch_rows=10, label_delay=15 * HOUR))
    assert (done.rows, done.labels, list(done.versions)) == (ROWS, ROWS, ["1"])
    assert served(aws) == list(range(ROWS))
    assert labelled(aws) == TRUTH
    # The labels of hours 0 to 9 are known in hour 24: after the rows of hours 20 to 29.
    kinds = [kind for kind, *_ in wire.calls]
    assert kinds == [*["rows"] * 3, "labels", "rows", *["labels"] * 3]


def test_a_speed_gives_the_pace_of_rows_and_labels(
    api: Api, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("cli.shared.replaying.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(
        "cli.shared.replaying.time.sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds)
    )
    wire.now = lambda: clock[0] - 100
    data = read_rows_in_order(DEFINITION, rows_file(tmp_path)).head(3)
    replay(api, DEFINITION, data, pace=Pace(3600, label_delay=1.5 * HOUR))
    assert [(kind, rows, round(at, 3)) for kind, rows, at in wire.calls] == [
        ("rows", 1, 0),
        ("rows", 1, 1),
        ("labels", 1, 1.5),
        ("rows", 1, 2),
        ("labels", 1, 2.5),
        ("labels", 1, 3.5),
    ]


def test_rows_that_fell_due_meanwhile_go_together(
    api: Api, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("cli.shared.replaying.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("cli.shared.replaying.time.sleep", lambda _: None)
    wire.before = lambda: clock.__setitem__(0, clock[0] + 4.0)  # seconds for an answer
    data = read_rows_in_order(DEFINITION, rows_file(tmp_path)).head(9)
    replay(api, DEFINITION, data, pace=Pace(3600, label_delay=99 * HOUR))
    assert [rows for kind, rows, _ in wire.calls if kind == "rows"] == [1, 4, 4]


def test_what_the_api_refuses_is_left_out_and_counted(
    aws: Account, api: Api, tmp_path: Path
) -> None:
    def change(n: int, line: str) -> str:
        if n in {5, 6}:
            return line.replace(f",{n},", ",,")
        return line.replace(",late", f",{'x' * 300}") if n == 7 else line

    data = read_rows_in_order(DEFINITION, rows_file(tmp_path, change))
    done = replay(api, DEFINITION, data, pace=Pace(batch_rows=10))
    assert served(aws) == [n for n in range(ROWS) if n not in {5, 6}]
    assert labelled(aws) == {n: label for n, label in TRUTH.items() if n not in {5, 6, 7}}
    assert (done.refused_rows, done.refused_labels) == (2, 1)
    assert done.refusals[0].startswith("row 6: stops: ")
    assert done.refusals[1].startswith("the label of row 8: label: must be a class")


def test_a_file_of_which_every_row_is_refused_ends(api: Api, tmp_path: Path) -> None:
    file = rows_file(tmp_path, lambda n, line: line.replace(f",{n},", ",,"))
    done = replay(api, DEFINITION, read_rows_in_order(DEFINITION, file), pace=Pace())
    assert (done.rows, done.labels, done.refused_rows) == (0, 0, ROWS)


def test_ctrl_c_ends_between_two_requests_and_the_next_run_goes_on(
    aws: Account, api: Api, wire: Wire, tmp_path: Path
) -> None:
    data = read_rows_in_order(DEFINITION, rows_file(tmp_path))
    for stop_at in (2, 4, 6, 8, None):

        def press(stop_at: int | None = stop_at) -> None:
            if len(wire.calls) == stop_at:
                os.kill(os.getpid(), signal.SIGINT)

        wire.before = press
        with ReplayJournal(tmp_path / "journals" / "j.jsonl") as journal:
            progress = journal.read()
            try:
                replay(
                    api,
                    DEFINITION,
                    data,
                    pace=Pace(batch_rows=10, label_delay=15 * HOUR),
                    progress=progress,
                    record=journal.append,
                )
            except KeyboardInterrupt:
                assert stop_at is not None
                assert len(wire.calls) == stop_at + 1  # the request in hand was finished
            else:
                assert stop_at in {8, None}
    assert served(aws) == list(range(ROWS))
    assert labelled(aws) == TRUTH
    assert len(aws.delivered("labels")) == ROWS


def test_a_line_that_a_kill_cut_off_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    with ReplayJournal(path) as journal:
        journal.append(replaying.SentRows(0, 4, "a", "1", (2,), "row 3: stops: why"))
        journal.append(replaying.SentRows(4, 8, "b", "2"))
        journal.append(replaying.SentLabels(3))
    with path.open("a") as file:
        file.write('["rows", [8, 1')
    with ReplayJournal(path) as journal:
        progress = journal.read()
        with pytest.raises(EvergreenError, match="another process replays"), ReplayJournal(path):
            pass
        journal.append(replaying.SentRows(8, 9, "c", "2"))
    assert (progress.next_row, progress.rows, progress.labels) == (8, 7, 3)
    assert [sent.request_id for sent in progress.waiting] == ["b"]
    assert progress.refusals == ["row 3: stops: why"]
    with ReplayJournal(path) as journal:
        assert journal.read().next_row == 9
    with ReplayJournal(path, again=True) as journal:
        assert journal.read().next_row == 0


def test_a_throttled_request_is_tried_again_and_another_error_is_told(
    aws: Account, api: Api, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [httpx.Response(429, json={"message": "Too Many Requests"})] * 2
    wire.before = lambda: answers.pop() if answers else None
    waited: list[float] = []
    monkeypatch.setattr("cli.shared.replaying.time.sleep", waited.append)
    data = read_rows_in_order(DEFINITION, rows_file(tmp_path))
    assert replay(api, DEFINITION, data, pace=Pace()).rows == ROWS
    assert waited == [1, 2]
    wire.before = lambda: httpx.Response(403, json={"message": "Forbidden"})
    with pytest.raises(ApiError, match="status 403: Forbidden"):
        replay(api, DEFINITION, data, pace=Pace())


@pytest.mark.parametrize("text", ["fast", "0", "-1", "inf", "nan", ""])
def test_what_is_no_speed_is_refused(text: str) -> None:
    with pytest.raises(EvergreenError, match="is no speed"):
        parse_speed(text)


@dataclass(frozen=True)
class _Target(TargetInProcess):
    api_url = "http://function"

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """The outputs, among them the function of the model."""
        return {"PredictFunctionNameLateBus": "predict", "BucketName": "data"}


@pytest.fixture
def wired(aws: Account, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command talk to the function."""
    monkeypatch.setattr(command, "MODELS", tmp_path)
    monkeypatch.setattr(command, "JOURNALS", tmp_path / "journals")
    monkeypatch.setattr(command, "choose", lambda **_: _Target("dev", {}, aws))
    monkeypatch.setattr(Api, "of", lambda _: Api("http://function", "key", transport=wire))


@pytest.mark.usefixtures("wired")
@pytest.mark.parametrize(("yes", "no"), [("true", "false"), ("Yes", "no")])
def test_labels_are_read_as_the_models_classes_and_all_before_the_first_row(
    aws: Account, tmp_path: Path, yes: str, no: str
) -> None:
    estimator = clone(pipeline(1)).fit(frame(training_columns()), training_columns()["stops"] > 20)
    promote(aws.storage(), aws.production(), "2", of=estimator)

    def written(n: int, line: str) -> str:
        return line.replace(",late", f",{yes}").replace(",on time", f",{no}")

    arguments = ["replay", "late_bus", str(rows_file(tmp_path, written))]
    rows_file(tmp_path, lambda n, line: written(n, line.replace(",late", ",perhaps", int(n == 7))))
    refused = CliRunner().invoke(app, arguments)
    said = (
        "perhaps (1 row), first in row 33, and version 2 in production has the classes False, True"
    )
    assert said in str(refused.exception)
    assert not aws.delivered("requests")
    rows_file(tmp_path, written)
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, len(served(aws))) == (0, ROWS), done.output
    assert labelled(aws) == {n: str(bool(n % 3)) for n in range(ROWS)}


@pytest.mark.usefixtures("wired")
def test_a_label_that_the_api_would_refuse_keeps_every_row_back(
    aws: Account, tmp_path: Path
) -> None:
    file = rows_file(tmp_path, lambda n, line: line.replace(",late", ",maybe") if n == 7 else line)
    done = CliRunner().invoke(app, ["replay", "late_bus", str(file)])
    assert "1 labels, and no row was sent. The first is 'maybe'" in str(done.exception)
    assert not aws.delivered("requests")


@pytest.mark.usefixtures("wired")
def test_the_command(aws: Account, tmp_path: Path) -> None:
    file = rows_file(tmp_path, lambda n, line: line.replace(",5,", ",,") if n == 5 else line)

    def run(*options: str) -> dict[str, Any]:
        arguments = ["replay", "late_bus", str(file), "--json", "--speed", "max", *options]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 1, result.output  # a row was refused
        told: dict[str, Any] = json.loads(
            result.stdout[result.stdout.index("{\n") :]  # after what the function logs
        )
        return told

    made = run("--label-delay", "6 hours")
    assert (made["rows"], made["labels"], made["versions"]) == (ROWS - 1, ROWS - 1, ["1"])
    assert made["refusals"][0].startswith("row 6: stops: ")
    assert {record["metadata"]["replay"] for record in aws.delivered("requests")} == {"rows.csv"}
    assert run() == made | {"already_replayed": True}
    assert len(served(aws)) == ROWS - 1
    assert run("--again") == made
    assert len(served(aws)) == 2 * (ROWS - 1)
    told = CliRunner().invoke(app, ["replay", "late_bus", str(file)])
    assert "39 rows answered by version 1, 39 labels sent; replayed before" in told.stdout
    wrong = CliRunner().invoke(app, ["replay", "late_bus", str(file), "--label-delay", "soon"])
    assert wrong.exit_code == 2
