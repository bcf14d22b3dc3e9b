"""A shadow stage on the deployed app, and what it does to the traffic.

Meanwhile the functions that read the definition get code with another ``model.toml``.
"""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from cdk.constructs.building.assets import archive
from cdk.constructs.building.function_code import build_function
from cli.shared.demo_steps import MODELS, example_row
from evergreen.bundle.store import load_bundle, save_bundle
from evergreen.clock import utc_now
from evergreen.deployment.by_hand import release_context_of
from evergreen.model_definition import ModelDefinition, load_definition
from evergreen.production import ShadowSlot
from evergreen.serving.champion import POINTER_POLL_SECONDS
from evergreen.shadow.comparison import ShadowComparison, compare_shadow
from evergreen.shadow.slot import start_shadow, stop_shadow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from cli.shared.target import Target
    from evergreen.bundle.content import Bundle

SHADOWED = "flight_duration"
"""The model that gets a shadow stage."""
SHADOW = """
[shadow]
min_predictions = 40
max_wait = "10 minutes"
budget_ms = 200
"""
READERS = {
    "validate-request": "validate_request",
    "set-shadow": "set_shadow",
    "compare-shadow": "compare_shadow",
    f"predict-{SHADOWED}": "predict",
}
"""The functions that read the shadow stage of the definition, and their folders."""


@dataclass
class Stage:
    """A champion on the deployed app, and a definition with a shadow stage."""

    target: Target
    definition: ModelDefinition
    row: dict[str, object]

    @property
    def champion(self) -> Bundle:
        context = release_context_of(self.target)
        pointer = context.production.read(SHADOWED)
        assert pointer is not None
        return load_bundle(context.storage, pointer)

    def ask(self, rows: int = 1) -> dict[str, Any]:
        answer = httpx.post(
            f"{self.target.api_url.rstrip('/')}/models/{SHADOWED}/predict",
            headers={"x-api-key": self.target.api_key},
            json={"instances": [self.row] * rows},
            timeout=60,
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        body: dict[str, Any] = answer.json()
        return body

    @contextmanager
    def shadow(self, challenger: Bundle) -> Iterator[ShadowSlot]:
        """Put a bundle into the shadow slot by the library, and wait until it is read."""
        context = release_context_of(self.target)
        uri, sha256 = save_bundle(context.storage, SHADOWED, challenger)
        slot = ShadowSlot(
            version=challenger.version, bundle_uri=uri, sha256=sha256, started_at=utc_now()
        )
        start_shadow(context.storage, context.production, SHADOWED, slot)
        time.sleep(POINTER_POLL_SECONDS + 1)
        try:
            yield slot
        finally:
            stop_shadow(context.production, SHADOWED)
            context.storage.delete_below(f"bundles/{SHADOWED}/{challenger.version}/")

    def compared(self, slot: ShadowSlot, done: Callable[[ShadowComparison], bool]) -> Any:
        """Repeat the comparison until Firehose has delivered the expected rows."""
        storage = release_context_of(self.target).storage
        deadline = time.monotonic() + 180
        while True:
            seen = compare_shadow(storage, self.target.lake, self.definition, slot, clock=utc_now)
            if done(seen) or time.monotonic() > deadline:
                return seen
            time.sleep(3)

    def rows(self, since: datetime, role: str) -> list[dict[str, Any]]:
        table = self.target.lake.predictions(self.definition, since, utc_now())
        return [row for row in table.to_pylist() if row["role"] == role]

    @contextmanager
    def asked_all_the_time(self) -> Iterator[None]:
        """Send a request of two rows each second, as soon as a version is in production."""
        over = threading.Event()

        def keep_asking() -> None:
            while not over.wait(1.0):
                if release_context_of(self.target).production.read(SHADOWED) is not None:
                    self.ask(rows=2)

        traffic = threading.Thread(target=keep_asking)
        traffic.start()
        try:
            yield
        finally:
            over.set()
            traffic.join()


@contextmanager
def shadow_stage(deployed: Target, folder: Path) -> Iterator[Stage]:
    """Give the model a shadow stage for as long as the block lasts."""
    models = folder / "models"
    shutil.copytree(MODELS, models, ignore=shutil.ignore_patterns("__pycache__"))
    with (models / SHADOWED / "model.toml").open("a", encoding="utf-8") as file:
        file.write(SHADOW)
    _pack(deployed, models)
    try:
        yield Stage(deployed, load_definition(models / SHADOWED), example_row(SHADOWED))
    finally:
        _pack(deployed, MODELS)


def _pack(deployed: Target, models: Path) -> None:
    """Update the functions that read the definition with code that holds these models."""
    client = deployed.client("lambda")
    for suffix, folder in READERS.items():
        name = f"evergreen-{deployed.stage}-{suffix}"
        code = archive(build_function(folder, models)).read_bytes()
        client.update_function_code(FunctionName=name, ZipFile=code)
        client.get_waiter("function_updated_v2").wait(FunctionName=name)
