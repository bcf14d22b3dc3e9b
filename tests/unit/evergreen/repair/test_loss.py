"""What is gone of a version that MLflow has in production."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evergreen.release.promotion import promote
from evergreen.repair.consistency import find_inconsistencies
from evergreen.repair.loss import find_loss
from tests.support.release_bench import MODEL, ReleaseBench, comparison, open_release_bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws_in_process import Account


@pytest.fixture
def bench(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReleaseBench]:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    with open_release_bench(aws, tmp_path / "mlflow") as made:
        yield made


def test_a_model_that_was_never_in_production_has_lost_nothing(bench: ReleaseBench) -> None:
    bench.challenger("data")
    assert find_loss(bench.context, MODEL) is None


def test_what_is_gone_is_named(bench: ReleaseBench) -> None:
    version = bench.challenger("data")
    context = bench.context
    context.registry.set_production(MODEL, version, previous=None)

    def gone() -> tuple[str, ...]:
        found = find_loss(context, MODEL)
        assert found
        assert found.version == version
        return found.gone

    assert gone() == ("its pointer",)
    context.storage.delete_below(f"datasets/{MODEL}/")
    assert gone() == ("its pointer", "its data set")
    context.storage.delete_below(f"bundles/{MODEL}/")
    assert gone() == ("its pointer", "its bundle", "its data set")
    found = find_loss(context, MODEL)
    assert found
    assert found.what == (
        f"MLflow has version {version} in production, "
        "but its pointer, its bundle and its data set are gone"
    )


def test_a_promotion_without_its_bundle_is_withdrawn_and_not_completed(
    bench: ReleaseBench,
) -> None:
    version = bench.challenger("data")
    promote(bench.context, MODEL, version, comparison())
    bench.context.storage.delete_below(f"bundles/{MODEL}/")
    bench.context.storage.delete_below("decisions/")
    (found,) = find_inconsistencies(bench.context, MODEL, is_running=lambda _: False)
    assert f"version {version} is in production, and its bundle is gone" in found.what
    assert found.fix.startswith("withdraw the pointer")
    found.repair()
    assert bench.context.production.read(MODEL) is None
