"""Cost of the estimate alone, compared with the published accumulator: one layer, one anchor draw, 8 label sets.

    python -m benchmarks estimate [positions] [rounds]         (default: 100000 positions)

Both start from hidden states of 512 dimensions. Ours projects them and estimates with null, jackknife and error; the
published one (soft-entropy's SoftEntropyAccumulator) projects, sums and returns the plug-in value.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.setting import Timing, in_turn, zipf_sample
from estimator.soft_entropy.plane import ngram_estimator
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.anchors import stack_anchors
from estimator.text.kinds import ngram_labels
from estimator.text.labels import LabelSet

WIDTH, ANCHORS, VOCABULARY, LENGTH = 512, 100, 16_384, 512
BATCH = 2048
PROJECT, SORT, ESTIMATE, PUBLISHED = "projection", "labels sorted", "estimate", "soft-entropy accumulator"


def accumulator(z: Tensor, labels: list[LabelSet]) -> Callable[[], object] | None:
    """The published accumulator on ``z`` [positions, width]; None if it is not installed."""
    try:
        from soft_entropy.accumulator import SoftEntropyAccumulator
    except ImportError:
        return None
    sets = {f"{one.granularity} {one.side}": torch.from_numpy(one.ids) for one in labels}

    def run() -> object:
        accumulator = SoftEntropyAccumulator(d=WIDTH, n_bins=ANCHORS, backend="torch")
        for start in range(0, len(z), BATCH):
            rows = slice(start, start + BATCH)
            accumulator.update(z[rows], {name: ids[rows] for name, ids in sets.items()})
        return accumulator.mutual_information()

    return run


def compare(positions: int, rounds: int) -> dict[str, Timing]:
    """Time each part of ours, and the published accumulator if it is installed."""
    sample = zipf_sample(positions, LENGTH, VOCABULARY)
    labels = ngram_labels(sample)
    z = torch.randn(sample.positions, WIDTH, generator=torch.Generator().manual_seed(0))
    directions = torch.from_numpy(stack_anchors(ANCHORS, WIDTH, (0,))[0]).float().T.contiguous()
    epsilon = parse_temperature("exact").value(ANCHORS, WIDTH)

    def project() -> Tensor:
        return (z @ directions).div_(torch.linalg.vector_norm(z, dim=1, keepdim=True)).half()[None]

    scores, prepared = project(), ngram_estimator(sample, ("frequency",))
    contenders: dict[str, Callable[[], object]] = {
        PROJECT: project,
        SORT: lambda: ngram_estimator(sample, ("frequency",)),
        ESTIMATE: lambda: prepared.measure(scores, epsilon),
    }
    if peer := accumulator(z, labels):
        contenders[PUBLISHED] = peer
    return in_turn(contenders, rounds)


def main() -> None:
    positions = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    timings = compare(positions, rounds)
    ours = timings[PROJECT].wall + timings[ESTIMATE].wall
    print(f"{positions:,} positions, one layer and draw, 8 label sets; {torch.get_num_threads()} threads")
    for name, one in timings.items():
        note = " (once for all layers)" if name == SORT else ""
        print(f"  {name:26} {one.wall:7.3f} s   {one.wall / ours:6.2f} x ours   processor {one.processor:7.3f} s{note}")


if __name__ == "__main__":
    main()
