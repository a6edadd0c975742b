from __future__ import annotations

import math

import numpy as np
import pytest

from estimator.turn import NoTurn, Turn, find_turn

SE = 0.004
N = 24


def fold(at: int, n: int = N, depth: float = 0.08) -> tuple[np.ndarray, np.ndarray]:
    """I(X;Z) and I(Y;Z) that grow up to checkpoint ``at`` and fall after it."""
    up, down = np.arange(at + 1) / at, np.arange(1, n - at) / (n - at - 1)
    x = np.concatenate([0.02 + 0.2 * up, 0.22 - depth * down])
    y = np.concatenate([0.01 + 0.1 * up, 0.11 - 0.04 * down])
    return x, y


def noisy(x: np.ndarray, y: np.ndarray, seed: int, se: np.ndarray | float = SE) -> Turn | NoTurn:
    random = np.random.default_rng(seed)
    errors = np.broadcast_to(se, x.shape)
    return find_turn(
        x + errors * random.standard_normal(len(x)), errors, y + SE * random.standard_normal(len(x)), errors
    )


@pytest.mark.parametrize("at", [3, 10, 20])
def test_a_clear_fold_is_found_and_its_interval_contains_the_truth(at: int) -> None:
    x, y = fold(at)
    found = [noisy(x, y, seed) for seed in range(200)]
    turns = [one for one in found if isinstance(one, Turn)]
    assert len(turns) == 200
    assert sum(one.first <= at <= one.last for one in turns) >= 180
    assert all(one.first <= one.index <= one.last for one in turns)
    assert np.mean([one.last - one.first for one in turns]) < N / 2


def test_without_noise_the_turn_is_exact() -> None:
    x, y = fold(10)
    found = find_turn(x, np.full(N, 1e-9), y, np.full(N, 1e-9))
    assert isinstance(found, Turn) and (found.index, found.first, found.last) == (10, 10, 10)


def test_expansion_alone_has_no_turn() -> None:
    x = np.linspace(0.02, 0.3, N)
    found = find_turn(x, [SE] * N, x / 2, [SE] * N)
    assert isinstance(found, NoTurn) and "does not fall by more than its error" in found.reason
    assert sum(isinstance(noisy(x, x / 2, seed), Turn) for seed in range(200)) <= 10


@pytest.mark.parametrize("n", [6, 24, 150])
@pytest.mark.parametrize("spread", [1, 5])
def test_noise_alone_is_no_turn(n: int, spread: int) -> None:
    se = np.geomspace(SE, SE * spread, n)
    claimed = [isinstance(noisy(np.full(n, 0.2), np.full(n, 0.1), seed, se), Turn) for seed in range(200)]
    assert sum(claimed) <= 10


def test_few_or_unknown_checkpoints_have_no_turn_and_indices_count_those_left_out() -> None:
    found = find_turn([0.1, 0.2, 0.1], [SE] * 3, [0.1] * 3, [SE] * 3)
    assert isinstance(found, NoTurn) and "fewer than 4" in found.reason
    x, y = fold(10)
    with_gap = [math.nan, *x]
    found = find_turn(with_gap, [SE] * (N + 1), [0.0, *y], [SE] * (N + 1))
    assert isinstance(found, Turn) and found.index == 11 and found.first >= 1


def test_the_largest_output_information_before_the_fall_is_the_turn() -> None:
    x = np.array([0.1, 0.2, 0.3, 0.3, 0.3, 0.2, 0.1])
    y = np.array([0.1, 0.2, 0.15, 0.18, 0.12, 0.3, 0.4])
    found = find_turn(x, [1e-4] * 7, y, [1e-4] * 7)
    assert isinstance(found, Turn) and found.index == 1


def test_the_same_values_have_the_same_interval() -> None:
    assert noisy(*fold(8), 1) == noisy(*fold(8), 1)
