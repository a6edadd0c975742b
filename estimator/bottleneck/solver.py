"""The Information Bottleneck curve of a sample's own joint p(x, y): the most that an encoder of X can retain about Y.

The solver is the self-consistent iteration of the paper's eqs. 12–14. Only the decoders log p(t) and log p(y|t) are
stored; the encoder q(t|x) is streamed in blocks of x, so memory is |Y| × |T| and not |X| × |T|. Internally, information
is in nats and β multiplies nats; every returned value is in bits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.special import entr, rel_entr

from estimator.arrays import RealArray
from estimator.bottleneck.joint import JointDistribution
from estimator.curve import BoundCurve
from estimator.errors import InputError
from estimator.measurement import Granularity
from estimator.progress import Progress

DEFAULT_BETAS: tuple[float, ...] = tuple(float(beta) for beta in 1 + np.geomspace(0.02, 30, 50))
"""Below β = 1 the trivial encoder is always optimal; at 31 the curve of a text has long been flat."""

_LN2 = math.log(2)
_MERGE_TOLERANCE = 1e-5
_SAME = 1e-12
_SINGLE_PRECISION_FROM = 1_000_000
"""Pairs × clusters from which the iterations at each β run in single precision; the last one never does."""
_SINGLE_PRECISION_TOLERANCE = 1e-6
"""Smallest ``tolerance`` for single precision; below it, rounding and not ``tolerance`` would decide convergence."""
_THREADS = 2
"""Blocks of x processed concurrently."""
_MOST_CELLS = 2**26
"""Maximum |Y| × |T|: half a gigabyte per array of decoders in double precision."""
_DEAD = 1e-30
"""A decoder with a smaller weight is unused; it remains until the next β removes it."""
_SEED_SMOOTHING = 0.1
"""Share of p(y) in each seed, so that every decoder has non-zero probability for every x in the first iteration."""


@dataclass(frozen=True, eq=False)
class Decoders:
    """The state of the solver in nats: ``log_weights`` log p(t) [|T|], ``log_conditionals`` log p(y|t) [|Y|, |T|]."""

    log_weights: RealArray
    log_conditionals: RealArray

    @classmethod
    def of_joint(cls, joint: RealArray) -> Decoders:
        """The decoders of p(y, t) [|Y|, |T|], in its precision; weights are always double."""
        weights = joint.sum(axis=0, dtype=np.float64)
        alive = weights > _DEAD
        log_weights = np.full(len(weights), -np.inf)
        log_weights[alive] = np.log(weights[alive])
        logs = np.maximum(joint, np.finfo(joint.dtype).tiny)
        np.log(logs, out=logs)
        logs -= np.log(np.maximum(weights, _DEAD)).astype(joint.dtype)
        return cls(log_weights, logs)

    @classmethod
    def seeded(cls, joint: JointDistribution, clusters: int) -> Decoders:
        """One decoder for each of the ``clusters`` most frequent x, smoothed with a little of p(y)."""
        seeds = np.argsort(-joint.input_weights, kind="stable")[:clusters]
        weights = joint.input_weights[seeds]
        rows = joint.conditionals[seeds] if joint.mixture is None else joint.mixture[seeds] @ joint.conditionals
        chosen = rows.T.toarray() * weights
        smoothed = (1 - _SEED_SMOOTHING) * chosen + _SEED_SMOOTHING * np.outer(joint.output_weights, weights)
        return cls.of_joint(smoothed / weights.sum())

    def merged(self, tolerance: float) -> Decoders:
        """The decoders with those closer than ``tolerance`` nats of symmetric KL merged, and unused ones removed."""
        used = np.flatnonzero(np.isfinite(self.log_weights))
        order = used[np.argsort(-self.log_weights[used], kind="stable")]
        weights, logs = np.exp(self.log_weights[order]), self.log_conditionals[:, order]
        conditionals = np.exp(logs)
        cross = conditionals.T @ logs
        own = np.diag(cross)
        close = own[:, None] + own[None, :] - cross - cross.T < tolerance
        leader = np.argmax(close, axis=1)
        # argmax returns the heaviest decoder within tolerance; following leaders to a fixed point resolves chains.
        while not np.array_equal(leader, leader[leader]):
            leader = leader[leader]
        leaders, members = np.unique(leader, return_inverse=True)
        joint = (conditionals * weights) @ np.eye(len(leaders))[members]
        return Decoders.of_joint(joint / joint.sum())


@dataclass(frozen=True, eq=False)
class Iteration:
    """One pass at one β: the new ``decoders``, and the information of the encoder between the ``old`` and the new ones.

    ``joint`` is p(y, t) [|Y|, |T|] of that encoder and ``free_energy`` −Σ p(x) log Z(x), which no iteration at the same
    β increases. The other quantities are expensive and computed on demand.
    """

    decoders: Decoders
    old: Decoders
    joint: RealArray
    free_energy: float
    beta: float
    output_entropy: float

    @cached_property
    def rate(self) -> float:
        """I(X;T) in bits."""
        old, new = np.exp(self.old.log_weights), np.exp(self.decoders.log_weights)
        cross_entropy = -float((self.joint * self.old.log_conditionals).sum(dtype=np.float64))
        return (self.free_energy - self.beta * cross_entropy - float(rel_entr(new, old).sum())) / _LN2

    @cached_property
    def relevance(self) -> float:
        """I(Y;T) in bits."""
        entropy = -float((self.joint * self.decoders.log_conditionals).sum(dtype=np.float64))
        return (self.output_entropy - entropy) / _LN2


class Bottleneck:
    """The self-consistent equations on one joint, with the encoder streamed in blocks of ``block`` x.

    ``dtype`` is the precision of encoder and decoders; in single precision, rate and relevance are accurate to about
    1e-6 β bits.
    """

    def __init__(self, joint: JointDistribution, block: int = 16384, dtype: npt.DTypeLike = np.float64) -> None:
        self._output_entropy = float(entr(joint.output_weights).sum())
        self._dtype = dtype
        conditionals = joint.conditionals.astype(dtype)
        # Rows shared by many x are multiplied with the decoders once; otherwise each x has its own.
        self._shared = None if joint.mixture is None else conditionals
        rows = conditionals if joint.mixture is None else joint.mixture.astype(dtype)
        # At least two blocks of equal size, so that two cores share the load; their sums are added in order.
        count = max(_THREADS, math.ceil(joint.input_labels / block))
        edges = np.linspace(0, joint.input_labels, count + 1).astype(int)
        spans = [slice(start, end) for start, end in itertools.pairwise(edges) if end > start]
        self._blocks = [(joint.input_weights[span], rows[span]) for span in spans]
        self._pool = ThreadPoolExecutor(_THREADS)

    def iterate(self, decoders: Decoders, beta: float) -> Iteration:
        """q(t|x) ∝ p(t) exp(−β KL[p(y|x) ‖ p(y|t)]), then p(t) and p(y|t) of that q (the paper's eqs. 12–14)."""
        logs = decoders.log_conditionals.astype(self._dtype, copy=False)
        seen = logs if self._shared is None else self._shared @ logs
        log_weights = decoders.log_weights.astype(self._dtype)

        def share(block: tuple[RealArray, sp.csr_array]) -> tuple[RealArray, float]:
            """p(y, t), or its shared factor, and Σ p(x) log Z(x) of one block of x."""
            weights, rows = block
            # H(Y|x) is omitted from the KL: it shifts all t alike.
            encoder = rows @ seen
            encoder *= beta
            encoder += log_weights
            top = encoder.max(axis=1)
            encoder -= top[:, None]
            np.exp(encoder, out=encoder)
            total = encoder.sum(axis=1)
            log_partition = float(weights @ (top + np.log(total)))
            encoder *= (weights / total).astype(self._dtype)[:, None]
            return rows.T @ encoder, log_partition

        joint: RealArray = np.zeros_like(seen)
        log_partition = 0.0
        for start in range(0, len(self._blocks), _THREADS):
            for part, partition in self._pool.map(share, self._blocks[start : start + _THREADS]):
                joint += part
                log_partition += partition
        if self._shared is not None:
            joint = self._shared.T @ joint
        following = Decoders.of_joint(joint)
        return Iteration(following, decoders, joint, -log_partition, beta, self._output_entropy)

    def iterations(self, decoders: Decoders, beta: float, tolerance: float, limit: int) -> Iterator[Iteration]:
        """Iterate at ``beta`` until the gain still expected, of a geometric series, is below ``tolerance`` · β bits.

        A ``tolerance`` of 0 runs all of ``limit``: the free energy is flat at its minimum, so its gains vanish in
        rounding well before the last digits of rate and relevance settle.
        """
        energy = gain = math.inf
        for _ in range(limit):
            iteration = self.iterate(decoders, beta)
            yield iteration
            decoders = iteration.decoders
            last_energy, energy = energy, iteration.free_energy / _LN2
            last_gain, gain = gain, max(last_energy - energy, 0.0)
            if gain == 0:
                remaining = 0.0
            elif gain < last_gain < math.inf:
                remaining = gain * gain / (last_gain - gain)
            else:
                continue
            if remaining < tolerance * beta:
                return


def information_bottleneck(
    joint: JointDistribution,
    granularity: Granularity,
    *,
    betas: Sequence[float] | None = None,
    clusters: int = 256,
    tolerance: float = 1e-5,
    limit: int = 200,
    block: int = 16384,
    progress: Progress | None = None,
) -> BoundCurve:
    """The concave curve max I(Y;T) at given I(X;T) in bits, annealed from the highest of ``betas`` to the lowest.

    |T| is at most ``clusters`` (fewer if decoders of many y would not fit in memory), so the curve is a lower bound of
    the true one, exact where |T| = |X|. ``joint`` is returned by ``joint_counts`` or ``held_out_joint``. Each β is
    iterated until it is within ``tolerance`` bits of convergence, at most ``limit`` times. Calls ``progress.phase``
    once per β, which may raise :class:`Cancelled`; raises :class:`InputError` when a β or ``clusters`` is out of range.
    """
    schedule = sorted(DEFAULT_BETAS if betas is None else betas, reverse=True)
    if not all(0 < beta < math.inf for beta in schedule):
        raise InputError("beta", "Every β of the bound must be a positive finite number.")
    if clusters < 1:
        raise InputError("clusters", f"The bound needs at least 1 cluster, not {clusters}.")
    sufficient = joint.merged()
    exact = quick = Bottleneck(sufficient, block)
    clusters = max(1, min(clusters, sufficient.input_labels, _MOST_CELLS // sufficient.output_labels))
    if sufficient.conditionals.nnz * clusters > _SINGLE_PRECISION_FROM and tolerance >= _SINGLE_PRECISION_TOLERANCE:
        quick = Bottleneck(sufficient, block, np.float32)
    decoders = Decoders.seeded(sufficient, clusters)
    solved: list[tuple[float, float, float | None]] = []
    for done, beta in enumerate(schedule, start=1):
        for iteration in quick.iterations(decoders, beta, tolerance, limit):
            last = iteration
        if quick is not exact:
            # Each point is the rate and relevance of an actual encoder in double precision, so it is never too high.
            last = exact.iterate(last.decoders, beta)
        decoders = last.decoders.merged(_MERGE_TOLERANCE)
        solved.append((last.rate, last.relevance, beta))
        if progress is not None:
            progress.phase("bound", done, len(schedule), "β")
    # The minimal sufficient statistic is an encoder too, and so is X itself.
    ends = [(source.input_entropy, joint.mutual_information, None) for source in (sufficient, joint)]
    hull = _concave_hull([*solved, *ends], joint.mutual_information)
    return BoundCurve(
        granularity=granularity,
        rate=tuple(rate for rate, _, _ in hull),
        relevance=tuple(relevance for _, relevance, _ in hull),
        beta=tuple(beta for _, _, beta in hull),
        input_entropy=joint.input_entropy,
        mutual_information=joint.mutual_information,
        positions=joint.positions,
        input_labels=joint.input_labels,
        output_labels=joint.output_labels,
        one_successor=joint.one_successor,
    )


def _concave_hull(
    points: Sequence[tuple[float, float, float | None]], most: float
) -> list[tuple[float, float, float | None]]:
    """The upper hull of (rate, relevance, β) from (0, 0), clipped to the diagonal and to ``most`` against rounding."""
    hull: list[tuple[float, float, float | None]] = [(0.0, 0.0, None)]
    for rate, relevance, beta in sorted(points, key=lambda point: point[:2]):
        relevance = min(relevance, rate, most)
        if rate < _SAME:
            continue
        while len(hull) > 1:
            (rate0, relevance0, _), (rate1, relevance1, _) = hull[-2:]
            chord = relevance0 + (relevance - relevance0) * (rate1 - rate0) / (rate - rate0)
            if rate - rate1 > _SAME and relevance1 > chord + _SAME:
                break
            hull.pop()
        hull.append((rate, relevance, beta))
    return hull
