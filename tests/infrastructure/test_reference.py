"""The reference says what the code does, and leaves no field out."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from cdk.reference.__main__ import GENERATED_PAGES
from cdk.reference.cdk_json import render_cdk_json_page
from cdk.reference.fields import REQUIRED, documented, written
from cdk.reference.metrics import render_metrics_page
from cdk.reference.model_toml import SECTIONS, render_model_toml_page
from cdk.reference.records import LANDED_LABEL, LANDED_ROW
from cdk.settings import Settings, read_settings
from evergreen.capture.ground_truth import label_records
from evergreen.capture.request_log import LoggedRow
from evergreen.errors import EvergreenError
from evergreen.metrics.catalog import SPECS
from evergreen.model_definition import ModelDefinition, Schedule, Strict

ROOT = Path(__file__).resolve().parents[2]
_LATE = ModelDefinition.model_validate(
    {"name": "late", "task": "classification", "target": "y", "features": {"x": {"type": "float"}}}
)


class Example(BaseModel):
    share: float = Field(default=0.5, gt=0, le=1)
    """A share of
    the ``rows``; see :attr:`~somewhere.Else.name`."""
    wait: timedelta
    """A period."""
    names: tuple[str, ...] | None = None
    """Names."""


class Undocumented(BaseModel):
    said: int
    """It has a docstring."""
    silent: int


@pytest.mark.parametrize("page", GENERATED_PAGES, ids=lambda page: page.name)
def test_the_committed_page_is_what_the_code_renders(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == GENERATED_PAGES[page](), "run: make reference"


def test_a_field_is_told_with_range_default_and_meaning() -> None:
    share, wait, names = documented(Example)
    assert (share.allowed, share.default) == ("number, > 0, ≤ 1", "`0.5`")
    assert share.description == "A share of the `rows`; see `name`."
    assert (wait.allowed, wait.default) == ('period, such as `"6 hours"`', REQUIRED)
    assert (names.allowed, names.default) == ("list of text", "none")


def test_a_field_without_a_docstring_is_refused() -> None:
    with pytest.raises(EvergreenError, match=r"Undocumented\.silent: the field has no description"):
        list(documented(Undocumented))


def test_every_section_of_a_model_definition_has_its_table() -> None:
    assert {model for model, _ in SECTIONS.values()} == set(Strict.__subclasses__())
    page = render_model_toml_page()
    for section, (model, before) in SECTIONS.items():
        name = section.partition(".")[0]
        within = f"[{name}] " if name else ""
        for field in model.model_fields:
            if model is not ModelDefinition or field not in SECTIONS:
                assert f"| `{within}{before}{field}` |" in page


def test_a_default_is_written_as_the_file_takes_it() -> None:
    default = ModelDefinition.model_fields["drift"].default.schedules
    read = tomllib.loads(f"schedules = {written(default)}")["schedules"]
    assert tuple(map(Schedule.model_validate, read)) == default


def test_every_setting_is_in_cdk_json_with_its_default() -> None:
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    assert read_settings(context) == Settings()
    assert set(Settings.model_fields) <= set(context)
    assert all(f"| `{name}` |" in render_cdk_json_page() for name in Settings.model_fields)


def test_every_metric_is_in_its_page() -> None:
    page = render_metrics_page()
    assert [spec.metric for spec in SPECS if f"| `{spec.metric}` |" not in page] == []


def test_the_landed_lines_have_the_fields_that_are_told() -> None:
    assert list(LANDED_ROW) == list(LoggedRow.__struct_fields__)
    body = [{"request_id": str(UUID(int=1)), "label": 1}]
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    (record,) = label_records(body, definition=_LATE, timestamp=moment)
    assert record.keys() == LANDED_LABEL.keys()
