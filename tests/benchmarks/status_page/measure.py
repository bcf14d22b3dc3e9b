"""Deploys every model of this folder, gives each a version and traffic, and opens the page."""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

from cli.shared import console
from cli.shared.cdk_deployment import deploy, emulator_context
from cli.shared.examples import MODELS, find_example
from cli.shared.loop_observation import Loop
from cli.shared.replaying import Pace, replay
from cli.shared.target import Target
from cli.shared.traffic import Api
from evergreen.deployment.by_hand import train_and_promote
from evergreen.model_definition import load_definitions
from tests.support.chromium import launched, open_status_page
from tests.support.own_stack import own_stack

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

_SHARE = 0.05
_LIVE_ROWS = 300
# When each card, and each card's charts of details, is there; in milliseconds since navigation.
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
    visits = int(sys.argv[1])
    with own_stack(console.progress) as stack:
        target = Target.local(stack)
        # No schedule may keep the machine busy meanwhile.
        context = emulator_context(target, period="1 day")
        deploy(target, context, stack.settings.paths.logs / "deploy.log", lambda _: None)
        models = sorted(load_definitions(MODELS))
        for model in models:
            console.progress(model, "training, promoting, traffic and a drift check")
            _fill(target, model)
        with launched() as browser, browser.new_context() as opened:
            found = _visits(target, opened, models, visits)
    for part, times in found.items():
        shown = f"median {statistics.median(times):.2f} s, longest {max(times):.2f} s"
        console.out.print(f"{part} of {len(models)} models, {len(times)} visits: {shown}")


def _fill(target: Target, model: str) -> None:
    example = find_example(model)
    share = example.fraction if example.definition.forecast else _SHARE
    rows = example.load(example.trained_on, share)
    made = train_and_promote(
        target, example.definition, example.folder, rows, example.source, lambda _: None
    )
    live = example.load(example.replayed[:1], share).head(_LIVE_ROWS)
    loop = Loop(target, example.definition)
    with Api.of(target) as api:
        loop.wait_until_serving(api, made.challenger)
        replay(api, example.definition, live, pace=Pace(batch_rows=example.batch_rows))
    time.sleep(2)  # Firehose buffers for a second
    loop.check_now()


def _visits(
    target: Target, opened: BrowserContext, models: list[str], visits: int
) -> dict[str, list[float]]:
    page = open_status_page(target, opened, models[0])
    names = {"first": "first card", "all": "all cards", "details": "first details"}
    found: dict[str, list[float]] = {name: [] for name in names.values()}
    for _ in range(visits):
        page.reload()  # the tab has the key
        seen = page.evaluate(_TIMES, len(models))
        for part, name in names.items():
            found[name].append(seen[part] / 1000)
    return found


if __name__ == "__main__":
    main()
