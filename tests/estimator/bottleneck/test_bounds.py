"""Bounds as entries: the lines that they draw, and the curves that they are drawn from."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from estimator.bottleneck.bounds import BOUNDS, HELD_OUT, RAW, Bound, Curve, JointLabels
from estimator.bottleneck.held_out import held_out_joint
from estimator.bottleneck.joint import joint_counts
from estimator.bottleneck.solver import information_bottleneck
from estimator.curve import BoundCurve
from estimator.progress import Progress
from estimator.text.labels import label_set

CURVE = BoundCurve("token", (0.0, 1.0, 3.0), (0.0, 0.75, 1.0), (None, 4.0, None), 3.0, 1.0, 100, 50, 50, 0.25)


@pytest.fixture
def labels() -> JointLabels:
    """Tokens and bigrams of 2,000 positions in documents of 50, where a token half decides the one after it."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 8, 2004)
    for at in range(1, len(tokens)):
        if rng.random() < 0.5:
            tokens[at] = (3 * tokens[at - 1] + 1) % 8
    before, now, following, later = (tokens[start : start + 2000] for start in range(4))
    return JointLabels(
        (label_set(now, "token", "input"), label_set(8 * before + now, "bigram", "input")),
        (label_set(following, "token", "output"), label_set(8 * following + later, "bigram", "output")),
        np.arange(2000) // 50,
    )


@pytest.fixture
def half() -> Iterator[Bound]:
    """A bound that another package might add: half of what the raw curve allows."""
    line = lambda curve: tuple((rate, relevance / 2) for rate, relevance in curve.corners())  # noqa: E731
    yield BOUNDS.add(Bound("half", "half the IB curve", "half of what the IB curve allows", line, RAW))
    BOUNDS.remove("half")


def test_each_builtin_bound_lies_within_the_one_before_it():
    heights = [np.interp(np.linspace(0, 3, 31), *np.transpose(BOUNDS[name].line(CURVE))) for name in BOUNDS]
    assert list(BOUNDS) == ["diagonal", "dpi", "ib", "held-out"]
    assert [bound.curve.name for bound in BOUNDS.values()] == ["raw", "raw", "raw", "held-out"]  # as in every cache
    assert all((lower <= upper).all() for upper, lower in itertools.pairwise(heights))


def test_an_added_bound_draws_its_line_from_the_curve_that_it_shares(half: Bound):
    assert list(BOUNDS)[-1] == "half"
    assert BOUNDS.find("half").line(CURVE) == ((0, 0), (1, 0.375), (3, 0.5))
    assert half.curve is BOUNDS["ib"].curve


def test_the_raw_curve_is_that_of_the_widest_labels_as_counted(labels: JointLabels):
    x, y = labels.inputs[-1], labels.outputs[-1]
    assert RAW.compute(labels, Progress()) == information_bottleneck(joint_counts(x.ids, y.ids), "bigram")


def test_the_held_out_curve_is_that_of_all_widths_in_their_documents(labels: JointLabels):
    joint = held_out_joint([x.ids for x in labels.inputs], labels.outputs[-1].ids, labels.document)
    found = HELD_OUT.curve.compute(labels, Progress())
    assert found == replace(information_bottleneck(joint, "bigram"), conditionals="held-out")


def test_a_curve_is_marked_as_that_of_its_labels_whatever_computed_it(labels: JointLabels):
    found = Curve("mine", "mine", lambda labels, progress: CURVE).compute(labels, Progress())
    assert (found.granularity, found.conditionals, found.positions) == ("bigram", "mine", 2000)
    assert (found.input_labels, found.output_labels) == (labels.inputs[-1].labels, labels.outputs[-1].labels)
    assert (found.rate, found.relevance) == (CURVE.rate, CURVE.relevance)
