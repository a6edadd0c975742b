"""The Information Bottleneck solver against closed forms, a dense textbook iteration and its own invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from threadpoolctl import threadpool_limits

from estimator.bottleneck.bounds import BOUNDS
from estimator.bottleneck.joint import Joint, joint_counts
from estimator.bottleneck.solver import (
    DEFAULT_BETAS,
    Bottleneck,
    Decoders,
    Iteration,
    information_bottleneck,
)
from estimator.curve import BoundCurve, Distance, distance_to_bound
from estimator.errors import Cancelled, InputError
from estimator.progress import Phase, Progress


def joint_of(counts: list[list[int]] | np.ndarray) -> Joint:
    return Joint(sp.csr_array(np.asarray(counts, dtype=np.int64)))


def random_joint(rows: int, columns: int, seed: int = 0) -> Joint:
    return joint_of(np.random.default_rng(seed).integers(1, 1000, size=(rows, columns)))


def zipf_joint(vocabulary: int, positions: int, seed: int = 0) -> Joint:
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, vocabulary + 1)
    x, noise = rng.choice(vocabulary, size=(2, positions), p=weights / weights.sum())
    y = np.where(rng.random(positions) < 0.5, (7 * x + noise % 5) % vocabulary, noise)
    return joint_counts(x, y)


def binary_entropy(p: float) -> float:
    return -p * math.log2(p) - (1 - p) * math.log2(1 - p)


def slope_at(flip: float, p: float) -> float:
    """dI/dR of the binary symmetric channel's curve R = 1 − h(flip), I = 1 − h(flip ∗ p)."""
    through = flip * (1 - p) + p * (1 - flip)
    return (1 - 2 * p) * math.log((1 - through) / through) / math.log((1 - flip) / flip)


@pytest.mark.parametrize(("p", "thousandths"), [(0.1, 100), (0.02, 20), (0.25, 250)])
def test_binary_symmetric_channel_matches_its_closed_form(p: float, thousandths: int) -> None:
    joint = joint_of([[1000 - thousandths, thousandths], [thousandths, 1000 - thousandths]])
    flips = [0.25, 0.15, 0.1, 0.01, 1e-4]
    betas = [1 / slope_at(flip, p) for flip in flips]
    curve = information_bottleneck(joint, "token", betas=betas, tolerance=0, limit=2000)
    solved = {
        beta: (rate, relevance) for rate, relevance, beta in zip(curve.rate, curve.relevance, curve.beta, strict=True)
    }
    for flip, beta in zip(flips, betas, strict=True):
        rate, relevance = solved[beta]
        assert rate == pytest.approx(1 - binary_entropy(flip), abs=1e-10)
        assert relevance == pytest.approx(1 - binary_entropy(flip * (1 - p) + p * (1 - flip)), abs=1e-10)


@pytest.mark.parametrize("p", [0.02, 0.1, 0.25])
def test_binary_symmetric_channel_wakes_at_its_critical_beta(p: float) -> None:
    thousandths = round(1000 * p)
    joint = joint_of([[1000 - thousandths, thousandths], [thousandths, 1000 - thousandths]])
    critical = 1 / (1 - 2 * p) ** 2

    def rate_at(beta: float) -> float:
        *_, last = Bottleneck(joint).iterations(Decoders.seeded(joint, 2), beta, 0, 5000)
        return last.rate

    assert rate_at(critical * 0.99) < 1e-9
    assert rate_at(critical * 1.01) > 1e-3


