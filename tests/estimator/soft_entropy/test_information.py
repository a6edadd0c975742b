"""The estimator against published values, the published package, brute force, and itself under every rearrangement."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from estimator.soft_entropy.assignment import entropy, soft_assignments
from estimator.soft_entropy.information import Estimator
from estimator.soft_entropy.jackknife import document_groups
from estimator.soft_entropy.null import null_curve
from estimator.soft_entropy.random_groups import Orders, random_groups
from estimator.soft_entropy.tally import CHUNK, Tally
from estimator.soft_entropy.temperature import leading_order_temperature
from estimator.text.labels import label_set


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, np.ndarray]:
    """Scores [1, 1797, 100] of scikit-learn's digits with the anchors of the published notebook, and the labels."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    anchors = torch.randn(100, 64, generator=torch.Generator().manual_seed(0))
    z = torch.nn.functional.normalize(torch.tensor(images, dtype=torch.float32), dim=-1)
    return (z @ torch.nn.functional.normalize(anchors, dim=-1).T)[None], labels


def _groups(positions: int, groups: int = 16) -> np.ndarray:
    return np.arange(positions) * groups // positions


def _states(positions: int, width: int, seed: int, mixing: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((positions, width)) + mixing * rng.standard_normal(width)


def _scores(z: np.ndarray, anchors: int, draws: int, seed: int) -> torch.Tensor:
    rng = np.random.default_rng(1000 + seed)
    w = rng.standard_normal((draws, anchors, z.shape[1]))
    w /= np.linalg.norm(w, axis=-1, keepdims=True)
    unit = z / np.linalg.norm(z, axis=-1, keepdims=True)
    return torch.tensor(np.einsum("pd,rad->rpa", unit, w), dtype=torch.float32)


def _brute_force(scores: torch.Tensor, ids: np.ndarray, temperature: float) -> tuple[float, float, float]:
    """H(Z), Σ π H(Z|x) with frequency weights, and I(X;Z) with uniform ones, in float64 and by the definition."""
    p = torch.softmax(scores.double() / temperature, -1).numpy()

    def h(q: np.ndarray) -> float:
        return float(-(q * np.log(np.maximum(q, 1e-300))).sum() / math.log(len(q)))

    means = np.stack([p[ids == x].mean(0) for x in np.unique(ids)])
    each = [h(mean) for mean in means]
    shares = [np.mean(ids == x) for x in np.unique(ids)]
    return h(p.mean(0)), float(np.dot(shares, each)), h(means.mean(0)) - float(np.mean(each))


def test_digits_have_the_published_values(digits: tuple[torch.Tensor, np.ndarray]) -> None:
    scores, labels = digits
    temperature = leading_order_temperature(100, 64)
    found = Estimator([label_set(labels)], _groups(1797)).measure(scores, temperature)
    assert round(found.entropy, 4) == 0.4104
    assert round(found.information[0][2].plugin, 4) == 0.0557
    p, _ = soft_assignments(scores[0], temperature)
    conditional = [float(entropy(p[labels == digit].mean(0))) for digit in range(10)]
    published = [0.2390, 0.3180, 0.3306, 0.3529, 0.3637, 0.3815, 0.4094, 0.4240, 0.3843, 0.3430]
    assert sorted(round(value, 4) for value in conditional) == sorted(published)
    assert round(found.entropy - np.mean(conditional), 4) == 0.0558  # the published value with digits weighed equally


@pytest.mark.parametrize("anchors", [2, 7, 100])
def test_agrees_with_the_definition(anchors: int) -> None:
    rng = np.random.default_rng(anchors)
    ids = np.minimum(rng.zipf(1.4, 700), 300)
    scores = _scores(_states(700, 24, anchors), anchors, 1, anchors)
    found = Estimator([label_set(ids)], _groups(700), weights=("frequency", "uniform"), min_count=1).measure(
        scores, 0.1
    )
    marginal, frequency, uniform = _brute_force(scores[0], ids, 0.1)
    assert found.entropy == pytest.approx(marginal, abs=1e-6)
    values = {weights: value.plugin for _, weights, value in found.information}
    assert values["frequency"] == pytest.approx(marginal - frequency, abs=1e-6)
    assert values["uniform"] == pytest.approx(uniform, abs=1e-6)


def test_leaving_a_group_out_is_measuring_without_it() -> None:
    rng = np.random.default_rng(3)
    ids, group = rng.integers(0, 40, 600), _groups(600, 6)
    scores = _scores(_states(600, 16, 3), 30, 1, 3)
    whole = Estimator([label_set(ids)], group).measure(scores, 0.12).information[0][2]
    without = []
    for left_out in range(6):
        kept = group != left_out
        marginal, conditional, _ = _brute_force(scores[0][kept], ids[kept], 0.12)
        without.append(marginal - conditional)
    assert whole.high == pytest.approx(6 * whole.plugin - 5 * np.mean(without), abs=1e-5)


def test_long_labels_sum_exactly() -> None:
    """One label far longer than a chunk: sums must not drift from float64."""
    positions = 40 * CHUNK + 13
    p, _ = soft_assignments(_scores(_states(positions, 8, 5), 20, 1, 5)[0], 0.2)
    tally = Tally.prepare(label_set(np.zeros(positions)), _groups(positions, 4))
    (_, cells, labels), *_ = tally.sums(p)
    assert torch.allclose(labels[0], p.double().sum(0), rtol=1e-6)
    assert torch.allclose(cells.double().sum(0), labels[0], rtol=1e-12)


@pytest.mark.parametrize(("mixing", "width"), [(0.0, 64), (1.0, 64), (3.0, 16)])
def test_null_is_what_shuffled_labels_give(mixing: float, width: int) -> None:
    rng = np.random.default_rng(17)
    ids = np.minimum(rng.zipf(1.3, 3000), 900)
    scores = _scores(_states(3000, width, 7, mixing), 50, 1, 7)
    temperature = leading_order_temperature(50, width)
    group = _groups(3000)
    prepared = Estimator([label_set(ids)], group, weights=("frequency", "uniform"), min_count=3)
    null = {weights: value for _, weights, value in prepared.measure(scores, temperature).information}
    shuffled: dict[str, list[float]] = {"frequency": [], "uniform": []}
    for _ in range(24):
        mixed = Estimator([label_set(rng.permutation(ids))], group, weights=("frequency", "uniform"), min_count=3)
        for _, weights, value in mixed.measure(scores, temperature).information:
            shuffled[weights].append(value.plugin)
    for weights, values in shuffled.items():
        error = np.std(values, ddof=1) / math.sqrt(len(values))
        assert null[weights].null == pytest.approx(np.mean(values), abs=4 * error + 5e-4 * np.mean(values)), weights


def test_null_of_extreme_labels_is_exact() -> None:
    """All positions alone: the null is the ceiling. All in one label: it is 0."""
    scores = _scores(_states(500, 32, 9), 40, 1, 9)
    alone, together = label_set(np.arange(500)), label_set(np.zeros(500))
    found = Estimator([alone, together], _groups(500)).measure(scores, 0.08)
    values = [value for _, _, value in found.information]
    assert values[0].null == pytest.approx(found.ceiling, abs=1e-9)
    assert values[0].plugin == pytest.approx(found.ceiling, abs=1e-9)
    assert values[1].null == pytest.approx(0, abs=1e-12)
    assert values[1].plugin == pytest.approx(0, abs=1e-7)


def test_the_null_curve_falls_and_reaches_zero() -> None:
    p, rows = soft_assignments(_scores(_states(4000, 32, 2), 60, 1, 2)[0], 0.07)
    groups = random_groups(p, rows, Orders.of(4000).of_draw(0, 1))
    deficit = float(entropy(p.mean(0)) - rows.mean())
    curve = null_curve(groups, groups.moments().numpy(), deficit, 4000)
    sizes = np.array([1, 2, 3, 5, 8, 13, 40, 100, 450, 1000, 2500, 4000], dtype=float)
    values = curve.deficit(sizes)
    assert values[0] == pytest.approx(deficit)
    assert (np.diff(values) < 0).all()
    assert values[-1] == 0


@pytest.mark.parametrize("structured", [False, True])
def test_noise_has_no_information_and_no_optimality(structured: bool) -> None:
    """Labels that have nothing to do with Z: corrected information is 0 within its error, the ratio is withheld."""
    rng = np.random.default_rng(23)
    counts = [1, 1, 1, 2, 2, 3, 5, 8, 20, 60, 200] * 7
    ids = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    states = _states(len(ids), 48, 11, 2.0 if structured else 0.0)
    found = Estimator([label_set(ids)], _groups(len(ids))).measure(_scores(states, 100, 3, 11), 0.05)
    value = found.information[0][2]
    assert value.plugin > 5 * value.se
    assert abs(value.corrected) < 3 * value.se
    assert value.is_zero


def test_signal_is_found_and_bracketed() -> None:
    """The truth (many positions per label) lies in the bracket of few positions per label."""
    rng = np.random.default_rng(29)
    centres = rng.standard_normal((32, 32))
    many, few = rng.permutation(np.repeat(np.arange(32), 600)), rng.permutation(np.repeat(np.arange(32), 16))

    def measure(ids: np.ndarray) -> object:
        scores = _scores(centres[ids] * 0.7 + rng.standard_normal((len(ids), 32)), 100, 2, 29)
        return Estimator([label_set(ids)], _groups(len(ids))).measure(scores, 0.06).information[0][2]

    truth, value = measure(many), measure(few)
    assert not value.is_zero
    assert value.corrected - 2 * value.se <= truth.corrected <= value.high + 2 * value.se
    assert value.plugin > truth.plugin


def test_order_threads_and_precision_do_not_matter() -> None:
    rng = np.random.default_rng(31)
    ids = np.minimum(rng.zipf(1.3, 2000), 500)
    scores = _scores(_states(2000, 64, 13), 100, 2, 13)
    group = _groups(2000)
    prepared = Estimator([label_set(ids)], group)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        base = prepared.measure(scores, 0.035)
        torch.set_num_threads(1)
        single = prepared.measure(scores, 0.035)
    finally:
        torch.set_num_threads(threads)
    renamed = Estimator([label_set([f"label {x * 7 % 501}" for x in ids])], group).measure(scores, 0.035)
    half = prepared.measure(scores.half(), 0.035)
    for other, tolerance in ((renamed, 1e-6), (single, 1e-6), (half, 1e-4)):
        ours, theirs = base.information[0][2], other.information[0][2]
        for name in ("plugin", "null", "high", "se"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=tolerance), name


def test_scores_are_left_as_they_were() -> None:
    scores = _scores(_states(100, 8, 1), 10, 1, 1)
    before = scores.clone()
    Estimator([label_set(np.arange(100) % 7)], _groups(100)).measure(scores, 0.1)
    assert torch.equal(scores, before)


def test_no_label_frequent_enough_leaves_uniform_out() -> None:
    found = Estimator([label_set(np.arange(60))], _groups(60), weights=("frequency", "uniform")).measure(
        _scores(_states(60, 8, 1), 10, 1, 1), 0.1
    )
    assert [weights for _, weights, _ in found.information] == ["frequency"]


def test_groups_hold_whole_documents() -> None:
    documents = np.repeat(np.arange(50), np.random.default_rng(0).integers(1, 40, 50))
    group = document_groups(documents)
    assert (np.diff(group) >= 0).all()
    assert len(np.unique(group)) == 16
    assert all(len(np.unique(group[documents == d])) == 1 for d in range(50))
    sizes = np.bincount(group)
    assert sizes.min() > len(documents) / 16 / 3
    shuffled = np.random.default_rng(1).permutation(len(documents))
    assert (document_groups(documents[shuffled]) == group[shuffled]).all()


def test_agrees_with_the_published_package() -> None:
    """soft-entropy 0.1.5 on the same anchors, temperature and positions."""
    accumulator = pytest.importorskip("soft_entropy.accumulator")
    states = torch.tensor(_states(900, 48, 19, 1.0), dtype=torch.float32)
    ids = np.minimum(np.random.default_rng(19).zipf(1.5, 900), 80)
    theirs = accumulator.SoftEntropyAccumulator(d=48, n_bins=100, seed=3, backend="torch")
    for start, end in itertools.pairwise([0, 100, 350, 900]):
        theirs.update(states[start:end], labels={"x": torch.tensor(ids[start:end])})
    scores = (torch.nn.functional.normalize(states, dim=-1) @ theirs.w.cpu().T)[None]
    ours = Estimator([label_set(ids)], _groups(900)).measure(scores, theirs.temp)
    assert ours.entropy == pytest.approx(theirs.entropy(), abs=1e-5)
    assert ours.information[0][2].plugin == pytest.approx(theirs.mutual_information()["x"], abs=1e-5)
