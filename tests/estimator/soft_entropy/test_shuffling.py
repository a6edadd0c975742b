"""The error of shuffled labels against shuffles: never much too small, and not much too large."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from estimator.measurement import Weights
from estimator.soft_entropy.assignment import entropy, soft_assignments
from estimator.soft_entropy.information import Estimator
from estimator.soft_entropy.jackknife import document_groups
from estimator.soft_entropy.null import NullCurve, null_curve
from estimator.soft_entropy.random_groups import Orders, RandomGroups, random_groups
from estimator.soft_entropy.weighting import Weighting
from estimator.text.labels import label_set

POSITIONS, WIDTH, ANCHORS, DRAWS, SHUFFLES = 1536, 48, 50, 2, 250
TEMPERATURE = 0.06
NOISES = ("isotropic", "common mean", "strong dimensions")
PROFILES = {
    "pairs": [2] * 768,
    "pairs and singles": [2] * 384 + [1] * 768,
    "sixteens": [16] * 96,
    "Zipf": np.unique(np.minimum(np.random.default_rng(5).zipf(1.4, 1536), 400), return_counts=True)[1].tolist(),
    "singles and two large ones": [1] * 768 + [384] * 2,
    "eight large ones": [192] * 8,
    "two": [768] * 2,
    "one very large one": [1382, 77, 77],
}


def _scores(noise: str, positions: int, seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((positions, WIDTH))
    if noise == "common mean":
        z += 1.5 * rng.standard_normal(WIDTH)
    if noise == "strong dimensions":
        z[:, :3] *= 8
    w = rng.standard_normal((DRAWS, ANCHORS, WIDTH))
    z, w = (each / np.linalg.norm(each, axis=-1, keepdims=True) for each in (z, w))
    return torch.tensor(np.einsum("pd,rad->rpa", z, w), dtype=torch.float32)


@pytest.fixture(scope="module", params=NOISES)
def states(request: pytest.FixtureRequest) -> tuple[torch.Tensor, NullCurve]:
    """Soft assignments [draws, positions, anchors] of one kind of noise, and the curve of their mean over draws."""
    draws = [soft_assignments(scores, TEMPERATURE) for scores in _scores(request.param, POSITIONS, 1)]
    orders = Orders.of(POSITIONS)
    groups = [random_groups(p, h, orders.of_draw(draw, DRAWS)) for draw, (p, h) in enumerate(draws)]
    groups = RandomGroups.mean(groups, len(orders.shared))
    deficit = np.mean([float(entropy(p.mean(0)) - h.mean()) for p, h in draws])
    return torch.stack([p for p, _ in draws]), null_curve(groups, groups.moments().numpy(), float(deficit), POSITIONS)


@pytest.mark.parametrize("weights", ["frequency", "uniform"])
@pytest.mark.parametrize("profile", PROFILES)
def test_the_error_is_the_scatter_of_shuffled_labels(
    states: tuple[torch.Tensor, NullCurve], profile: str, weights: Weights
) -> None:
    p, curve = states
    counts = torch.tensor(PROFILES[profile])
    ids = torch.repeat_interleave(torch.arange(len(counts)), counts)
    least = min(5, int(counts.max()))
    weighting = Weighting.prepare(label_set(ids.numpy()), np.zeros(POSITIONS, dtype=np.int64), weights, least)
    assert weighting is not None
    pi = counts.double() if weights == "frequency" else (counts >= least).double()
    rng = np.random.default_rng(2)
    shuffled = []
    for _ in range(SHUFFLES):
        mixed = p[:, torch.from_numpy(rng.permutation(POSITIONS))]
        means = mixed.new_zeros((DRAWS, len(counts), ANCHORS)).index_add_(1, ids, mixed) / counts[:, None]
        marginal = torch.einsum("rxa,x->ra", means.double(), pi) / pi.sum()
        shuffled.append(float((entropy(marginal) - entropy(means).double() @ pi / pi.sum()).mean()))
    error = weighting.shuffling(curve) ** 0.5
    assert 0.85 < error / np.std(shuffled, ddof=1) < 1.25


def test_one_label_for_all_positions_cannot_scatter(states: tuple[torch.Tensor, NullCurve]) -> None:
    _, curve = states
    whole = np.array([float(POSITIONS)])
    assert curve.scatter.variance(whole, np.ones(1), np.ones(1), np.ones(1), 1 / POSITIONS) == pytest.approx(
        0, abs=1e-12
    )


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("count", [2, 16])
def test_the_reported_error_is_that_of_fresh_noise(noise: str, count: int) -> None:
    """Other states altogether, the same labels: documents left out overstate it by about the root of two."""
    ids = np.random.default_rng(3).permutation(np.repeat(np.arange(512 // count), count))
    prepared = Estimator([label_set(ids)], document_groups(np.arange(512) // 8))
    found = [prepared.measure(_scores(noise, 512, seed), TEMPERATURE).information[0][2] for seed in range(10, 90)]
    scatter = np.std([value.corrected for value in found], ddof=1)
    assert 0.85 < np.mean([value.se for value in found]) / scatter < 2
    assert all(value.is_zero for value in found)
