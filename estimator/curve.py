"""The bound of a sample as a frozen record that needs no torch, and the distance of a point from it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from estimator.measurement import Granularity

Corners = tuple[tuple[float, float], ...]
"""The corners (rate, relevance) of a line in bits, by ascending rate."""


@dataclass(frozen=True, slots=True)
class BoundCurve:
    """The concave curve max I(Y;T) at given I(X;T) of a sample's own joint p(x, y), in bits.

    ``rate`` is I(X;T) and ``relevance`` I(Y;T), both ascending from (0, 0) to (H(X), I(X;Y)); ``beta`` is the slope
    parameter that produced each point (None for the end points of the hull). ``positions`` is N, ``input_labels`` |X|,
    ``output_labels`` |Y|, and ``one_successor`` the share of positions whose x has a single y. ``conditionals`` is the
    name of the :class:`estimator.bottleneck.bounds.Curve`, which defines p(y|x). Divide rate and relevance by log2 n to
    plot them with measurements of n anchors.
    """

    granularity: Granularity
    rate: tuple[float, ...]
    relevance: tuple[float, ...]
    beta: tuple[float | None, ...]
    input_entropy: float
    mutual_information: float
    positions: int
    input_labels: int
    output_labels: int
    one_successor: float
    conditionals: str = "raw"

    def corners(self) -> Corners:
        """The curve as a line from (0, 0) to rate H(X)."""
        return tuple(zip(self.rate, self.relevance, strict=True))


@dataclass(frozen=True, slots=True)
class Distance:
    """Distance from a point to a curve, in bits.

    ``gap`` is the curve's I(Y;T) minus the point's, at the point's rate; it is negative where the point has more, as
    one may that sees more than X, or if the curve is an estimate. ``epsilon`` is
    ε_IB = min_β (F_point − F_β) / β with F = I(X;T) − β I(Y;T), and ``beta`` the minimising β.
    """

    gap: float
    epsilon: float
    beta: float


def distance_to_bound(curve: BoundCurve, rate: float, relevance: float) -> Distance:
    """Distance from a point (I(X;Z), I(Y;Z)) in bits to the IB curve.

    The candidates for β are those of the curve and the two that apply to every curve: 1 (the diagonal) and infinity
    (the ceiling).
    """
    lines = _supporting_lines(curve)
    epsilon, slope = min(((top - (relevance - slope * rate), slope) for slope, top in lines), key=itemgetter(0))
    return Distance(_height(curve, rate) - relevance, epsilon, 1 / slope if slope > 0 else math.inf)


@lru_cache(maxsize=64)
def _supporting_lines(curve: BoundCurve) -> tuple[tuple[float, float], ...]:
    """Slope 1/β and intercept of the curve's tangents; cached, because an export measures thousands of points."""
    slopes = (0.0, 1.0, *(1 / beta for beta in curve.beta if beta is not None))
    return tuple((slope, max(y - slope * x for x, y in curve.corners())) for slope in slopes)


def _height(curve: BoundCurve, rate: float) -> float:
    """I(Y;T) of the curve at a rate, clamped to the curve's end points."""
    if rate <= curve.rate[0]:
        return curve.relevance[0]
    corners = curve.corners()
    for (x0, y0), (x1, y1) in itertools.pairwise(corners):
        if rate <= x1:
            return y0 + (y1 - y0) * (rate - x0) / (x1 - x0)
    return curve.relevance[-1]
