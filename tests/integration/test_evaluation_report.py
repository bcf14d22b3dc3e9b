"""The evaluation report is in the challenger's run, and the decision record links to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evergreen.clock import utc_now
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of
from evergreen.datasets.store import load_dataset
from evergreen.evaluation.evaluate import evaluate
from evergreen.evaluation.report import ARTIFACT, REPORT_DATA, REPORT_PAGE, EvaluationContext
from evergreen.model_definition import Evaluation
from evergreen.registry.reports import keep_report
from evergreen.release.promotion import reject

if TYPE_CHECKING:
    from tests.support.retraining_bench import Bench

# MLflow warns about its own type hints the first time that it saves a model.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")


def test_a_refused_segment_is_in_the_report_the_run_and_the_decision(
    bench: Bench, tmp_path: Path
) -> None:
    manifest = bench.dataset(seed=1)
    good = bench.train(manifest)
    wrong = bench.challenger(2, flipped=True)
    rows = load_dataset(bench.context.storage, bench.definition.name, manifest.dataset_id)
    rule = Evaluation(min_labelled_rows=20, segments=("colour",), min_segment_rows=20)
    evaluation = evaluate(
        bench.definition.model_copy(update={"evaluation": rule}),
        rows_of(rows, HOLDOUT),
        champion=good.bundle,
        challenger=wrong.bundle,
        training=rows_of(rows, TRAIN),
        champion_training=rows_of(rows, TRAIN),
    )
    context = EvaluationContext(
        wrong.run_id, wrong.version, good.version, manifest.dataset_id, utc_now()
    )
    keep_report(evaluation, context, bench.context.registry)
    comparison = keep_report(evaluation, context, bench.context.registry)  # again: the same files
    assert comparison.report_uri == f"runs:/{wrong.run_id}/{ARTIFACT}/{REPORT_PAGE}"
    assert {segment.refused for segment in comparison.segments} == {True}
    assert "worse than allowed in the protected segment colour = " in comparison.reason
    assert "200 rows that neither was trained on" in comparison.reason

    kept = Path(bench.mlflow.download_artifacts(wrong.run_id, ARTIFACT, str(tmp_path)))
    assert {file.name for file in kept.iterdir()} == {
        *(REPORT_PAGE, REPORT_DATA),
        *("confusion.png", "calibration.png", "improvement.png"),
    }
    data = json.loads((kept / REPORT_DATA).read_text())
    assert {segment["segment"] for segment in data["segments"]} == {"red", "green", "(missing)"}

    bench.context.registry.log_comparison(
        bench.context.registry.find(bench.definition.name, wrong.version), comparison, utc_now()
    )
    reject(bench.context, bench.definition.name, wrong.version, comparison)
    (record,) = bench.records()
    assert record.comparison == comparison
