"""Writes every generated page of the documentation: `python -m cdk.reference`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdk.reference.api import API_PAGE, render_api_page
from cdk.reference.cdk_json import CDK_JSON_PAGE, render_cdk_json_page
from cdk.reference.events import EVENTS_PAGE, render_events_page
from cdk.reference.metrics import METRICS_PAGE, render_metrics_page
from cdk.reference.model_toml import MODEL_TOML_PAGE, render_model_toml_page
from cdk.reference.records import RECORDS_PAGE, render_records_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

GENERATED_PAGES: Mapping[Path, Callable[[], str]] = {
    METRICS_PAGE: render_metrics_page,
    MODEL_TOML_PAGE: render_model_toml_page,
    CDK_JSON_PAGE: render_cdk_json_page,
    EVENTS_PAGE: render_events_page,
    API_PAGE: render_api_page,
    RECORDS_PAGE: render_records_page,
}
"""What renders each page."""


def write_pages() -> None:
    """Write the pages."""
    for page, render in GENERATED_PAGES.items():
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    write_pages()
