"""``make bench-status-page``: measure the status page of twenty models in Chromium.

A stack of its own runs the loop for one model. What it recorded is copied for the others: checks,
decisions, distributions, metrics and the production pointer. The code of the function that
describes the API then answers in this process, with the data and the services of that stack. The
gateway and the start of a function are left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.shared import console
from cli.shared.cdk_deployment import deploy, emulator_context
from cli.shared.examples import MODELS, find_example
from cli.shared.loop_observation import Loop
from cli.shared.replaying import Pace, replay
from cli.shared.target import Target
from cli.shared.traffic import Api
from evergreen.clock import utc_now
from evergreen.deployment.by_hand import train_and_promote
from evergreen.metrics.catalog import MODEL_DIMENSION, NAMESPACE
from evergreen.production import Production
from tests.support.chromium import give_key, launched
from tests.support.own_stack import own_stack
from tests.support.served_over_http import served

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL = "flight_delay"
_COPIED = ("drift/", "decisions/")
_CHECKS = 4
_MINUTES = 30
"""Minutes of the past that get a value of each metric."""
# When the first card, all cards, and the first details are there, in ms since the navigation.
_TIMES = """(models) => new Promise((resolve) => {
  const seen = {};
  const look = () => {
    const cards = document.querySelectorAll("#models > article").length;
    if (cards && !seen.first) seen.first = performance.now();
    if (cards >= models && !seen.all) seen.all = performance.now();
    if (document.querySelector(".moved:not([hidden])") && !seen.details)
      seen.details = performance.now();
    if (seen.all && seen.details) resolve(seen); else requestAnimationFrame(look);
  };
  look();
})"""


def main() -> None:
    """Print the median and the longest time of each part of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--visits", type=int, default=9)
    given = parser.parse_args()
    names = [MODEL, *(f"{MODEL}_{number}" for number in range(2, given.models + 1))]
    with own_stack(console.progress) as stack, tempfile.TemporaryDirectory() as scratch:
        target = Target.local(stack)
        # No schedule may keep the machine busy meanwhile.
        context = emulator_context(target, period="1 day")
        deploy(target, context, stack.settings.paths.logs / "deploy.log", lambda _: None)
        _run_the_loop(target)
        for name in names[1:]:
            _copy(target, name)
        folder = Path(scratch) / "models"
        for name in names:
            _define(folder, name)
        os.environ.update(target.environment)
        os.environ.update(_variables(target), EVERGREEN_MODELS=str(folder))
        from functions.describe_api.handler import app  # noqa: PLC0415 - it reads the environment

        with served(app) as port:
            found = _visits(f"http://127.0.0.1:{port}/", given.visits, len(names))
    for part, times in found.items():
        shown = f"median {statistics.median(times):.2f} s, longest {max(times):.2f} s"
        console.out.print(f"{part} of {len(names)} models, {len(times)} visits: {shown}")


def _run_the_loop(target: Target) -> None:
    console.progress(MODEL, "training, promoting, traffic and drift checks")
    example = find_example(MODEL)
    rows = example.load(example.trained_on, example.fraction)
    made = train_and_promote(
        target, example.definition, example.folder, rows, example.source, lambda _: None
    )
    loop = Loop(target, example.definition)
    with Api.of(target) as api:
        loop.wait_until_serving(api, made.challenger)
        live = example.load(example.replayed[:1], example.fraction)
        replay(api, example.definition, live, pace=Pace(batch_rows=example.batch_rows))
    time.sleep(3)  # Firehose buffers for a second
    for _ in range(_CHECKS):
        loop.check_now()


def _copy(target: Target, name: str) -> None:
    """Give another model what the first has."""
    storage = target.storage
    for prefix in _COPIED:
        for item in list(storage.list(prefix)):
            if f"/model={MODEL}/" in item.key or f"/{MODEL}/" in item.key:
                key = item.key.replace(f"/model={MODEL}/", f"/model={name}/")
                body = storage.get(item.key) or b""
                renamed = body.replace(f'"{MODEL}"'.encode(), f'"{name}"'.encode())
                storage.put(key.replace(f"/{MODEL}/", f"/{name}/"), renamed)
    production = Production(target.stage, target.client("ssm"))
    pointer = production.read(MODEL)
    assert pointer is not None
    production.write(name, pointer)
    cloudwatch, now = target.client("cloudwatch"), utc_now()
    pages = cloudwatch.get_paginator("list_metrics").paginate(
        Namespace=NAMESPACE, Dimensions=[{"Name": MODEL_DIMENSION, "Value": MODEL}]
    )
    for metric in [metric for page in pages for metric in page["Metrics"]]:
        dimensions: Any = [
            {**each, "Value": name} if each["Name"] == MODEL_DIMENSION else each
            for each in metric["Dimensions"]
        ]
        data: Any = [
            {
                "MetricName": metric["MetricName"],
                "Dimensions": dimensions,
                "Timestamp": now - timedelta(minutes=minute),
                "Value": 1.0,
            }
            for minute in range(_MINUTES)
        ]
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)


def _define(folder: Path, name: str) -> None:
    shutil.copytree(MODELS / MODEL, folder / name)
    file = folder / name / "model.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(f'name = "{MODEL}"', f'name = "{name}"'), encoding="utf-8")


def _variables(target: Target) -> Mapping[str, str]:
    """Return the environment of the deployed function."""
    client = target.client("lambda")
    pages = client.get_paginator("list_functions").paginate()
    (found,) = [
        each
        for page in pages
        for each in page["Functions"]
        if each["FunctionName"].endswith("describe-api")
    ]
    variables: Mapping[str, str] = found["Environment"]["Variables"]
    return variables


def _visits(address: str, visits: int, models: int) -> dict[str, list[float]]:
    names = {"first": "first card", "all": "all cards", "details": "first details"}
    found: dict[str, list[float]] = {name: [] for name in names.values()}
    with launched() as browser, browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        give_key(page, "any")  # the gateway, which checks it, is left out
        page.evaluate(_TIMES, models)
        for _ in range(visits):
            page.reload(wait_until="commit")  # the tab has the key
            seen = page.evaluate(_TIMES, models)
            for part, name in names.items():
                found[name].append(seen[part] / 1000)
    return found


if __name__ == "__main__":
    main()