def test_gaussian_on_a_grid_is_within_a_hundredth_bit_and_never_above() -> None:
    rho, points = 0.9, 60
    grid = np.linspace(-4, 4, points)
    x, y = np.meshgrid(grid, grid, indexing="ij")
    density = np.exp(-(x**2 - 2 * rho * x * y + y**2) / (2 * (1 - rho**2)))
    joint = joint_of(np.rint(density / density.sum() * 1e9).astype(np.int64))
    curve = information_bottleneck(joint, "token", betas=np.geomspace(1.25, 12, 14), clusters=points)
    rates = np.array([rate for rate, beta in zip(curve.rate, curve.beta, strict=True) if beta is not None])
    formula = -0.5 * np.log2(1 - rho**2 + rho**2 * 4.0**-rates)
    found = np.interp(rates, curve.rate, curve.relevance)
    assert rates.min() < 0.2
    assert rates.max() > 1.5
    assert np.all(found <= formula + 1e-9)
    assert np.all(found >= formula - 0.01)


@pytest.mark.parametrize("clusters", [2, 256])
def test_a_function_of_x_gives_the_diagonal_up_to_the_entropy_of_y(clusters: int) -> None:
    x = np.random.default_rng(0).choice(40, size=3000, p=np.arange(1, 41) / 820)
    joint = joint_counts(x, x % 7)
    curve = information_bottleneck(joint, "token", betas=[1.1, 2, 8], clusters=clusters)
    rates = np.linspace(0, joint.input_entropy, 200)
    np.testing.assert_allclose(
        np.interp(rates, curve.rate, curve.relevance), np.minimum(rates, joint.output_entropy), atol=1e-9
    )
    assert joint.one_successor == 1


def test_labels_without_relation_have_no_curve() -> None:
    joint = joint_of(np.outer([1, 2, 3], [4, 5]))
    curve = information_bottleneck(joint, "token")
    assert curve.mutual_information == pytest.approx(0, abs=1e-12)
    assert max(curve.relevance) < 1e-12


def _functional(step: Iteration, beta: float) -> float:
    """F = I(X;T) − β I(Y;T) in bits."""
    return step.rate - beta * step.relevance


@pytest.mark.parametrize("beta", [1.05, 1.5, 4.0, 30.0])
def test_the_objective_never_increases_within_one_beta(beta: float) -> None:
    joint = zipf_joint(200, 5000).merged()
    values = [
        _functional(step, beta) for step in Bottleneck(joint).iterations(Decoders.seeded(joint, 64), beta, 0.0, 60)
    ]
    assert len(values) > 3
    assert np.all(np.diff(values) < 1e-11)


@pytest.mark.parametrize(("rows", "columns", "clusters", "beta"), [(5, 4, 5, 3.0), (12, 9, 6, 40.0), (30, 50, 10, 8.0)])
def test_iterations_agree_with_the_dense_textbook(rows: int, columns: int, clusters: int, beta: float) -> None:
    joint = random_joint(rows, columns, seed=rows)
    decoders = Decoders.seeded(joint, clusters)
    p_xy = joint.counts.toarray() / joint.positions
    p_x, p_y = p_xy.sum(1), p_xy.sum(0)
    p_y_x = p_xy / p_x[:, None]
    p_t, p_y_t = np.exp(decoders.log_weights), np.exp(decoders.log_conditionals.T)
    bottleneck = Bottleneck(joint)
    for _ in range(50):
        distances = (p_y_x[:, None, :] * np.log(p_y_x[:, None, :] / p_y_t[None])).sum(-1)
        q = p_t * np.exp(-beta * distances)
        q /= q.sum(1, keepdims=True)
        p_t = p_x @ q
        p_y_t = (q * p_x[:, None]).T @ p_y_x / p_t[:, None]
        iteration = bottleneck.iterate(decoders, beta)
        decoders = iteration.decoders
        rate = (p_x[:, None] * q * np.log2(q / p_t)).sum()
        relevance = (p_t[:, None] * p_y_t * np.log2(p_y_t / p_y)).sum()
        assert iteration.rate == pytest.approx(rate, abs=1e-10)
        assert iteration.relevance == pytest.approx(relevance, abs=1e-10)
        np.testing.assert_allclose(np.exp(decoders.log_weights), p_t, atol=1e-10)
        np.testing.assert_allclose(np.exp(decoders.log_conditionals.T), p_y_t, atol=1e-10)


