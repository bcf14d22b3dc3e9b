"""Segments are cut so that each row is in one, and refuse for evidence, not for noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.evaluation.segments import MISSING_SEGMENT, judge_segments, segments
from evergreen.model_definition import ModelDefinition
from tests.support.made_up_predictions import labels

if TYPE_CHECKING:
    from evergreen.evaluation.comparison import SegmentResult


def definition(task: str = "classification", **rule: Any) -> ModelDefinition:
    rule = {"segments": ["line"]} | rule
    return ModelDefinition.model_validate(
        {
            "name": "bus",
            "task": task,
            "target": "late",
            "features": {
                "line": {"type": "category", "nullable": True},
                "delay": {"type": "float", "nullable": True},
                "express": {"type": "boolean", "nullable": True},
            },
            "evaluation": rule,
        }
    )


def rows(line: Any = None, delay: Any = None) -> pa.Table:
    count = len(line if line is not None else delay)
    return pa.table(
        {
            "line": pa.array(["U1"] * count if line is None else list(line), pa.string()),
            "delay": pa.array([0.0] * count if delay is None else list(delay), pa.float64()),
            "express": pa.array(([1.0, 0.0, None] * count)[:count], pa.float64()),
        }
    )


def guesses(random: Any, ground_truth: Any, recall: Any) -> Any:
    """Return labels: a true one is found with probability ``recall``, one in five is no hit."""
    return np.where(
        random.random(ground_truth.size) < np.where(ground_truth, recall, 0.2), "1", "0"
    ).astype(object)


def compared(
    seed: int, sizes: dict[str, int], recalls: dict[str, float], **rule: Any
) -> tuple[SegmentResult, ...]:
    """Compare a champion with recall .55 with a challenger that has another on some lines."""
    random = np.random.default_rng(seed)
    line = np.repeat(list(sizes), list(sizes.values()))
    ground_truth = random.random(line.size) < 0.25
    recall = np.array([recalls.get(name, 0.55) for name in line])
    return judge_segments(
        definition(**rule),
        rows(line),
        labels(np.where(ground_truth, "1", "0")),
        guesses(random, ground_truth, 0.55),
        guesses(random, ground_truth, recall),
        ["0", "1"],
        seed=seed,
        resamples=300,
    )


@given(st.lists(st.none() | st.sampled_from(["a", "b", "long " * 20]), min_size=1, max_size=30))
def test_each_row_is_in_one_segment_of_a_category(values: list[str | None]) -> None:
    found = list(segments(definition(), rows(values)))
    assert sorted(np.concatenate([part for *_, part in found])) == list(range(len(values)))
    for feature, name, part in found:
        assert feature == "line"
        assert len(name) <= 60
        inside = {values[row] for row in part}
        assert inside == {None} if name == MISSING_SEGMENT else len(inside) == 1


@given(st.lists(st.none() | st.floats(-1e6, 1e6, width=32), min_size=1, max_size=80))
def test_each_row_is_in_one_segment_of_a_number(values: list[float | None]) -> None:
    found = list(segments(definition(segments=["delay"]), rows(delay=values)))
    assert sorted(np.concatenate([part for *_, part in found])) == list(range(len(values)))
    assert len({name for _, name, _ in found}) == len(found)
    for _, name, part in found:
        assert (name == MISSING_SEGMENT) == all(values[row] is None for row in part)


def test_a_number_with_many_values_is_cut_into_quarters_and_one_with_few_into_values() -> None:
    many = list(segments(definition(segments=["delay"]), rows(delay=range(100))))
    assert [part.size for *_, part in many] == [24, 25, 25, 26]
    assert [name for _, name, _ in many] == ["[0, 24)", "[24, 49)", "[49, 74)", "[74, 99]"]
    few = list(segments(definition(segments=["delay"]), rows(delay=[0, 1, 1, 6])))
    assert [(name, part.tolist()) for _, name, part in few] == [
        ("0", [0]),
        ("1", [1, 2]),
        ("6", [3]),
    ]


def test_a_boolean_is_called_true_or_false() -> None:
    found = segments(definition(segments=["express"]), rows(["U1"] * 3))
    assert {name: part.tolist() for _, name, part in found} == {
        "true": [0],
        "false": [1],
        MISSING_SEGMENT: [2],
    }


def test_a_challenger_that_fails_one_line_is_refused_by_its_name() -> None:
    found = compared(1, {"U1": 600, "U2": 600, "U3": 600}, {"U2": 0.2})
    assert [result.segment for result in found if result.refused] == ["U2"]
    assert found[0].segment == "U2"  # the one to tell about comes first
    assert found[0].explain("f1").startswith(f"line = U2 (f1 {found[0].challenger:.4g} against")


def test_models_of_equal_skill_are_hardly_ever_refused() -> None:
    # Sixteen small segments each: uncorrected, one comparison in four would refuse.
    sizes = {f"U{number}": 100 for number in range(16)}
    refused = [any(one.refused for one in compared(seed, sizes, {})) for seed in range(60)]
    assert sum(refused) <= 3


def test_a_segment_too_small_to_judge_is_shown_and_refuses_nothing() -> None:
    found = compared(2, {"U1": 500, "U2": 99}, {"U2": 0.0})
    small = next(result for result in found if result.segment == "U2")
    assert small.challenger < small.champion - 0.2
    assert (small.probability_worse, small.refused) == (None, False)
    assert "too few rows to judge" in small.explain("f1")
    assert found[-1] == small


def test_the_same_answers_are_worse_nowhere() -> None:
    ground_truth = labels(["0", "1"] * 100)
    same = judge_segments(
        definition(max_segment_regression=0.0),
        rows(["U1"] * 200),
        ground_truth,
        ground_truth,
        ground_truth,
        ["0", "1"],
    )
    assert [(one.probability_worse, one.refused) for one in same] == [(0.0, False)]


@pytest.mark.parametrize(("factor", "refused"), [(1.0, False), (1.04, False), (1.3, True)])
def test_a_number_may_be_off_by_a_share_more(factor: float, refused: bool) -> None:
    random = np.random.default_rng(3)
    ground_truth, errors = np.zeros(2000), random.normal(size=2000) * 40
    noise = random.normal(size=2000)
    found = judge_segments(
        definition("regression"),
        rows(["U1"] * 2000),
        ground_truth,
        errors,
        errors * factor + noise,
        [],
    )
    assert [one.refused for one in found] == [refused]
