"""How the parts of a measurement grow with positions, anchors, vocabulary and layers, on this machine.

    python -m benchmarks.scaling [largest number of positions]        (default: 1000000)

Estimates are of one layer and one anchor draw, 8 label sets, on random scores and synthetic text; the last table is a
whole measurement of OLMo2 models that differ in depth alone. Peak memory is that of the estimate, beside its plan.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.peak import Peak
from benchmarks.setting import Shape, forward_alone, in_turn, random_model, zipf_sample
from estimator.anchors import stack_anchors
from estimator.information import Estimator
from estimator.measure import measure_layers, sample_estimator
from estimator.memory import estimate_bytes
from estimator.progress import Progress
from estimator.sample import Sample
from estimator.scores import compute_scores
from estimator.sweep import LayerScores
from estimator.temperature import parse_temperature

LENGTH = 512
POSITIONS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 5_000_000)
USUAL = 100_000
WIDTH = 512


def random_scores(positions: int, anchors: int) -> Tensor:
    """Cosines of random directions [1, positions, anchors], a block at a time."""
    out = torch.empty((1, positions, anchors), dtype=torch.float16)
    generator = torch.Generator().manual_seed(0)
    for block in out[0].split(100_000):
        block.copy_(torch.randn(block.shape, generator=generator).mul_(WIDTH**-0.5))
    return out


def timed(estimator: Estimator, scores: Tensor) -> tuple[float, int]:
    """Seconds of one estimate (the second of two, or the only one where it is long) and the bytes it took at most."""
    epsilon = parse_temperature("exact").value(scores.shape[-1], WIDTH)
    with Peak() as peak:
        start = time.perf_counter()
        estimator.measure(scores, epsilon)
    taken = time.perf_counter() - start
    if taken < 5:
        start = time.perf_counter()
        estimator.measure(scores, epsilon)
        taken = time.perf_counter() - start
    return taken, peak.bytes


def sorted_labels(sample: Sample) -> tuple[Estimator, float]:
    """The estimator of a sample, and the seconds it took to sort its labels."""
    start = time.perf_counter()
    estimator = sample_estimator(sample, ("frequency",))
    return estimator, time.perf_counter() - start


def by_size(positions: int, anchors: int, vocabulary: int) -> str:
    """One line of a table."""
    sample = zipf_sample(positions, LENGTH, vocabulary)
    estimator, sorting = sorted_labels(sample)
    scores = random_scores(sample.positions, anchors)
    taken, peak = timed(estimator, scores)
    plan = estimate_bytes(sample.positions, anchors)
    return (
        f"| {sample.positions:,} | {anchors} | {vocabulary:,} | {sorting:.2f} s | {estimator.nbytes / 1e6:,.0f} MB "
        f"| {taken:.2f} s | {1e6 * taken / sample.positions:.2f} µs | {peak / 1e6:,.0f} MB | {plan / 1e6:,.0f} MB |"
    )


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
            estimator = sample_estimator(sample, ("frequency",))  # noqa: B023
            scores = map(LayerScores, layers, out)  # noqa: B023
            at_once = torch.get_num_threads()
            list(measure_layers(estimator, scores, depth, depth, WIDTH, exact, Progress(), at_once))  # noqa: B023

        found = in_turn({"forward": lambda: forward_alone(model, sample), "whole": whole}, 2)  # noqa: B023
        forward, all_of_it = found["forward"].wall, found["whole"].wall
        yield f"| {depth} | {forward:.2f} s | {all_of_it:.2f} s | {all_of_it / forward:.2f} |"


def main() -> None:
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print("| positions | anchors | vocabulary | labels sorted | they take | estimate | each | peak | planned |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for positions in (n for n in POSITIONS if n <= largest):
        print(by_size(positions, 100, 50_000), flush=True)
    for anchors in (50, 200, 400):
        print(by_size(USUAL, anchors, 50_000), flush=True)
    for vocabulary in (1_000, 10_000, 200_000):
        print(by_size(USUAL, 100, vocabulary), flush=True)
    print("\n| layers (width 128, 20,000 positions) | forward pass | whole measurement | ratio |\n|--:|--:|--:|--:|")
    for line in by_depth():
        print(line, flush=True)


if __name__ == "__main__":
    main()
