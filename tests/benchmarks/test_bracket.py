"""The simulation study: its truth is a truth, and a small piece of it comes out as docs/method.md says."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import bracket
from benchmarks.cells import Cell
from estimator.measurement import Information
from estimator.states.anchors import draw_anchors

UNIFORM = np.full(bracket.LABELS, 1 / bracket.LABELS)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bracket, "DRAWS", 1)
    monkeypatch.setattr(bracket, "TRUTH_POSITIONS", 1024)


@pytest.mark.parametrize("noise", bracket.NOISES)
def test_states_have_the_mean_that_their_class_has(quick: None, noise: str) -> None:
    world = bracket.World.draw(noise, "strong", 3)
    z = world._classes(np.full(4000, 7), np.random.default_rng(0))
    assert np.linalg.norm(z, axis=1) == pytest.approx(1)
    assert z.mean(0) @ world.means[7] == pytest.approx(bracket.RESULTANT["strong"], abs=0.01)


def test_classes_are_not_the_anchors() -> None:
    world = bracket.World.draw("isotropic", "strong", 0)
    assert np.abs(world.means @ np.concatenate(list(world.anchors.numpy())).T).max() < 0.6
    assert np.abs(world.means @ draw_anchors(bracket.LABELS, bracket.WIDTH, 0).T).max() == pytest.approx(1)


def test_the_truth_does_not_depend_on_how_many_positions_it_took(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    world = bracket.World.draw("isotropic", "weak", 4)
    short = world.truths([UNIFORM], np.random.default_rng(1))[0]
    monkeypatch.setattr(bracket, "TRUTH_POSITIONS", 4096)
    assert world.truths([UNIFORM], np.random.default_rng(2))[0] == pytest.approx(short, abs=1e-3)


@pytest.mark.parametrize("noise", bracket.NOISES)
def test_the_bracket_holds_the_truth(quick: None, noise: str) -> None:
    """Four runs of a weak signal: the truth lies in the bracket; the plug-in alone is far too high."""
    world, rng = bracket.World.draw(noise, "weak", 11), np.random.default_rng(12)
    truth = world.truths([UNIFORM], rng)[0]
    for count in bracket.COUNTS[:4]:
        value = bracket.measure(world, np.full(bracket.LABELS, count), rng)
        assert value.bracket[0] <= truth <= value.bracket[1], count
        assert value.plugin > 1.3 * truth, count


def test_a_cell_counts_its_runs_by_each_reading() -> None:
    """Corrected values of 0, .1, .2 and .3 and jackknifes .05 above them, with an error of .05, about a truth of .1."""
    low = (0.0, 0.1, 0.2, 0.3)
    runs = tuple(Information(0.5 + at, 0.5, at + 0.05, 0.05, 0.0, 64, 0.0) for at in low)
    cell = Cell(("isotropic",), np.full(4, 0.1), runs)
    assert [cell.held(errors) for errors in (0.0, 1.0, 2.0)] == [0.25, 0.5, 0.75]
    assert cell.mean(lambda run: run.corrected) == pytest.approx((0.05, np.std(low, ddof=1) / 2))
    assert cell.holds_on_average
    assert not Cell(("isotropic",), np.full(4, -0.1), runs).holds_on_average


def test_labels_that_keep_to_one_document_carry_what_the_document_carries(quick: None) -> None:
    """Shuffled over all positions, such labels pass for information; dealt within documents, they do not."""
    loose, bound = bracket.document_bound(0.0, 1), bracket.document_bound(1.0, 1)
    assert loose.is_zero and not bound.is_zero
    assert loose.is_adjusted_zero and bound.is_adjusted_zero
