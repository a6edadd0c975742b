from __future__ import annotations

import math
from dataclasses import replace

import pytest

from estimator.measurement import CheckpointMeasurements
from ib_explorer.drawing.dots import Dot, dot_rows
from ib_explorer.drawing.trajectories import Trajectory, revision_of
from ib_explorer.drawing.view import View
from ib_explorer.tables.comparison import Comparison, compare, comparison_columns, comparison_row
from ib_explorer.tables.matching import RULES
from tests.ib_explorer.synthetic import STEPS, checkpoint, preference

RULE = {rule.name: rule for rule in RULES}


def run(model: str, *, times: int | None = 10**9, steps=STEPS, **fields) -> list[CheckpointMeasurements]:
    return [
        replace(checkpoint(step, model=model), tokens=None if times is None else step * times, **fields)
        for step in steps
    ]


def compared(records, rule="tokens", home="a", view=None, layer="mean", cursor=None) -> Comparison:
    records = tuple(records)
    trajectory = next(Trajectory.of(one) for one in records if one.model == home)
    return compare(records, view or View(), layer, RULE[rule], trajectory, cursor)


def steps(found: Comparison) -> dict[str, int | None]:
    return {one.name: one.checkpoint.step for one in found.models}


def test_models_meet_at_the_largest_number_of_tokens_that_all_reach() -> None:
    found = compared([*run("a"), *run("b", times=4 * 10**9, steps=STEPS[:5])])
    assert found.target.unit == "tokens" and found.target.amount == 256 * 10**9
    assert steps(found) == {"a": 256, "b": 64}
    assert found.title == "same length of training: 256B tokens"
    early = compared([*run("a"), *run("b", steps=STEPS[:4])])
    assert steps(early) == {"a": 16, "b": 16} and not any(one.remark for one in early.models)


def test_a_checkpoint_that_is_far_from_the_common_length_is_marked() -> None:
    found = compared([*run("a", steps=(0, 100)), *run("b", steps=(0, 50, 300))])
    assert steps(found) == {"a": 100, "b": 50}
    assert [one.remark for one in found.models] == ["", "2.0 × fewer tokens"]


def test_without_tokens_steps_are_matched_and_without_steps_the_last() -> None:
    found = compared([*run("a", times=None), *run("b", times=None, steps=STEPS[:3])])
    assert found.target.unit == "step" and steps(found) == {"a": 4, "b": 4}
    nowhere = [replace(one, step=None, tokens=None, revision="main") for one in run("b", steps=[9])]
    found = compared([*run("a"), *nowhere])
    assert found.target.unit is None and {one.remark for one in found.models} == {"last: place in training unknown"}


def test_the_cursor_gives_the_length_of_training() -> None:
    records = [*run("a"), *run("b")]
    assert steps(compared(records, "cursor", cursor=revision_of(records[2]))) == {"a": 4, "b": 4}
    assert steps(compared(records, "last")) == {"a": 256, "b": 256}


def test_the_best_checkpoint_is_not_one_whose_optimality_is_withheld() -> None:
    """Without labels that repeat nothing is adjusted, so the last checkpoints of ``a`` have no optimality."""
    blind = [
        replace(one, rows=tuple(replace(row, complexity=replace(row.complexity, adjusted=None)) for row in one.rows))
        for one in run("a", steps=STEPS[4:])
    ]
    found = compared([*run("a", steps=STEPS[:4]), *blind, *run("b")], "optimality")
    ratios = {step: View().value.optimality(next(iter(View().rows(checkpoint(step), ["mean"])))) for step in STEPS}
    best = {name: max((ratios[step], step) for step in some)[1] for name, some in (("a", STEPS[:4]), ("b", STEPS))}
    assert steps(found) == best
    nothing = compared([*blind, *run("b")], "optimality")
    assert nothing.models[0].remark == "last: withheld at every checkpoint"
    assert "optimality" not in nothing.models[0].estimates


def test_differences_have_the_error_of_independent_estimates() -> None:
    found = compared([*run("a", steps=[256]), *run("b", steps=[64])], "last")
    a, b = found.models
    assert a.differences == {} and a.other == ""
    one, other = a.estimates["complexity"], b.estimates["complexity"]
    assert b.differences["complexity"].value == other.value - one.value
    assert b.differences["complexity"].se == math.hypot(one.se, other.se) > 0
    assert b.differences["complexity_document"].se is None  # document parts have no error
    assert "loss" not in b.differences  # not measured


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sample": "b" * 64}, "other sample"),
        ({"anchor_seeds": (7,)}, "other anchors"),
        ({"estimator_version": "0"}, "other version"),
        ({"dtype": "bfloat16"}, "other dtype"),
    ],
)
def test_what_is_not_comparable_is_marked_and_not_subtracted(fields: dict, said: str) -> None:
    b = compared([*run("a"), *run("b", **fields)]).models[1]
    assert b.other == said and b.differences == {} and b.estimates["complexity"].value > 0


def test_a_model_without_the_layer_is_named() -> None:
    flat = [replace(one, rows=tuple(row for row in one.rows if row.layer != 3)) for one in run("b")]
    found = compared([*run("a"), *flat], layer=3)
    assert steps(found) == {"a": 256} and found.lacking == ("b",) and "not measured here: b" in found.title


def test_labels_with_one_side_are_compared_by_it() -> None:
    records = [preference(step, model=model) for model in "ab" for step in STEPS]
    found = compared(records, "share", view=View(granularity="preference"))
    assert [one.title for one in found.quantities] == ["I(pref;Z)", "loss", "bits/byte", "docs of I(pref;Z)"]
    assert steps(found) == {"a": 256, "b": 256}


def test_a_row_of_the_csv_fits_its_columns() -> None:
    found = compared([*run("a"), *run("b", loss=2.0)])
    columns = comparison_columns(found)
    a, b = (dict(zip(columns, comparison_row(found, one), strict=True)) for one in found.models)
    assert (a["is_base"], b["is_base"], b["rule"], b["loss"]) == (True, False, "tokens", 2.0)
    assert a["complexity_difference"] is None and b["complexity_difference"] == 0
    assert b["complexity_low"] < b["complexity"] < b["complexity_high"] and b["complexity_se"] > 0


def test_dots_stay_in_their_cells_and_follow_the_selected_one() -> None:
    dots = [Dot(f"model {n}", n / 10, n / 10 - 0.2, n / 10 + 0.1, n) for n in range(9)]
    dots.append(Dot("x", None, None, None, 9))
    rows = dot_rows(dots, "optimality", 60, 6, selected=9)
    lines = ["".join(text for text, _ in row) for row in rows]
    assert {len(line) for line in lines[:-1]} <= {60, 51} and len(rows) == 6
    assert "▸         x│withheld" in lines[3] and "├" in lines[0] and "0.6000" in lines[0]
    assert lines[-1].startswith("optimality")
    assert dot_rows(dots, "optimality", 20, 6, selected=None) == []
    assert dot_rows(dots[-1:], "optimality", 60, 6, selected=None) == []
