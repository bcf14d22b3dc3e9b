"""The page about speed is written from the numbers of a run, and the floor answers as Evergreen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session

from tests.benchmarks.serving import report
from tests.benchmarks.serving.models import CATEGORIES, DEFINITION, NUMBERS, model_toml, rows
from tests.benchmarks.serving.stages import STAGES
from tests.benchmarks.serving.stub import BUCKET, ENVIRONMENT, POINTER, StubbedAws

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

PAGE = Path(__file__).parents[3] / "docs" / "performance.md"


def found(**changes: Any) -> dict[str, Any]:
    entry = {
        "model": "logistic",
        "rows": 1000,
        "p50_us": 1500.0,
        "p99_us": 2500.0,
        "floor_us": 2000.0,
        "unlogged_us": 500.0,
        "stages_us": dict.fromkeys(STAGES, 100.0),
    }
    return {
        "run": "quick",
        "date": "2026-05-04",
        "cores": 2,
        "others": 0.1,
        "versions": {"python": "3.13"},
        "in_process": [entry],
        "http": [served("evergreen", 900, 2), served("mlserver", 100, 8)],
        "cold": [{"variant": "evergreen", "ms": 250.0}, {"variant": "mlflow.pyfunc", "ms": 1000.0}],
        "unzipped_mb": 141.9,
    } | changes


def served(server: str, requests_per_second: float, p99_ms: float) -> dict[str, Any]:
    told = {"model": "forest", "rows": 1, "concurrency": 8, "form": "tensors", "server": server}
    return {**told, "requests_per_second": requests_per_second, "p99_ms": p99_ms}


def test_ratios_are_of_the_runs_own_numbers() -> None:
    page = report.render(found())
    assert "| logistic | 1,000 | 1.50 ms | 2.50 ms | 2.00 ms | 0.50 ms | 0.75x |" in page
    assert "| mlflow.pyfunc | 1,000 | 0.25x of it | 1/6: not met |" in page
    assert "2 cores to itself" in page
    assert "| forest | 1 | 8 | evergreen | tensors | 900 | 2.0 ms |" in page
    assert "| forest | 1 | 8 | mlserver | 9.0x | 10x: not met | 0.25x |" in page
    assert "@" not in page


def test_the_page_has_every_heading_of_its_template() -> None:
    template = Path(report.__file__).with_name("report.md").read_text()
    headings = [line for line in template.splitlines() if line.startswith("#")]
    assert [line for line in PAGE.read_text().splitlines() if line.startswith("#")] == headings


def test_the_definition_is_the_file_that_the_function_reads(tmp_path: Path) -> None:
    from evergreen.model_definition import find_definition  # noqa: PLC0415 - one test's

    (tmp_path / DEFINITION.name).mkdir()
    (tmp_path / DEFINITION.name / "model.toml").write_text(model_toml())
    assert find_definition(tmp_path, DEFINITION.name) == DEFINITION
    assert list(rows(1)[0]) == [*NUMBERS, *CATEGORIES] == list(DEFINITION.features)


def test_the_stub_answers_what_the_function_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    (tmp_path / POINTER).write_text(json.dumps({"version": "1"}))
    (tmp_path / "bundles").mkdir()
    (tmp_path / "bundles" / "model.onnx").write_bytes(b"abc")
    session: Any = botocore.session.get_session()
    StubbedAws(tmp_path).attach(session)
    clients: Mapping[str, Any] = {
        name: session.create_client(name) for name in ("s3", "ssm", "firehose")
    }
    read = clients["s3"].get_object(Bucket=BUCKET, Key="bundles/model.onnx")["Body"].read()
    pointer = clients["ssm"].get_parameter(Name="p")["Parameter"]["Value"]
    put = clients["firehose"].put_record_batch(
        DeliveryStreamName="requests", Records=[{"Data": b"a\n"}]
    )
    assert (read, json.loads(pointer), put["FailedPutCount"]) == (b"abc", {"version": "1"}, 0)