def assert_same_curve(one: BoundCurve, other: BoundCurve, tolerance: float = 1e-9) -> None:
    rates = np.linspace(0, one.input_entropy, 300)
    np.testing.assert_allclose(
        np.interp(rates, one.rate, one.relevance), np.interp(rates, other.rate, other.relevance), atol=tolerance
    )


BETAS = [30, 8, 4, 2, 1.5, 1.2]


@pytest.mark.parametrize("block", [1, 7, 64])
def test_the_block_size_does_not_matter(block: int) -> None:
    joint = zipf_joint(150, 4000)
    whole = information_bottleneck(joint, "token", betas=BETAS, clusters=32, limit=30)
    assert_same_curve(whole, information_bottleneck(joint, "token", betas=BETAS, clusters=32, limit=30, block=block))


def test_the_number_of_threads_does_not_matter() -> None:
    joint = zipf_joint(150, 4000)
    curves = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            curves.append(information_bottleneck(joint, "token", betas=BETAS, clusters=32, limit=30))
    assert_same_curve(*curves)


@pytest.mark.parametrize("beta", [1.2, 4.0, 31.0])
def test_a_step_in_single_precision_costs_less_than_a_millionth_bit(beta: float) -> None:
    joint = zipf_joint(200, 5000).merged()
    double, single = Bottleneck(joint), Bottleneck(joint, dtype=np.float32)
    decoders = Decoders.seeded(joint, 64)
    for _ in range(5):
        after_double = double.iterate(double.iterate(decoders, beta).decoders, beta)
        after_single = double.iterate(single.iterate(decoders, beta).decoders, beta)
        assert _functional(after_single, beta) < _functional(after_double, beta) + 1e-6 * beta
        decoders = after_double.decoders


def test_a_tight_tolerance_is_solved_in_double_precision_throughout(monkeypatch: pytest.MonkeyPatch) -> None:
    joint = random_joint(20, 15)
    curves = []
    for threshold in (math.inf, 0):
        monkeypatch.setattr("estimator.bottleneck.solver._SINGLE_PRECISION_FROM", threshold)
        curves.append(information_bottleneck(joint, "token", betas=BETAS, clusters=20, tolerance=1e-9, limit=1000))
    assert curves[0] == curves[1]


def test_points_walked_to_in_single_precision_are_under_the_true_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("estimator.bottleneck.solver._SINGLE_PRECISION_FROM", 0)
    joint = joint_of([[900, 100], [100, 900]])
    curve = information_bottleneck(joint, "token", betas=[1.7, 2.0, 4.0, 8.0])
    for rate, relevance, beta in zip(curve.rate, curve.relevance, curve.beta, strict=True):
        if beta is not None:
            flip = brentq(lambda flip, rate=rate: 1 - binary_entropy(flip) - rate, 1e-12, 0.5)
            highest = 1 - binary_entropy(0.8 * flip + 0.1)
            assert highest - 1e-5 < relevance < highest + 1e-12


def test_single_precision_accounts_for_rate_and_relevance() -> None:
    joint = zipf_joint(200, 5000).merged()
    decoders = Bottleneck(joint).iterate(Decoders.seeded(joint, 64), 4.0).decoders
    double = Bottleneck(joint).iterate(decoders, 4.0)
    single = Bottleneck(joint, dtype=np.float32).iterate(decoders, 4.0)
    assert single.rate == pytest.approx(double.rate, abs=5e-6)
    assert single.relevance == pytest.approx(double.relevance, abs=5e-6)


def test_the_names_of_the_labels_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 1000, size=(20, 15))
    shuffled = counts[rng.permutation(20)][:, rng.permutation(15)]
    curves = [
        information_bottleneck(joint_of(c), "token", betas=BETAS, clusters=20, tolerance=1e-10, limit=2000)
        for c in (counts, shuffled)
    ]
    assert_same_curve(*curves, tolerance=1e-7)


