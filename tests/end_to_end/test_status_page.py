"""The status page in a real browser, with the deployed API after a run of the loop."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from evergreen.clock import to_text, utc_now
from evergreen.drift.log import latest_checks
from evergreen.production import Production
from tests.support.chromium import PATIENCE, SIZES, give_key, launched, open_status_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext

    from cli.shared.target import Target

MODEL = "flight_delay"
SUMMARY, DETAILS = re.compile(r"/status\?"), re.compile(r"/status/\w+\?")
"""The requests of the page; a pattern with wildcards would take one for the other."""
METRIC_PATIENCE = 300_000
"""Milliseconds; the emulator's CloudWatch is slow while other tests keep the machine busy."""
# A colour that the browser paints, as one number: 0 is black, 255 white.
BRIGHTNESS = """() => {
  const of = (value) => value.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const mean = (rgb) => (rgb[0] + rgb[1] + rgb[2]) / 3;
  const style = getComputedStyle(document.body);
  return [mean(of(style.backgroundColor)), mean(of(style.color))];
}"""
# Pairs of visible texts that overlap.
OVERLAPS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const boxes = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.data.trim() || !node.parentElement.checkVisibility()) continue;
    if (node.parentElement.closest("script, style, .skip")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) boxes.push([node.data.trim(), box]);
  }
  const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  return boxes.flatMap(([text, box], at) => boxes.slice(at + 1)
    .filter(([_, other]) => over(box, other)).map(([other]) => text + " | " + other));
}"""
# The lowest contrast between a visible text and its background, by the formula of WCAG 2.2.
CONTRAST = """() => {
  const rgb = (value) => value.match(/[\\d.]+/g).map(Number);
  const light = (value) => {
    const [r, g, b] = rgb(value).slice(0, 3).map((part) => part / 255)
      .map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (rgb(color).length === 3 || rgb(color)[3] === 1) return color;
    }
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let least = 21;
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility()) continue;
    const [low, high] = [light(getComputedStyle(node).color), light(behind(node))].sort();
    least = Math.min(least, (Math.max(low, high) + .05) / (Math.min(low, high) + .05));
  }
  return least;
}"""


@pytest.fixture(scope="module", autouse=True)
def promoted(deployed: Target) -> str:
    pointer = Production(deployed.stage, deployed.client("ssm")).read(MODEL)
    assert pointer is not None, "the loop must have promoted a version before"
    return pointer.version


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def contexts(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    opened = []

    def make(size: str = "wide", scheme: Any = "light") -> BrowserContext:
        width, height = SIZES[size]
        viewport: Any = {"width": width, "height": height}
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        context.set_default_timeout(PATIENCE)
        opened.append(context)
        return context

    yield make
    for context in opened:
        for page in context.pages:  # an answer that is on its way is no fault of the next test
            page.unroute_all(behavior="ignoreErrors")
        context.close()


def shown(deployed: Target, context: BrowserContext) -> Page:
    return open_status_page(deployed, context, MODEL)


def test_without_the_key_the_page_is_there_and_the_data_are_not(deployed: Target) -> None:
    page = httpx.get(f"{deployed.api_url}/", timeout=60)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'sha256-" in page.headers["content-security-policy"]
    assert httpx.get(f"{deployed.api_url}/status", timeout=60).status_code == 403


def test_it_shows_what_the_loop_has_done(
    deployed: Target, contexts: Callable[..., BrowserContext], promoted: str
) -> None:
    page = shown(deployed, contexts())
    article = page.get_by_role("article", name=MODEL)
    expect(article).to_contain_text(f"Version {promoted}")
    expect(article).to_contain_text("at promotion")
    expect(article.get_by_role("listitem").first).to_contain_text(
        f"Promotedversion {promoted} against"
    )
    (check,) = latest_checks(deployed.storage, MODEL, utc_now(), count=1, days=2)
    words = {"drift": "Drift", "no_drift": "No drift", "insufficient_data": "Too little data"}
    expect(article.locator("[data-is=verdict]")).to_have_text(words[check[-1].verdict])  # type: ignore[union-attr]
    traffic = article.get_by_role("img", name="Predicted rows in the last hour")
    # Metrics that CloudWatch does not give in time are not shown; the page asks again.
    bars = traffic.locator("path.bars")
    expect(bars).to_have_attribute("d", re.compile("h"), timeout=METRIC_PATIENCE)
    assert "none" not in (traffic.get_attribute("aria-label") or "none")
    for chart in ("Time to predict", "Time to answer", "Requests in the last hour"):
        assert article.get_by_role("img", name=chart).count() == 1
    expect(article.get_by_role("img", name="of each drift check")).to_have_accessible_name(
        re.compile(r"F1 of each drift check: \d+ checks?, latest 0\.\d+")
    )
    expect(article.get_by_role("img", name="of champion and challenger")).to_have_accessible_name(
        re.compile(r"\d+ comparisons?, \d+ promoted")
    )


def test_what_moved_is_drawn_and_leads_to_the_report(
    deployed: Target, contexts: Callable[..., BrowserContext]
) -> None:
    context = contexts()
    article = shown(deployed, context).get_by_role("article", name=MODEL)
    moved = article.get_by_role("img", name="reference against window")
    expect(moved.first).to_be_visible()
    assert moved.first.locator("path.bars").get_attribute("d") != "M0 0"
    link = article.get_by_role("link", name="Full drift report")
    if link.count():  # the newest check with enough rows may have found nothing
        report = httpx.get(link.get_attribute("href") or "", timeout=60)
        assert (report.status_code, MODEL in report.text) == (200, True)
    run = article.get_by_role("link", name="MLflow run").first.get_attribute("href")
    assert re.search(r"/#/runs/[0-9a-f]{32}$", run or "")


def test_a_value_is_told_where_the_pointer_or_the_arrow_keys_are(
    deployed: Target, contexts: Callable[..., BrowserContext]
) -> None:
    page = shown(deployed, contexts())
    chart = page.get_by_role("article", name=MODEL).get_by_role("img", name="of each drift check")
    expect(chart.locator("circle").first).to_be_visible()
    chart.hover()
    expect(page.locator(".tip")).to_contain_text("at promotion")
    page.mouse.move(0, 0)
    expect(page.locator(".tip")).to_be_hidden()
    chart.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tip")).to_contain_text("version")


def test_the_newest_requests_can_be_searched(
    deployed: Target, contexts: Callable[..., BrowserContext]
) -> None:
    page = shown(deployed, contexts("narrow"))
    article = page.get_by_role("article", name=MODEL)
    article.get_by_text("Newest requests").click()
    rows = article.locator("tbody tr")
    expect(rows.first).to_be_visible()
    origin = rows.first.locator("td").nth(16)
    article.get_by_label("Search").fill(origin.inner_text())
    expect(article.get_by_role("status")).to_contain_text("contain this")
    article.get_by_label("Search").fill("no such value anywhere")
    expect(article.get_by_role("status")).to_have_text(re.compile("^0 rows of the newest"))
    expect(rows.first).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["narrow"][0]


def test_the_key_is_asked_for_once_and_never_in_an_address(
    deployed: Target, contexts: Callable[..., BrowserContext]
) -> None:
    context = contexts()
    addresses: list[str] = []
    faults: list[str] = []
    context.on("request", lambda request: addresses.append(request.url))
    context.on("weberror", lambda error: faults.append(str(error.error)))
    context.on("console", lambda message: faults.append(message.text))
    page = shown(deployed, context)
    addresses.append(page.url)
    page.reload()
    expect(page.get_by_role("article", name=MODEL)).to_be_visible()
    expect(page.get_by_label("API key", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_label("API key", exact=True)).to_be_focused()
    assert page.evaluate("[sessionStorage.length, localStorage.length]") == [0, 0]
    expect(page.get_by_role("article")).to_have_count(0)
    page.reload()
    expect(page.get_by_label("API key", exact=True)).to_be_visible()
    assert len(addresses) >= 4
    origin = deployed.api_url
    assert all(each.startswith((origin, "data:")) for each in addresses)
    assert not [each for each in addresses if deployed.api_key in each]
    assert faults == []


def test_kept_in_the_browser_only_when_that_is_wished(
    deployed: Target, contexts: Callable[..., BrowserContext]
) -> None:
    context = contexts()
    page = context.new_page()
    page.goto(f"{deployed.api_url}/")
    page.get_by_label("Keep it when this tab is closed").check()
    give_key(page, deployed.api_key)
    expect(page.get_by_role("article", name=MODEL)).to_be_visible()
    page.close()
    again = context.new_page()
    again.goto(f"{deployed.api_url}/")
    expect(again.get_by_role("article", name=MODEL)).to_be_visible()


def test_a_wrong_key_is_told_and_asked_for_again(
    deployed: Target, contexts: Callable[..., BrowserContext]
) -> None:
    page = contexts().new_page()
    page.goto(f"{deployed.api_url}/")
    give_key(page, "wrong-key")
    expect(page.get_by_role("alert")).to_contain_text("refused this key")
    give_key(page, deployed.api_key)
    expect(page.get_by_role("article", name=MODEL)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_it_fits_and_reads_well(
    deployed: Target, contexts: Callable[..., BrowserContext], size: str, scheme: str
) -> None:
    page = shown(deployed, contexts(size, scheme))
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(CONTRAST) >= 4.5
    ground, text = page.evaluate(BRIGHTNESS)
    assert (ground > text) == (scheme == "light")


def test_the_charts_reach_back_as_far_as_asked_by_keyboard(
    deployed: Target, contexts: Callable[..., BrowserContext]
) -> None:
    page = shown(deployed, contexts())
    page.get_by_role("radio", name="hour", exact=True).focus()
    page.keyboard.press("ArrowRight")
    article = page.get_by_role("article", name=MODEL)
    expect(article.get_by_role("img", name="Predicted rows in the last 24 hours")).to_be_visible()


def test_while_the_api_is_away_the_last_status_stays_and_it_says_so(
    deployed: Target, contexts: Callable[..., BrowserContext]
) -> None:
    page = shown(deployed, contexts())
    card = page.get_by_role("article", name=MODEL).element_handle()
    page.route(SUMMARY, lambda route: route.abort())
    page.get_by_role("radio", name="7 days").check(force=True)
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    expect(page.get_by_role("article", name=MODEL)).to_be_visible()
    page.unroute(SUMMARY)
    page.get_by_role("radio", name="24 hours").check(force=True)
    expect(page.get_by_role("alert")).to_be_hidden()
    # The page does not flicker: the element is the same as before, not a new one.
    assert card.evaluate("(node) => node.isConnected")


def test_pausing_stops_the_updates_and_time_brings_them(
    deployed: Target, contexts: Callable[..., BrowserContext]
) -> None:
    context = contexts()
    asked: list[str] = []
    context.on("request", lambda each: asked.append(each.url) if "/status?" in each.url else None)
    page = context.new_page()
    page.clock.install()
    page.goto(f"{deployed.api_url}/")
    give_key(page, deployed.api_key)
    updated = page.locator("#updated")
    expect(updated).to_contain_text("As of")
    with page.expect_response(SUMMARY):
        page.clock.run_for(31_000)
    expect(updated).to_contain_text("As of")
    page.get_by_role("button", name="Pause updates").click()
    expect(updated).to_contain_text("paused")
    before = len(asked)
    page.clock.run_for(120_000)
    assert len(asked) == before


@pytest.mark.parametrize("what", ["no model", "nothing promoted"])
def test_what_is_not_there_yet_is_said(
    deployed: Target, contexts: Callable[..., BrowserContext], what: str
) -> None:
    def empty(status: Any) -> None:
        for model in status["models"]:
            model |= {"production": None, "live": None, "checks": [], "decisions": []}
        if what == "no model":
            status["models"] = []

    page = contexts().new_page()
    page.route(SUMMARY, altered(empty))
    page.route(DETAILS, altered(lambda details: details.update(decisions=[])))
    page.goto(f"{deployed.api_url}/")
    give_key(page, deployed.api_key)
    if what == "no model":
        expect(page.get_by_text("No model is part of this deployment yet")).to_be_visible()
    else:
        article = page.get_by_role("article", name=MODEL)
        expect(article).to_contain_text("Not promoted")
        expect(article).to_contain_text("Nothing has been decided yet.")


def test_what_goes_on_is_shown_with_its_beginning(
    deployed: Target, contexts: Callable[..., BrowserContext]
) -> None:
    since = to_text(utc_now() - timedelta(hours=3))

    def drift(status: Any) -> None:
        for model in status["models"]:
            model["episodes"] = [
                {"kind": "data_drift", "since": since, "severity": "critical"},
                {"kind": "performance", "since": since, "severity": "warning"},
            ]

    page = contexts("narrow").new_page()
    page.route(SUMMARY, altered(drift))
    page.goto(f"{deployed.api_url}/")
    give_key(page, deployed.api_key)
    article = page.get_by_role("article", name=MODEL)
    expect(article.locator("[data-is=episodes]")).to_have_text(
        "Data drift since 3 hours ago (critical). Performance degraded since 3 hours ago."
    )
    expect(article.locator("[data-is=badge]")).to_have_text("Degraded")
    assert page.evaluate(OVERLAPS) == []


def test_what_could_not_be_read_is_named_and_the_rest_is_shown(
    deployed: Target, contexts: Callable[..., BrowserContext]
) -> None:
    def without(status: Any) -> None:
        for model in status["models"]:
            model |= {"production": None, "unread": ["production", "metrics"]}

    def dark(details: Any) -> None:
        details["unread"] = ["metrics"]
        for series in (each for each in details.values() if isinstance(each, dict)):
            if "values" in series:
                series["values"] = [None] * len(series["values"])

    page = contexts("narrow").new_page()
    page.route(SUMMARY, altered(without))
    page.route(DETAILS, altered(dark))
    page.goto(f"{deployed.api_url}/")
    give_key(page, deployed.api_key)
    article = page.get_by_role("article", name=MODEL)
    expect(article.locator("[data-is=unread]")).to_have_text(
        "Could not be read: the version in production, the metrics. The rest is as of now."
    )
    expect(article.locator("[data-is=badge]")).to_have_text("Not known")
    expect(article.locator("[data-is=version]")).to_have_text("Not read")
    expect(article.locator("[data-is=traffic-sum]")).to_have_text("not read")
    assert article.get_by_role("listitem").count() > 0
    assert page.evaluate(OVERLAPS) == []


def test_nothing_in_the_data_runs(
    deployed: Target, contexts: Callable[..., BrowserContext]
) -> None:
    hostile = "<img src=x onerror=\"document.title='broken'\"><script>document.title='x'</script>"

    def attack(status: Any) -> None:
        for model in status["models"]:
            model["target"] = hostile
            for each in (*model["checks"], *model["decisions"]):
                each["reason"] = hostile

    page = contexts().new_page()
    page.route(SUMMARY, altered(attack))
    page.goto(f"{deployed.api_url}/")
    give_key(page, deployed.api_key)
    article = page.get_by_role("article", name=MODEL)
    expect(article).to_contain_text("onerror")
    assert article.locator("img, script").count() == 0
    assert page.title() == "Evergreen status"


def altered(change: Callable[[Any], None]) -> Callable[[Route], None]:
    """Let the API answer, and change its answer before the page gets it."""

    def handle(route: Route) -> None:
        answer = route.fetch()
        status = answer.json()
        change(status)
        route.fulfill(response=answer, body=json.dumps(status))

    return handle
