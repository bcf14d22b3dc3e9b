"""A check of a metric of many classes' probabilities, before and after the metric was chosen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from evergreen.bundle.predictor import Predictions
from evergreen.lake.compaction import compact
from evergreen.lake.reader import Lake
from evergreen.model_definition import Evaluation
from tests.support.lake_tables import catalog_in
from tests.support.watched_model import DAY, END, WatchedModel

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("Ham", "Köln", "Ulm")
BRIER = Evaluation(metric="brier", min_labelled_rows=20)


class OfThreeClasses(WatchedModel):
    """A model that gives a third class a part of what it does not give its answer."""

    def said(self, outputs: list[Any], confidences: list[float]) -> Predictions:
        rows = []
        for output, sure in zip(outputs, confidences, strict=True):
            rest = dict.fromkeys(CLASSES, (1 - sure) / 2)
            rows.append([(rest | {output: sure})[name] for name in CLASSES])
        return Predictions(outputs, confidences, rows, CLASSES)

    def choose(self, rule: Evaluation) -> None:
        self.definition = self.definition.model_copy(update={"evaluation": rule})

    def compact(self) -> None:
        catalog = catalog_in(self.storage)
        report = compact(
            self.storage,
            catalog,
            self.definition,
            include_open=True,
            clock=lambda: END + 3 * DAY,
        )
        assert report.failures == []
        assert all(each.rejected == 0 for each in report.done)

    def predictions(self) -> Any:
        lake = Lake(self.storage, catalog_in(self.storage), clock=lambda: END)
        return lake.predictions(self.definition, END - DAY, END)


@pytest.mark.parametrize("compacted", [False, True], ids=["raw", "compacted"])
def test_rows_from_before_the_metric_are_left_out_and_counted(
    tmp_path: Path, *, compacted: bool
) -> None:
    model = OfThreeClasses(tmp_path, evaluation=Evaluation(min_labelled_rows=20))
    model.serve(100, at=END - DAY / 2, labelled=100)
    if compacted:
        model.compact()
    model.choose(BRIER)
    model.serve(300, labelled=300)
    if compacted:
        model.compact()
    result = model.check(report=True)
    test = result.performance
    assert test is not None
    assert (test.metric, test.labelled_rows, test.unscored_rows) == ("brier", 300, 100)
    texts = [text for text in model.predictions()["probabilities"].to_pylist() if text]
    # The answers are right, so the largest probability is the one of the truth.
    lost = [
        (1 - max(shares)) ** 2 + sum(sorted(share**2 for share in shares)[:-1])
        for shares in (list(json.loads(text).values()) for text in texts)
    ]
    assert len(lost) == 300
    assert test.value == pytest.approx(np.mean(lost))
    assert not test.drifted
    page = model.storage.get(result.report_key or "") or b""
    assert b"100 more were logged without probabilities" in page


def test_a_model_that_is_less_sure_has_a_worse_brier_score(tmp_path: Path) -> None:
    model = OfThreeClasses(tmp_path, evaluation=BRIER)
    model.serve(300, labelled=300, fall=0.2)
    test = model.check().performance
    assert test is not None
    assert test.drifted
    assert test.value is not None
    assert test.threshold is not None
    assert test.value > test.threshold
