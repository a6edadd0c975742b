"""Synthetic records for benchmarks and tests: checkpoints and bounds without a measurement."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from estimator.curve import BoundCurve
from estimator.measurement import MARGIN, CheckpointMeasurements, Granularity, Information, Measurement
from estimator.states.layers import site
from estimator.text.kinds import NGRAMS

Sides = Callable[[int, Granularity], tuple[Information, Information | None]]
"""Complexity and expressivity of a layer at one width of labels."""


def information(corrected: float, null: float, labels: int = 100, se: float = 0.002) -> Information:
    """Information with a bracket of half its null, and nothing of documents."""
    return Information(
        plugin=corrected + null,
        null=null,
        high=corrected + null / 2,
        se=se,
        spread=0.003,
        labels=labels,
        singletons=0.25,
        within=null,
        low=corrected - MARGIN * se,
        adjusted=corrected,
        adjusted_se=se,
    )


def rows(
    sides: Sides,
    depth: int,
    *,
    first: int = 0,
    granularities: Iterable[Granularity] = NGRAMS,
    rules: Iterable[str] = ("exact",),
    **fields: Any,
) -> tuple[Measurement, ...]:
    """Rows of the layers ``first`` to ``depth``; ``fields`` replace fields of each."""
    made = []
    for layer, granularity, rule in itertools.product(range(first, depth + 1), granularities, rules):
        where, x_and_y = site(layer, depth), sides(layer, granularity)
        row = Measurement(layer, where, granularity, "frequency", "raw", rule, 0.01, 0.7, 0.55, *x_and_y)
        made.append(replace(row, **fields))
    return tuple(made)


def checkpoint(rows: tuple[Measurement, ...] = (), **fields: Any) -> CheckpointMeasurements:
    """The record of a checkpoint with these rows; ``fields`` replace its other fields."""
    made = CheckpointMeasurements(
        key="key",
        model="some/model",
        revision="step1",
        commit="c" * 40,
        stage=None,
        step=1,
        tokens=None,
        depth=max((row.layer for row in rows if row.layer != "mean"), default=2),
        width=64,
        corpus="docstrings",
        sample="a" * 64,
        documents=32,
        positions=5000,
        anchors=100,
        anchor_seeds=(0, 1),
        dtype="float32",
        estimator_version="1",
        rows=rows,
    )
    return replace(made, **fields)


def curve(granularity: Granularity, rate: Sequence[float], relevance: Sequence[float], **fields: Any) -> BoundCurve:
    """The bound through these corners, in bits; ``fields`` replace its other fields."""
    betas = (None,) * len(rate)
    made = BoundCurve(
        granularity, tuple(rate), tuple(relevance), betas, rate[-1], relevance[-1], 5000, 100, 101, one_successor=0.1
    )
    return replace(made, **fields)