@settings(max_examples=30)
@given(
    pairs=st.lists(st.tuples(st.integers(-3, 3), st.integers(-(2**60), 2**60)), min_size=1, max_size=60),
    clusters=st.integers(1, 8),
)
def test_every_curve_is_concave_and_under_both_simple_bounds(pairs: list[tuple[int, int]], clusters: int) -> None:
    joint = joint_counts(np.array([x for x, _ in pairs]), np.array([y for _, y in pairs]))
    curve = information_bottleneck(joint, "token", betas=BETAS, clusters=clusters)
    rate, relevance = np.array(curve.rate), np.array(curve.relevance)
    assert (rate[0], relevance[0]) == (0, 0)
    assert rate[-1] == pytest.approx(joint.input_entropy, abs=1e-9)
    assert relevance[-1] == pytest.approx(joint.mutual_information, abs=1e-9)
    assert np.all(np.diff(rate) > 0)
    assert np.all(relevance <= rate)
    assert np.all(relevance <= joint.mutual_information)
    slopes = np.diff(relevance) / np.diff(rate)
    assert np.all(slopes >= -1e-9)
    assert np.all(np.diff(slopes) <= 1e-6)


def test_random_encoders_stay_under_the_curve_when_there_is_a_cluster_for_every_x() -> None:
    rng = np.random.default_rng(2)
    joint = joint_of(rng.integers(0, 20, size=(8, 10)) ** 3 + 1)
    betas = 1 + np.geomspace(0.05, 60, 60)
    curve = information_bottleneck(joint, "token", betas=betas, clusters=8, tolerance=1e-9, limit=3000)
    p_xy = joint.counts.toarray() / joint.positions
    for _ in range(300):
        q = rng.dirichlet(np.full(6, rng.choice([0.02, 0.1, 0.5])), size=8) + 1e-12
        q /= q.sum(1, keepdims=True)
        p_xt, p_yt = p_xy.sum(1)[:, None] * q, p_xy.T @ q
        p_t = p_xt.sum(0)
        rate = (p_xt * np.log2(q / p_t)).sum()
        relevance = (p_yt * np.log2(p_yt / np.outer(p_xy.sum(0), p_t))).sum()
        distance = distance_to_bound(curve, rate, relevance)
        assert distance.gap > -1e-3
        assert distance.epsilon > -1e-3


def test_merging_sufficient_labels_keeps_the_information() -> None:
    joint = joint_of([[2, 4, 0, 6], [1, 2, 0, 3], [0, 0, 5, 0], [0, 0, 1, 0], [3, 6, 2, 1]])
    merged = joint.merged()
    assert (merged.input_labels, merged.output_labels) == (3, 3)
    assert merged.positions == joint.positions
    assert merged.mutual_information == pytest.approx(joint.mutual_information, abs=1e-12)
    assert merged.counts.toarray().tolist() == [[9, 0, 9], [0, 6, 0], [9, 2, 1]]


def test_decoders_are_seeded_with_the_most_frequent_x() -> None:
    joint = joint_of([[1, 0], [0, 6], [1, 1], [0, 3]])
    np.testing.assert_allclose(np.exp(Decoders.seeded(joint, 2).log_weights), [2 / 3, 1 / 3])


def test_close_decoders_become_one_and_unused_ones_go() -> None:
    joint = np.array([[0.2, 0.1, 0.1, 0.0], [0.1, 0.05, 0.45, 0.0]])
    merged = Decoders.of_joint(joint).merged(1e-9)
    weights = np.exp(merged.log_weights)
    assert sorted(weights) == pytest.approx([0.45, 0.55])
    np.testing.assert_allclose((np.exp(merged.log_conditionals) * weights).sum(1), joint.sum(1))


