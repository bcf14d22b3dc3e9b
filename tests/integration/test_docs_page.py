"""The documentation in a real browser: it calls the API below a stage's path, with its key.

The application answers in this process; no stack is needed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from playwright.sync_api import expect

from functions.serve.app import create_app
from functions.serve.settings import ServerSettings
from tests.support.bundle_folders import serving_variables
from tests.support.chromium import PATIENCE, launched
from tests.support.forgotten_settings import forget
from tests.support.served_over_http import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send


def below_a_stage(app: ASGIApp) -> ASGIApp:
    """Put the application below /dev, as API Gateway does, which shows it the rest of the path."""

    async def staged(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["path"].startswith("/dev/")
        await app({**scope, "path": scope["path"].removeprefix("/dev")}, receive, send)

    return staged


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with patch.dict(os.environ, serving_variables(tmp_path)):
        forget()
        told = ServerSettings.model_validate({"EVERGREEN_API_KEY": "secret"})
        with served(below_a_stage(create_app(told))) as port:
            yield f"http://127.0.0.1:{port}/dev"
    forget()


def test_try_it_out_calls_the_api_with_the_key(address: str) -> None:
    with launched() as browser:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        faults: list[str] = []
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.goto(f"{address}/docs")
        operation = page.locator(".opblock", has_text="/models/late_bus/predict").first
        operation.locator(".opblock-summary-control").click(timeout=PATIENCE)
        assert faults == []

        operation.get_by_role("button", name="Execute").click()
        answer = operation.locator(".live-responses-table")
        expect(answer.locator(".response-col_status").last).to_contain_text("403")
        expect(answer).to_contain_text("the header x-api-key is missing or wrong")

        page.get_by_role("button", name="Authorize").first.click()
        page.locator(".modal-ux input").first.fill("secret")
        page.locator(".modal-ux").get_by_role("button", name="Apply credentials").first.click()
        page.get_by_role("button", name="Close").click()
        operation.get_by_role("button", name="Execute").click()
        expect(answer.locator(".response-col_status").last).to_contain_text("200")
        expect(answer).to_contain_text('"model_version": "1"')
        expect(operation.locator(".request-url")).to_contain_text(
            f"{address}/models/late_bus/predict"
        )
