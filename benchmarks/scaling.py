"""Scaling of the parts of a measurement with positions, anchors, vocabulary and layers.

    python -m benchmarks scaling [largest number of positions]        (default: 1000000)

Redraws scaling.svg, in the same folder, from the first table. Estimates are of one layer and one anchor draw, 8 label
sets, on random scores and synthetic text; the last table is a whole measurement of OLMo2 models that differ only in
depth. Peak memory is that of the estimate, and is printed with the planned amount.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.peak import Peak
from benchmarks.setting import Shape, forward_alone, in_turn, random_model, zipf_sample
from estimator.progress import Progress
from estimator.soft_entropy.memory import estimate_bytes
from estimator.soft_entropy.plane import LabelEstimator, measure_layers, ngram_estimator
from estimator.soft_entropy.sweep import LayerScores, ModelScores
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.anchors import stack_anchors
from estimator.states.scores import compute_scores
from estimator.text.sample import Sample

LENGTH = 512
POSITIONS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 5_000_000)
USUAL = 100_000
WIDTH = 512


def random_scores(positions: int, anchors: int) -> Tensor:
    """Cosines of random directions [1, positions, anchors], drawn in blocks."""
    out = torch.empty((1, positions, anchors), dtype=torch.float16)
    generator = torch.Generator().manual_seed(0)
    for block in out[0].split(100_000):
        block.copy_(torch.randn(block.shape, generator=generator).mul_(WIDTH**-0.5))
    return out


def timed(prepared: LabelEstimator, scores: Tensor) -> tuple[float, int]:
    """Seconds of one estimate (the second of two, or the only one if it is slow) and its peak memory in bytes."""
    epsilon = parse_temperature("exact").value(scores.shape[-1], WIDTH)
    with Peak() as peak:
        start = time.perf_counter()
        prepared.measure(scores, epsilon)
    taken = time.perf_counter() - start
    if taken < 5:
        start = time.perf_counter()
        prepared.measure(scores, epsilon)
        taken = time.perf_counter() - start
    return taken, peak.bytes


def sorted_labels(sample: Sample) -> tuple[LabelEstimator, float]:
    """The estimator of a sample, and the seconds to sort its labels."""
    start = time.perf_counter()
    prepared = ngram_estimator(sample, ("frequency",))
    return prepared, time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class Size:
    """Cost of one problem size, in seconds and bytes."""

    positions: int
    anchors: int
    vocabulary: int
    sorting: float
    labels: int
    estimate: float
    peak: int

    @property
    def planned(self) -> int:
        """The planned bytes of the estimate."""
        return estimate_bytes(self.positions, self.anchors)

    def __str__(self) -> str:
        return (
            f"| {self.positions:,} | {self.anchors} | {self.vocabulary:,} | {self.sorting:.2f} s "
            f"| {self.labels / 1e6:,.0f} MB | {self.estimate:.2f} s | {1e6 * self.estimate / self.positions:.2f} µs "
            f"| {self.peak / 1e6:,.0f} MB | {self.planned / 1e6:,.0f} MB |"
        )


def by_size(positions: int, anchors: int, vocabulary: int) -> Size:
    """Measure one size."""
    sample = zipf_sample(positions, LENGTH, vocabulary)
    prepared, sorting = sorted_labels(sample)
    scores = random_scores(sample.positions, anchors)
    taken, peak = timed(prepared, scores)
    return Size(sample.positions, anchors, vocabulary, sorting, prepared.nbytes, taken, peak)


def picture(sizes: Sequence[Size]) -> str:
    """Seconds and bytes over positions, as SVG with logarithmic axes."""
    series = {
        "labels sorted, s": ("#888888", [size.sorting for size in sizes]),
        "estimate, s": ("#0072b2", [size.estimate for size in sizes]),
        "peak memory, GB": ("#d55e00", [size.peak / 1e9 for size in sizes]),
        "planned memory, GB": ("#e69f00", [size.planned / 1e9 for size in sizes]),
    }
    left, bottom = 60, 350

    def x(value: float) -> float:
        return left + 170 * (math.log10(value) - 4)

    def y(value: float) -> float:
        return bottom - 70 * (math.log10(max(value, 1e-2)) + 2)

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 620 400" font-family="sans-serif" font-size="12">',
        '<rect width="620" height="400" fill="white"/>',
    ]
    for power in range(4, 8):
        at = x(10**power)
        parts.append(f'<path d="M{at:.0f} 60V{bottom}" stroke="#dddddd"/>')
        parts.append(f'<text x="{at:.0f}" y="{bottom + 18}" text-anchor="middle">{10**power:,}</text>')
    for power in range(-2, 3):
        at = y(10.0**power)
        parts.append(f'<path d="M{left} {at:.0f}H{x(1e7):.0f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 6}" y="{at + 4:.0f}" text-anchor="end">{10.0**power:g}</text>')
    parts.append(f'<text x="{x(10**5.5):.0f}" y="{bottom + 36}" text-anchor="middle">positions</text>')
    for number, (name, (colour, values)) in enumerate(series.items()):
        points = [(x(size.positions), y(value)) for size, value in zip(sizes, values, strict=True)]
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        parts.append(f'<text x="{left + 140 * number}" y="36" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def by_depth() -> Iterator[str]:
    """Lines of a table of whole measurements."""
    for depth in (4, 8, 16, 32):
        shape = Shape(128, 352, depth, 4, 2048)
        model, sample = random_model(shape, LENGTH), zipf_sample(20_000, LENGTH, shape.vocabulary)
        layers = range(1, depth + 1)
        out = [torch.empty((1, sample.positions, 100), dtype=torch.float16) for _ in layers]
        anchors = stack_anchors(100, shape.width, (0,))
        exact = [parse_temperature("exact")]

        def whole() -> None:
            compute_scores(model, sample, anchors, layers, out, Progress())  # noqa: B023 (called within the turn)
            prepared = ngram_estimator(sample, ("frequency",))  # noqa: B023
            scores = map(LayerScores, layers, out)  # noqa: B023
            given = ModelScores(scores, depth, depth, shape.width, torch.get_num_threads())  # noqa: B023
            list(measure_layers(prepared, given, exact, Progress()))  # noqa: B023

        found = in_turn({"forward": lambda: forward_alone(model, sample), "whole": whole}, 2)  # noqa: B023
        forward, all_of_it = found["forward"].wall, found["whole"].wall
        yield f"| {depth} | {forward:.2f} s | {all_of_it:.2f} s | {all_of_it / forward:.2f} |"


def main() -> None:
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print("| positions | anchors | vocabulary | labels sorted | they take | estimate | each | peak | planned |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    sizes = []
    for positions in (n for n in POSITIONS if n <= largest):
        sizes.append(by_size(positions, 100, 50_000))
        print(sizes[-1], flush=True)
    Path(__file__).with_suffix(".svg").write_text(picture(sizes))
    for anchors in (50, 200, 400):
        print(by_size(USUAL, anchors, 50_000), flush=True)
    for vocabulary in (1_000, 10_000, 200_000):
        print(by_size(USUAL, 100, vocabulary), flush=True)
    print("\n| layers (width 128, 20,000 positions) | forward pass | whole measurement | ratio |\n|--:|--:|--:|--:|")
    for line in by_depth():
        print(line, flush=True)


if __name__ == "__main__":
    main()