def test_a_sentence_counts_as_expected() -> None:
    words = ["the", "cat", "saw", "the", "dog", "and", "the", "dog", "saw", "the", "cat", "and", "the", "bird"]
    vocabulary = sorted(set(words))
    ids = np.array([vocabulary.index(word) for word in words])
    joint = joint_counts(ids[:-1], ids[1:])
    assert (joint.positions, joint.input_labels, joint.output_labels) == (13, 5, 6)
    assert joint.one_successor == pytest.approx(4 / 13)
    curve = information_bottleneck(joint, "token")
    assert curve.granularity == "token"
    assert (curve.positions, curve.input_labels, curve.output_labels) == (13, 5, 6)
    assert curve.rate[-1] == pytest.approx(joint.input_entropy)
    assert curve.mutual_information == joint.mutual_information


def test_entropies_of_a_known_joint() -> None:
    joint = joint_counts(np.array([5, 5, -1, -1]), np.array([0, 9, 7, 7]))
    assert joint.input_entropy == pytest.approx(1)
    assert joint.output_entropy == pytest.approx(1.5)
    assert joint.mutual_information == pytest.approx(1)
    assert joint.one_successor == 0.5
    curve = information_bottleneck(joint, "token")
    assert BOUNDS["diagonal"].line(curve) == ((0, 0), (curve.input_entropy, curve.input_entropy))
    assert np.array(BOUNDS["dpi"].line(curve)) == pytest.approx(np.array([(0, 0), (1, 1), (1, 1)]))
    assert BOUNDS["ib"].line(curve) == tuple(zip(curve.rate, curve.relevance, strict=True))


def test_distance_to_the_bound_of_a_known_curve() -> None:
    curve = BoundCurve("token", (0.0, 1.0, 2.0, 4.0), (0.0, 0.8, 1.0, 1.0), (None, 2.0, 8.0, None), 4, 1, 9, 9, 9, 0)
    found = distance_to_bound(curve, 1.5, 0.7)
    assert found.gap == pytest.approx(0.2)
    assert (found.epsilon, found.beta) == (pytest.approx(1 - 2 / 8 - (0.7 - 1.5 / 8)), 8.0)
    assert distance_to_bound(curve, 3.0, 0.4) == Distance(pytest.approx(0.6), pytest.approx(0.6), math.inf)
    above = distance_to_bound(curve, 0.1, 0.3)
    assert above.gap == pytest.approx(-0.22) and above.epsilon < 0
    assert distance_to_bound(curve, -0.1, 0.0).gap == 0
    assert distance_to_bound(curve, 5.0, 0.4).gap == pytest.approx(0.6)


class Listener(Progress):
    def __init__(self, stop_at: int | None = None) -> None:
        self.heard: list[tuple[Phase, int, int | None, str]] = []
        self.stop_at = stop_at

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        self.heard.append((phase, done, total, unit))
        if done == self.stop_at:
            raise Cancelled


def test_progress_is_told_once_per_beta_and_may_cancel() -> None:
    joint = random_joint(4, 4)
    listener = Listener()
    information_bottleneck(joint, "token", progress=listener)
    assert listener.heard == [("bound", done, len(DEFAULT_BETAS), "β") for done in range(1, len(DEFAULT_BETAS) + 1)]
    with pytest.raises(Cancelled):
        information_bottleneck(joint, "token", progress=Listener(stop_at=2))


@pytest.mark.parametrize("beta", [0.0, -1.0, math.inf, math.nan])
def test_a_beta_out_of_range_is_refused(beta: float) -> None:
    with pytest.raises(InputError, match="positive finite"):
        information_bottleneck(random_joint(3, 3), "token", betas=[2.0, beta])


def test_no_clusters_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1 cluster"):
        information_bottleneck(random_joint(3, 3), "token", clusters=0)


@pytest.mark.parametrize(("x", "y"), [([], []), ([1, 2], [1])])
def test_labels_that_do_not_pair_up_are_refused(x: list[int], y: list[int]) -> None:
    with pytest.raises(ValueError, match="in pairs"):
        joint_counts(np.array(x, dtype=np.int64), np.array(y, dtype=np.int64))
