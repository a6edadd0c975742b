"""The held-out estimate of p(y|x): next-token statistics of a sample that also hold in other documents.

The empirical p(y|x) of a wide context is nearly deterministic, because most contexts occur once; its bound is the
uninformative diagonal. Here p(y|x) is interpolated with that of the shorter contexts that end x, down to p(y):

    p_0(y) = p(y),    p_j(y|x) = λ_j(n) n(x_j, y)/n + (1 − λ_j(n)) p_{j−1}(y|x),    n = n(x_j),  x_j the last j of x.

The weights λ_j(n), one for each width j and each power of two of n, maximise the likelihood of one half of the
documents given the counts of the other half (Jelinek and Mercer's held-out interpolation, in both directions; a y that
is absent from the other half counts for p_0). A continuation of x that is as frequent elsewhere keeps its weight;
coincidences of the sample lose theirs. p(x), N and |X| remain those of the sample.

This curve is therefore a lower estimate, supported by the text: few tokens support little. The raw curve is the exact
bound of plug-in values on the sample, including its coincidences; the curve of the language lies between the two.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.special import entr

from estimator.arrays import FloatArray, IntArray
from estimator.bottleneck.joint import Joint, joint_counts
from estimator.errors import InputError

_LN2 = math.log(2)
_STEPS = 40
"""Bisection steps for each λ."""
_MOST_PAIRS = 2**31
"""Maximum number of pairs (x, y) with a probability of their own that are evaluated for I(X;Y): about a minute."""
_BLOCK_PAIRS = 2**23


@dataclass(frozen=True, eq=False)
class HeldOutJoint:
    """p(x) p(y|x) with interpolated p(y|x): ``raw`` are the counts of (x, y), ``mixture`` @ ``conditionals`` is p(y|x).

    The last row of ``conditionals`` is p(y); the others are the n(x_j, ·)/n of each width. ``trust`` is the mean λ of
    x's own successors over the positions: the share of the observed successors that is confirmed by other documents.
    """

    raw: Joint
    mixture: sp.csr_array
    conditionals: sp.csr_array
    trust: float

    @property
    def positions(self) -> int:
        """N, the number of pairs."""
        return self.raw.positions

    @property
    def input_labels(self) -> int:
        """|X|."""
        return self.raw.input_labels

    @property
    def output_labels(self) -> int:
        """|Y|."""
        return self.raw.output_labels

    @property
    def input_weights(self) -> FloatArray:
        """p(x) [|X|]."""
        return self.raw.input_weights

    @cached_property
    def output_weights(self) -> FloatArray:
        """p(y) [|Y|] of the interpolated joint."""
        return np.asarray((self.input_weights @ self.mixture) @ self.conditionals).ravel()

    @property
    def input_entropy(self) -> float:
        """H(X) in bits."""
        return self.raw.input_entropy

    @property
    def one_successor(self) -> float:
        """Share of positions whose x was seen with a single y, in the raw sample."""
        return self.raw.one_successor

    @cached_property
    def mutual_information(self) -> float:
        """I(X;Y) in bits; raises :class:`InputError` if the sample is too large to compute it."""
        own = self.mixture[:, :-1].tocsr()
        background = self.conditionals[[-1]].toarray().ravel()
        rest = self.mixture[:, [-1]].toarray().ravel()
        floor = float(entr(background).sum())
        sizes = own.astype(bool).astype(np.int64) @ np.diff(self.conditionals.indptr[:-1])
        if sizes.sum() > _MOST_PAIRS:
            raise InputError(
                "documents", "The sample is too large for a held-out curve of this granularity: lower --documents."
            )
        # H(Y|x) differs from that of (1 − Σλ) p(y) only where x, or a suffix of x, has successors of its own.
        total = float(self.input_weights @ (rest * floor + entr(rest)))
        for start, end in _runs(sizes):
            block = (own[start:end] @ self.conditionals[:-1]).tocsr()
            row = np.repeat(np.arange(start, end), np.diff(block.indptr))
            under = rest[row] * background[block.indices]
            total += float(self.input_weights[row] @ (entr(block.data + under) - entr(under)))
        return max(float(entr(self.output_weights).sum()) - total, 0.0) / _LN2

    def merged(self) -> HeldOutJoint:
        """This joint unchanged: interpolated rows are hardly ever equal."""
        return self


def held_out_joint(contexts: Sequence[IntArray], y: IntArray, document: IntArray) -> HeldOutJoint:
    """The joint of the widest context and y, with p(y|x) fitted to the other half of the documents.

    ``contexts`` are the labels [N] of the contexts of 1, 2, … tokens, the last being X itself; ``y`` [N] are the
    outputs and ``document`` [N] the document of each position; even and odd documents form the two halves. Raises
    :class:`InputError` (``"documents"``) when one half has no position.
    """
    y = np.unique(y, return_inverse=True)[1]
    halves = document % 2 == 0
    if halves.all() or not halves.any():
        raise InputError("documents", "A held-out curve needs at least 2 documents: raise --documents.")
    weights = _interpolation_weights(contexts, y, halves)
    joints = [joint_counts(context, y) for context in contexts]
    first = np.unique(contexts[-1], return_index=True)[1]
    remaining = np.ones(len(first))
    shares = []
    for context, joint, table in zip(reversed(contexts), reversed(joints), reversed(weights), strict=True):
        _, ids = np.unique(context, return_inverse=True)
        mine = ids[first]
        share = table[_bins(np.rint(joint.input_weights * joint.positions), len(table))][mine]
        shares.append((mine, remaining * share))
        remaining = remaining * (1 - share)
    shares.reverse()
    columns, values, width = [], [], 0
    for (mine, share), joint in zip(shares, joints, strict=True):
        columns.append(mine + width)
        values.append(share)
        width += joint.input_labels
    columns.append(np.full(len(first), width))
    values.append(remaining)
    rows = np.tile(np.arange(len(first)), len(columns))
    entries = (np.concatenate(values), (rows, np.concatenate(columns)))
    mixture = sp.coo_array(entries, shape=(len(first), width + 1)).tocsr()
    background = sp.csr_array(joints[-1].output_weights[None])
    conditionals = sp.vstack([*(joint.conditionals for joint in joints), background], format="csr")
    trust = float(joints[-1].input_weights @ shares[-1][1])
    return HeldOutJoint(joints[-1], mixture, conditionals, trust)


def _interpolation_weights(
    contexts: Sequence[IntArray], y: IntArray, halves: npt.NDArray[np.bool_]
) -> list[FloatArray]:
    """λ of each width [bins of n]: fitted to each half given the counts of the other, narrow contexts first."""
    bins = math.ceil(math.log2(len(y))) + 1
    lower = _rates(np.zeros(len(y), dtype=np.int64), y, halves)[1]
    tables = []
    for context in contexts:
        counts, own = _rates(context, y, halves)
        at = _bins(counts, bins)
        table = _likeliest(at, own, lower, bins)
        lower = lower + table[at] * (own - lower)
        tables.append(table)
    return tables


def _likeliest(at: IntArray, own: FloatArray, lower: FloatArray, bins: int) -> FloatArray:
    """The λ of each bin that maximises Π (λ own + (1 − λ) lower), by bisection on the derivative of its logarithm."""
    # A y that is absent from the other half is evidence against every context: only p_0 can explain it.
    known = lower > 0
    unknown = np.bincount(at[~known], minlength=bins)
    at_known, gain, lower = at[known], (own - lower)[known], lower[known]
    least, most = np.zeros(bins), np.full(bins, 1 - 1e-9)
    for _ in range(_STEPS):
        table = (least + most) / 2
        slope = np.bincount(at_known, gain / (lower + table[at_known] * gain), bins) - unknown / (1 - table)
        least, most = np.where(slope > 0, table, least), np.where(slope > 0, most, table)
    heard = np.bincount(at, minlength=bins)
    table = least
    table[0] = 0.0
    for index in range(1, bins):
        if not heard[index]:  # counts larger than any in either half
            table[index] = table[index - 1]
    return table


def _rates(context: IntArray, y: IntArray, halves: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """For each position: the count of its context in the other half, and the share of its y among those."""
    _, x = np.unique(context, return_inverse=True)
    _, pair = np.unique(x * (int(y.max()) + 1) + y, return_inverse=True)
    counts, own = np.zeros(len(y)), np.zeros(len(y))
    for half in (halves, ~halves):
        counts[half] = np.bincount(x[~half], minlength=int(x.max()) + 1)[x[half]]
        together = np.bincount(pair[~half], minlength=int(pair.max()) + 1)[pair[half]]
        own[half] = together / np.maximum(counts[half], 1)
    return counts, own


def _bins(counts: FloatArray, bins: int) -> IntArray:
    """Bin of each count: 0 for 0, then 1, 2–3, 4–7, …"""
    return np.minimum(np.frexp(counts)[1], bins - 1).astype(np.int64)


def _runs(sizes: IntArray) -> list[tuple[int, int]]:
    """Runs of rows whose ``sizes`` add up to about one block; a larger row is its own run."""
    ends = np.flatnonzero(np.diff(np.cumsum(sizes) // _BLOCK_PAIRS)) + 1
    edges = [0, *ends.tolist(), len(sizes)]
    return [(start, end) for start, end in itertools.pairwise(edges) if end > start]
