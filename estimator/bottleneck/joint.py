"""The joint p(x, y) of two label sets: pair counts, and the quantities that the bound derives from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from scipy.special import entr

from estimator.arrays import FloatArray, IntArray

_LN2 = math.log(2)


class JointDistribution(Protocol):
    """The interface of a joint to the solver: p(x), and p(y|x) as the product of two sparse factors.

    ``mixture`` [|X|, rows] holds the weights of the rows of ``conditionals`` [rows, |Y|] in each p(y|x); None means the
    identity. Entropies are in bits.
    """

    @property
    def positions(self) -> int:
        """N, the number of pairs."""

    @property
    def input_labels(self) -> int:
        """|X|."""

    @property
    def output_labels(self) -> int:
        """|Y|."""

    @property
    def input_weights(self) -> FloatArray:
        """p(x) [|X|]."""

    @property
    def output_weights(self) -> FloatArray:
        """p(y) [|Y|]."""

    @property
    def input_entropy(self) -> float:
        """H(X)."""

    @property
    def mutual_information(self) -> float:
        """I(X;Y)."""

    @property
    def one_successor(self) -> float:
        """Share of positions whose x was seen with a single y."""

    @property
    def mixture(self) -> sp.csr_array | None:
        """Weights of the rows of :attr:`conditionals` for each x."""

    @property
    def conditionals(self) -> sp.csr_array:
        """Distributions over y."""

    def merged(self) -> JointDistribution:
        """A joint with the same curve and fewer labels, if one is known."""


@dataclass(frozen=True, eq=False)
class Joint:
    """Counts of each pair (x, y): ``counts`` is a sparse |X| × |Y| array without empty rows or columns."""

    counts: sp.csr_array

    @cached_property
    def positions(self) -> int:
        """N, the number of pairs."""
        return int(self.counts.sum())

    @property
    def input_labels(self) -> int:
        """|X|."""
        return int(self.counts.shape[0])

    @property
    def output_labels(self) -> int:
        """|Y|."""
        return int(self.counts.shape[1])

    @cached_property
    def input_weights(self) -> FloatArray:
        """p(x) [|X|]."""
        return np.asarray(self.counts.sum(axis=1)).ravel() / self.positions

    @cached_property
    def output_weights(self) -> FloatArray:
        """p(y) [|Y|]."""
        return np.asarray(self.counts.sum(axis=0)).ravel() / self.positions

    @property
    def input_entropy(self) -> float:
        """H(X) in bits."""
        return float(entr(self.input_weights).sum()) / _LN2

    @property
    def output_entropy(self) -> float:
        """H(Y) in bits."""
        return float(entr(self.output_weights).sum()) / _LN2

    @property
    def mutual_information(self) -> float:
        """I(X;Y) in bits, plug-in."""
        joint_entropy = float(entr(self.counts.data / self.positions).sum()) / _LN2
        return max(self.input_entropy + self.output_entropy - joint_entropy, 0.0)

    @property
    def mixture(self) -> sp.csr_array | None:
        """None: every x has its own row of :attr:`conditionals`."""
        return None

    @cached_property
    def conditionals(self) -> sp.csr_array:
        """p(y|x), sparse [|X|, |Y|]."""
        return (sp.diags_array(1 / (self.input_weights * self.positions)) @ self.counts).tocsr()

    @property
    def one_successor(self) -> float:
        """Share of positions whose x was seen with a single y."""
        successors = np.diff(self.counts.indptr)
        return float(self.input_weights[successors == 1].sum())

    def merged(self) -> Joint:
        """The joint of the minimal sufficient statistics: x with equal p(y|x) are merged, then y with equal p(x|y).

        No encoder loses information, so the curve is unchanged; only H(X) and H(Y) decrease.
        """
        rows = _merge_proportional_rows(self.counts)
        columns = _merge_proportional_rows(rows.T.tocsr())
        return Joint(columns.T.tocsr())


def joint_counts(x: IntArray, y: IntArray) -> Joint:
    """Count the pairs of two integer label arrays [N]; raises ValueError if they are empty or differ in length."""
    if len(x) != len(y) or not len(x):
        raise ValueError(f"labels come in pairs: {len(x)} of the input, {len(y)} of the output")
    input_labels, rows = np.unique(x, return_inverse=True)
    output_labels, columns = np.unique(y, return_inverse=True)
    ones = np.ones(len(x), dtype=np.int64)
    counts = sp.coo_array((ones, (rows, columns)), shape=(len(input_labels), len(output_labels))).tocsr()
    counts.sum_duplicates()
    return Joint(counts)


def _merge_proportional_rows(counts: sp.csr_array) -> sp.csr_array:
    """Sum the rows that are multiples of one another, in the order of their first occurrence."""
    counts.sort_indices()
    divisors = np.gcd.reduceat(counts.data, counts.indptr[:-1])
    reduced = counts.data // np.repeat(divisors, np.diff(counts.indptr))
    classes: dict[tuple[bytes, bytes], int] = {}
    members = np.empty(counts.shape[0], dtype=np.int64)
    for row, (start, end) in enumerate(zip(counts.indptr[:-1], counts.indptr[1:], strict=True)):
        key = (counts.indices[start:end].tobytes(), reduced[start:end].tobytes())
        members[row] = classes.setdefault(key, len(classes))
    ones = np.ones(len(members), dtype=np.int64)
    adder = sp.csr_array((ones, (members, np.arange(len(members)))), shape=(len(classes), len(members)))
    merged = (adder @ counts).tocsr()
    merged.sort_indices()
    return merged
