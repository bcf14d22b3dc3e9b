"""A drift and a loss are named by where they are, and not where they are everywhere alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.drift.detectors.localization import (
    MOST_SEGMENTS,
    UNSEEN_SEGMENT,
    localize_drift,
    localize_loss,
)
from evergreen.drift.records import (
    FeatureImportance,
    MultivariateTest,
    SegmentFinding,
    UnivariateTest,
)
from evergreen.model_definition import Evaluation, Feature, ModelDefinition

if TYPE_CHECKING:
    from evergreen.columns import Columns

FEATURES = {
    "heat": Feature(type="float", nullable=True),
    "carrier": Feature(type="category"),
    "holiday": Feature(type="boolean"),
}
CLASSES = ModelDefinition(name="m", task="classification", target="y", features=FEATURES)
NUMBERS = ModelDefinition(
    name="m", task="regression", target="y", features=FEATURES, evaluation=Evaluation(metric="mae")
)


def traffic(rows: int, rng: np.random.Generator) -> Columns:
    return {
        "heat": rng.normal(size=rows).astype(np.float32),
        "carrier": rng.choice(["AA", "B6", "UA", "WN"], rows).astype(object),
        "holiday": rng.integers(0, 2, rows).astype(np.float32),
    }


def answers(wrong: Any, rng: np.random.Generator) -> pa.Table:
    """Return answers that are wrong with a probability for each row."""
    fails = rng.random(len(wrong)) < wrong
    return pa.table({"label": np.where(fails, "1", "0"), "model_output": ["0"] * len(wrong)})


def loss_of(
    rng: np.random.Generator, wrong: Any, rows: int = 1_000, **rest: Any
) -> tuple[SegmentFinding, ...]:
    """Localise a loss: one in ten is wrong at promotion, ``wrong(columns)`` of the window."""
    before, now = traffic(2_000, rng), traffic(rows, rng)
    return localize_loss(
        CLASSES,
        answers(np.full(2_000, 0.1), rng),
        before,
        answers(wrong(now), rng),
        now,
        alpha=0.05,
        **rest,
    )


def moved(name: str, effect: float = 0.3, *, drifted: bool = True) -> UnivariateTest:
    return UnivariateTest(
        feature_name=name,
        method="ks",
        drifted=drifted,
        p_value=0.0,
        p_value_corrected=0.0,
        threshold=0.02,
        effect_size=effect,
        effect_threshold=0.03,
    )


def joint(*names: str) -> MultivariateTest:
    top = tuple(FeatureImportance(feature_name=name, importance=0.5) for name in names)
    return MultivariateTest(
        drifted=bool(names), model_accuracy=None, threshold=None, auc=None, p_value=None,
        top_features=top,
    )  # fmt: skip


def test_the_segment_in_which_the_errors_grew_is_named_first() -> None:
    rng = np.random.default_rng(1)
    first, *_ = loss_of(rng, lambda now: np.where(now["carrier"] == "UA", 0.6, 0.1))
    assert (first.feature_name, first.segment, first.loss) == ("carrier", "UA", "error rate")
    assert first.loss_reference == pytest.approx(0.1, abs=0.05)
    assert first.loss_window == pytest.approx(0.6, abs=0.1)
    assert first.explained == pytest.approx(1, abs=0.25)
    assert first.share_window == pytest.approx(0.25, abs=0.05)
    assert first.words.startswith("carrier UA: ")
    assert "of the loss on 2" in first.words


def test_a_second_cause_is_looked_for_among_the_other_rows() -> None:
    rng = np.random.default_rng(2)

    def wrong(now: Columns) -> Any:
        return np.where(now["carrier"] == "UA", 0.7, np.where(now["heat"] > 0.7, 0.6, 0.1))

    found = loss_of(rng, wrong, rows=4_000)
    assert [each.feature_name for each in found[:2]] == ["carrier", "heat"]
    assert sum(each.explained or 0 for each in found) == pytest.approx(1, abs=0.25)


def test_a_category_that_promotion_did_not_know_is_compared_with_all_rows() -> None:
    rng = np.random.default_rng(3)
    before, now = traffic(2_000, rng), traffic(1_000, rng)
    now["carrier"][:200] = "new"
    wrong = np.where(now["carrier"] == "new", 0.8, 0.1)
    [first, *_] = localize_loss(
        CLASSES, answers(np.full(2_000, 0.1), rng), before, answers(wrong, rng), now, alpha=0.05
    )
    assert (first.segment, first.share_reference) == ("new", 0.0)
    assert first.loss_reference == pytest.approx(0.1, abs=0.03)


def test_a_loss_that_is_everywhere_alike_names_nothing() -> None:
    named = sum(
        bool(loss_of(np.random.default_rng(seed), lambda now: np.full(now["heat"].size, 0.3)))
        for seed in range(200)
    )
    assert named <= 20  # alpha is 0.05; 20 of 200 would be chance once in 500 runs


def test_no_loss_names_nothing() -> None:
    rng = np.random.default_rng(4)
    assert loss_of(rng, lambda now: np.full(now["heat"].size, 0.05)) == ()


def test_features_that_are_not_logged_are_not_named() -> None:
    rng = np.random.default_rng(5)
    found = loss_of(
        rng, lambda now: np.where(now["carrier"] == "UA", 0.6, 0.1), unlogged={"carrier"}
    )
    assert all(each.feature_name != "carrier" for each in found)


@pytest.mark.parametrize(
    ("metric", "loss", "expected"),
    [("mae", "mean absolute error", 3), ("rmse", "mean squared error", 9)],
)
def test_the_loss_of_numbers_has_the_power_of_their_metric(
    metric: Any, loss: str, expected: float
) -> None:
    rng = np.random.default_rng(6)
    definition = NUMBERS.model_copy(update={"evaluation": Evaluation(metric=metric)})
    before, now = traffic(500, rng), traffic(500, rng)
    errors = np.where(now["holiday"] == 1, 3.0, 0.0)
    [first] = localize_loss(
        definition,
        pa.table({"label": np.zeros(500), "model_output": np.zeros(500)}),
        before,
        pa.table({"label": errors, "model_output": np.zeros(500)}),
        now,
        alpha=0.05,
    )
    assert (first.feature_name, first.segment, first.loss) == ("holiday", "true", loss)
    assert first.loss_window == pytest.approx(expected)


def test_the_features_that_moved_most_are_named_by_what_grew() -> None:
    rng = np.random.default_rng(7)
    before, now = traffic(1_000, rng), traffic(1_000, rng)
    now["heat"] += 2
    now["carrier"][:300] = "WN"
    tests = [moved("carrier", 0.2), moved("heat", 0.6), moved("holiday", 0.9, drifted=False)]
    heat, carrier = localize_drift(FEATURES, before, now, tests, joint())
    assert heat.feature_name == "heat"
    assert heat.segment.endswith("]")  # the highest quarter
    assert heat.share_window > 2 * heat.share_reference
    assert (carrier.feature_name, carrier.segment) == ("carrier", "WN")
    assert carrier.words == (
        f"carrier WN: {carrier.share_window:.1%} of rows, {carrier.share_reference:.1%} before"
    )


def test_many_new_categories_are_one_segment() -> None:
    rng = np.random.default_rng(8)
    before, now = traffic(1_000, rng), traffic(1_000, rng)
    now["carrier"][:400] = [f"code {number}" for number in range(400)]
    [found] = localize_drift(FEATURES, before, now, [moved("carrier")], joint())
    assert found.segment == UNSEEN_SEGMENT
    assert found.share_window == pytest.approx(0.4)


def test_a_text_is_told_by_its_length_only() -> None:
    note = {"note": Feature(type="text")}
    before = {"note": np.array(["short", "a little longer"] * 200, dtype=object)}
    now = {"note": np.array(["a little longer"] * 400, dtype=object)}
    [found] = localize_drift(note, before, now, [moved("note")], joint())
    assert found.words == "note 15 characters: 100.0% of rows, 50.0% before"


def test_where_only_all_features_together_moved_those_that_gave_it_away_are_named() -> None:
    rng = np.random.default_rng(9)
    before, now = traffic(1_000, rng), traffic(1_000, rng)
    now["holiday"][:200] = 1
    found = localize_drift(FEATURES, before, now, [], joint("holiday", "carrier"))
    assert [each.feature_name for each in found] == ["holiday", "carrier"]
    assert localize_drift(FEATURES, before, now, [], joint()) == ()


VALUES = st.one_of(st.floats(width=32), st.just(float("nan")))


@settings(max_examples=50)
@given(st.data())
def test_any_rows_give_shares_of_rows_or_nothing(data: st.DataObject) -> None:
    def side(rows: int) -> Columns:
        draw = {
            "heat": st.lists(VALUES, min_size=rows, max_size=rows),
            "carrier": st.lists(st.sampled_from(["", "a", "b"]), min_size=rows, max_size=rows),
            "holiday": st.lists(st.sampled_from([0.0, 1.0]), min_size=rows, max_size=rows),
        }
        found = {name: data.draw(each) for name, each in draw.items()}
        return {
            name: np.array(values, object if name == "carrier" else np.float32)
            for name, values in found.items()
        }

    before, now = side(35), side(70)
    wrong = data.draw(st.lists(st.booleans(), min_size=70, max_size=70))
    rng = np.random.default_rng(0)
    found = [
        *localize_loss(
            CLASSES, answers(np.zeros(35), rng), before, answers(wrong, rng), now, alpha=0.05
        ),
        *localize_drift(FEATURES, before, now, [moved(name) for name in FEATURES], joint()),
    ]
    assert len(found) <= 2 * MOST_SEGMENTS
    for each in found:
        assert 0 <= each.share_reference <= 1
        assert 0 < each.share_window <= 1
        assert each.model_validate_json(each.model_dump_json()) == each
