"""Lines through branches: never one line through ingredients, seeds or soups."""

from __future__ import annotations

import math
from dataclasses import replace

from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.tree import in_training_order
from estimator.measurement import CheckpointMeasurements
from ib_explorer.drawing.axes import training_axis
from ib_explorer.drawing.branches import line_order
from ib_explorer.drawing.charts import plane_chart
from ib_explorer.drawing.plane import plane
from ib_explorer.drawing.training import training_charts
from ib_explorer.drawing.view import View
from tests.ib_explorer.synthetic import trajectory

OLMO = "allenai/OLMo-2-1124-7B"
NAMES = (
    "step150-tokens1B",
    "stage1-step1000-tokens5B",
    "stage2-ingredient1-step1000-tokens5B",
    "stage2-ingredient1-step2000-tokens9B",
    "stage2-ingredient2-step1000-tokens5B",
    "main",
)


def records() -> list[CheckpointMeasurements]:
    made = trajectory()
    return [
        replace(made[index % len(made)], model=OLMO, revision=name, commit=f"{index:040x}", stage=None, step=None)
        for index, name in enumerate(NAMES)
    ]


def test_a_branch_starts_from_the_checkpoint_where_it_forks():
    run = in_training_order([parse_checkpoint(OLMO, name, None) for name in NAMES])
    assert line_order(run) == (0, 1, None, 1, 2, 3, None, 1, 4, None, 1, 5)
    straight = in_training_order([parse_checkpoint("a/b", f"step{step}", None) for step in (1, 2, 4)])
    assert line_order([*straight, parse_checkpoint("a/b", "main", None)]) == (0, 1, 2, 3)
    seeds = [parse_checkpoint("a/b", f"step{step}-seed-{seed}", None) for seed in "ab" for step in (1, 2)]
    assert line_order(seeds) == (0, 1, None, 2, 3)


def test_the_plane_and_the_training_are_drawn_as_a_tree():
    shown = plane(records(), View(), None)
    (series,) = shown.series
    assert [point.checkpoint.revision for point in series.points] == list(NAMES)
    for chart in (plane_chart(shown), *training_charts(shown)):
        (line,) = chart.series
        gaps = [index for index, (x, _) in enumerate(line.pairs) if math.isnan(x)]
        assert gaps == [2, 6, 9]
        assert all(line.pairs[index + 1] == line.pairs[1] for index in gaps)


def test_branches_count_from_their_fork_over_training():
    run = [parse_checkpoint(OLMO, name, None) for name in NAMES]
    axis, (places,) = training_axis([run])
    assert axis.title == "checkpoint"
    assert [places[one] for one in run] == [1, 2, 3, 4, 3, 3]


def test_seeds_share_the_axis_of_steps():
    run = [parse_checkpoint("a/b", f"step{step}-seed-{seed}", None) for seed in "ab" for step in (1, 3)]
    axis, (places,) = training_axis([run])
    assert axis.title == "training step" and [places[one] for one in run] == [1, 2, 1, 2]
