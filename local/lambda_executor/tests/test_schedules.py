"""A schedule starts no run of a function before the last has ended."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evergreen_lambda_executor.schedules import LONGEST, Runs, patch

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen_lambda_executor.metrics import Place, Series

ARN = "arn:aws:lambda:eu-central-1:000000000000:function:check"


@dataclass
class Client:
    """Lambda's client, as LocalStack's EventBridge has it."""

    requests: list[str | None] = field(default_factory=list)
    request: str | None = None
    refuses: bool = False

    def custom_headers(self, headers: dict[str, str]) -> Client:
        return Client(self.requests, headers["X-Amz-Request-Id"], self.refuses)

    def invoke(self, **parameters: object) -> None:
        assert parameters["InvocationType"] == "Event"
        if self.refuses:
            raise ConnectionError
        self.requests.append(self.request)


@dataclass
class World:
    """EventBridge with one function behind several rules."""

    now: float = 0.0
    client: Client = field(default_factory=Client)
    skipped: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        world = self

        class Provider:
            def _get_scheduled_rule_job_function(self, sender: Sender) -> Callable[[], None]:
                return lambda: sender.send_event({}, None)

        class Sender:
            def __init__(self, rule: str) -> None:
                self.rule_arn = rule
                self.target = {"Id": "one", "Arn": ARN}

            @property
            def client(self) -> Client:
                return world.client

            def send_event(self, event: object, trace_header: object) -> None:
                self.client.invoke(InvocationType="Event")

        self.runs = Runs(lambda: self.now)
        patch(Provider, Sender, self.runs, self.count)
        self.provider: Any = Provider()
        self.sender: Any = Sender

    def count(self, place: Place, series: Series) -> None:
        assert (place.account, place.region) == ("000000000000", "eu-central-1")
        self.skipped[f"{place.namespace} {series.name} {dict(series.dimensions)}"] += 1

    def fire(self, rule: str = "rule") -> None:
        job = self.provider._get_scheduled_rule_job_function(self.sender(rule))

        def run() -> None:
            with contextlib.suppress(ConnectionError):  # LocalStack's job only logs it
                job()

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()


def test_a_run_is_skipped_and_counted_until_the_last_has_ended() -> None:
    world = World()
    for _ in range(3):
        world.fire()
    (request,) = world.client.requests
    assert request
    assert world.skipped == {"AWS/Lambda AsyncEventsDropped {'FunctionName': 'check'}": 2}
    world.runs.end("another")
    world.fire()
    assert len(world.client.requests) == 1
    world.runs.end(request)
    world.fire()
    assert len(set(world.client.requests)) == 2


def test_another_schedule_of_the_function_is_not_held_up() -> None:
    world = World()
    world.fire("first")
    world.fire("second")
    assert len(world.client.requests) == 2


def test_events_that_no_schedule_sent_always_arrive() -> None:
    world = World()
    for _ in range(3):
        world.sender("rule").send_event({}, None)
    assert world.client.requests == [None] * 3


def test_a_run_that_was_never_taken_or_never_ends_holds_up_nothing() -> None:
    world = World()
    world.client.refuses = True
    world.fire()
    world.fire()
    assert not world.skipped
    world.client.refuses = False
    world.fire()
    world.now += LONGEST
    world.fire()
    assert len(world.client.requests) == 2
