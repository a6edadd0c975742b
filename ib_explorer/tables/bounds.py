"""Bounds as a table: one row per corner of each line."""

from __future__ import annotations

import math

from estimator.bottleneck.bounds import Bound
from estimator.curve import BoundCurve

COLUMNS = (
    "granularity",
    "bound",
    "conditionals",
    "rate_bits",
    "relevance_bits",
    "beta",
    "complexity",
    "expressivity",
    "positions",
    "input_labels",
    "output_labels",
    "one_successor",
    "input_entropy_bits",
    "mutual_information_bits",
)


def corner_rows(curve: BoundCurve, bound: Bound, anchors: int) -> list[tuple[object, ...]]:
    """A row of :data:`COLUMNS` for each corner of a bound, with its β where the line is the curve itself."""
    bits, corners = math.log2(anchors), bound.line(curve)
    betas = curve.beta if bound.line is BoundCurve.corners else (None,) * len(corners)
    what = (curve.granularity, bound.name, curve.conditionals)
    about = (
        curve.positions,
        curve.input_labels,
        curve.output_labels,
        curve.one_successor,
        curve.input_entropy,
        curve.mutual_information,
    )
    return [
        (*what, rate, relevance, beta, rate / bits, relevance / bits, *about)
        for (rate, relevance), beta in zip(corners, betas, strict=True)
    ]
