"""The Information Bottleneck bound of a sample, as a frozen record that every room can read without torch."""

from __future__ import annotations

from dataclasses import dataclass

from estimator.measurement import Granularity


@dataclass(frozen=True, slots=True)
class BoundCurve:
    """The concave curve max I(Y;T) at given I(X;T) of a sample's own joint p(x, y), in bits.

    ``rate`` is I(X;T) and ``relevance`` I(Y;T), both ascending from (0, 0) to (H(X), I(X;Y)); ``beta`` is the slope
    parameter that produced each point (None where a point is an end of the hull). ``positions`` is N,
    ``input_labels`` |X|, ``output_labels`` |Y|, ``one_successor`` the share of positions whose x has a single y.
    Divide rate and relevance by log2 n to draw them beside measurements with n anchors.
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
