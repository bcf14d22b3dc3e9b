"""axe-core finds nothing on the pages that people look at, and nothing is wider than a phone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mlflow import MlflowClient
from playwright.sync_api import expect

from cdk.constructs.building.assets import ROOT
from evergreen.drift.report import report_key
from evergreen.release.decision_log import read_decision_records
from tests.support.chromium import PATIENCE, SIZES, launched, open_status_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from cli.shared.target import Target

MODEL = "flight_delay"
AXE = ROOT / "node_modules/axe-core/axe.min.js"
FINDINGS = """async () => (await axe.run()).violations.map((each) =>
  each.id + ": " + each.nodes.map((node) => node.target.join(" ")).join(", "))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(browser: Browser, scheme: Any) -> Iterator[Page]:
    with browser.new_context(color_scheme=scheme) as context:
        context.set_default_timeout(PATIENCE)
        yield context.new_page()


def check(page: Page) -> None:
    """Run axe-core in both sizes, with everything unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    for width, height in SIZES.values():
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate(AXE.read_text(encoding="utf-8"))
        assert page.evaluate(FINDINGS) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_status_page_is_accessible(deployed: Target, page: Page) -> None:
    page = open_status_page(deployed, page.context, MODEL)
    article = page.get_by_role("article", name=MODEL)
    article.scroll_into_view_if_needed()  # the page reads the details of what is in sight
    expect(article.get_by_role("img", name="of each drift check")).to_be_visible()
    article.get_by_text("Newest requests").click()
    expect(article.locator("tbody tr").first).to_be_visible()
    check(page)


def test_a_drift_report_is_accessible(deployed: Target, page: Page) -> None:
    reports = sorted(
        (item.key for item in deployed.storage.list(report_key(MODEL, "").removesuffix(".html"))),
    )
    page.set_content((deployed.storage.get(reports[-1]) or b"").decode())
    expect(page.locator("svg").first).to_be_visible()
    check(page)


def test_an_evaluation_report_is_accessible(deployed: Target, page: Page, tmp_path: Path) -> None:
    records = read_decision_records(deployed.storage, MODEL)
    uris = [
        each.comparison.report_uri
        for each in records
        if each.comparison and each.comparison.report_uri
    ]
    run, path = uris[-1].removeprefix("runs:/").split("/", 1)
    file = Path(MlflowClient(deployed.mlflow_uri).download_artifacts(run, path, str(tmp_path)))
    page.goto(file.as_uri())
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    check(page)
