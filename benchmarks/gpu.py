"""Cost of a measurement on a CUDA device: OLMo2's shapes with random weights in bfloat16, text of a Zipf law.

    python -m benchmarks gpu [--shape 1B|7B|135M] [--positions 1000000] [--draws 1,4] [--device cuda]

Needs only this repository and torch: no weights, no text, no network. Prints the forward pass alone, the whole
measurement (all layers, 8 label sets) with its parts, its scores stored on the device if they fit and in main memory,
the published accumulator on a slice of the same states, peak memory and the planned amount, and the largest difference
between values of the CPU and the device.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import platform
import time
from collections.abc import Callable
from datetime import date
from functools import partial

import torch
import transformers
from torch import Tensor

from benchmarks.setting import SHAPES, forward_alone, random_model, zipf_sample
from estimator.measurement import Measurement
from estimator.progress import Progress
from estimator.soft_entropy.memory import MemoryPlan, plan_memory
from estimator.soft_entropy.plane import measure_layers, ngram_estimator
from estimator.soft_entropy.sweep import LayerScores, ModelScores
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.anchors import stack_anchors
from estimator.states.batches import Batch
from estimator.states.forward import run_forward
from estimator.states.loading import LoadedModel
from estimator.states.scores import compute_scores
from estimator.states.transfer import copy_off
from estimator.text.kinds import ngram_labels
from estimator.text.sample import Sample

LENGTH, ANCHORS = 512, 100
_CPU = torch.device("cpu")
SLICE = 20_000
"""Positions for the published accumulator, which takes minutes for a million."""


def seconds(device: torch.device, work: Callable[[], object]) -> float:
    """Duration of ``work`` in seconds, including the device's part."""
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def score(model: LoadedModel, sample: Sample, out: list[Tensor]) -> None:
    """The forward pass with the scores of all layers, written to ``out``."""
    anchors = stack_anchors(ANCHORS, model.width, range(out[0].shape[0]))
    compute_scores(model, sample, anchors, range(1, model.depth + 1), out, Progress())


def estimate(model: LoadedModel, sample: Sample, out: list[Tensor], device: torch.device) -> list[Measurement]:
    """Values of all layers from their scores, estimated on ``device``."""
    prepared = ngram_estimator(sample, ("frequency",), device)
    scores = map(LayerScores, range(1, model.depth + 1), out)
    at_once = torch.get_num_threads() if device.type == "cpu" else 1
    given = ModelScores(scores, model.depth, model.depth, model.width, at_once)
    return list(measure_layers(prepared, given, [parse_temperature("exact")], Progress()))


class _OneLayer:
    """Stores the states of one layer at the first positions read."""

    def __init__(self, positions: int) -> None:
        self._left = positions
        self.states: list[Tensor] = []
        self.positions: list[Tensor] = []

    def begin(self, batch: Batch) -> None:
        self._batch = batch

    def read(self, layer: int, z: Tensor) -> None:
        taken = min(self._left, len(z))
        self._left -= taken
        self.states.append(z[:taken].clone())
        self.positions.append(torch.from_numpy(self._batch.positions[:taken]))

    def end(self, batch: Batch, last: Tensor | None) -> None:
        pass


def published(model: LoadedModel, sample: Sample) -> float | None:
    """Seconds per layer and position of the published accumulator, 8 label sets; None if it is not installed."""
    try:
        from soft_entropy.accumulator import SoftEntropyAccumulator
    except ImportError:
        return None
    documents = -(-SLICE // (LENGTH - 7))
    part = Sample(sample.tokens[: documents * LENGTH], sample.offsets[: documents + 1], "zipf", "slice", LENGTH)
    seen = _OneLayer(part.positions)
    run_forward(model, part, [1], seen, Progress())
    sets = {f"{one.granularity} {one.side}": torch.from_numpy(one.ids) for one in ngram_labels(part)}
    accumulator = SoftEntropyAccumulator(d=model.width, n_bins=ANCHORS, backend="torch", dtype=seen.states[0].dtype)

    def run() -> None:
        for z, positions in zip(seen.states, seen.positions, strict=True):
            accumulator.update(z, {name: ids[positions] for name, ids in sets.items()})
        accumulator.mutual_information()

    return seconds(model.device, run) / part.positions


def largest_difference(found: list[Measurement], expected: list[Measurement]) -> float:
    """The largest difference between any values of two measurements."""
    return max(
        abs(float(getattr(getattr(row, side), name) - getattr(getattr(other, side), name)))
        for row, other in zip(found, expected, strict=True)
        for side in ("complexity", "expressivity")
        for name in ("plugin", "null", "high", "se")
    )


def measure(model: LoadedModel, sample: Sample, draws: int, forward: float) -> float:
    """Time a whole measurement and its parts according to the memory plan, and print them; returns its seconds.

    If the plan is to leave the scores on the device, the transfer through main memory is timed as well.
    """
    device, labels = model.device, ngram_estimator(sample, ("frequency",), model.device).nbytes
    plan = plan_memory(
        positions=sample.positions,
        draws=draws,
        anchors=ANCHORS,
        layers=model.depth,
        labels=labels,
        on_disk=False,
        device=device,
    )
    whole = [
        _measure_with(model, sample, draws, forward, plan, holder) for holder in dict.fromkeys((plan.holder, _CPU))
    ]
    return whole[0]


def _measure_with(
    model: LoadedModel, sample: Sample, draws: int, forward: float, plan: MemoryPlan, holder: torch.device
) -> float:
    """The same with scores stored on ``holder``."""
    device = model.device
    shape = (draws, sample.positions, ANCHORS)
    peak = _Peak(device)
    out = [torch.empty(shape, dtype=torch.float16, device=holder) for _ in range(model.depth)]
    scored = seconds(device, lambda: score(model, sample, out))
    forward_peak = peak.taken()
    found: list[Measurement] = []
    tallied = seconds(device, lambda: found.extend(estimate(model, sample, out, device)))
    estimate_peak = peak.taken()
    whole = scored + tallied
    print(
        f"{draws} draw{'s' if draws > 1 else ' '}, scores on {holder}: whole {whole:7.2f} s = "
        f"{whole / forward:5.3f} x forward: scores {(scored - forward) / forward:+.1%}, estimate "
        f"{tallied / forward:.1%}"
    )
    if holder != _CPU:
        there = torch.empty(shape, dtype=torch.float16)
        moved = sum(seconds(device, partial(copy_off, one, there)) for one in out)
        print(f"         scores to main memory, beside what comes next: {moved / forward:.1%} of forward")
    elif device != _CPU:
        moved = sum(seconds(device, partial(one.to, device)) for one in out)
        print(f"         of the estimate, scores to the device: {moved / forward:.1%} of forward")
    if device.type == "cuda":
        print(f"         beside the model: forward with scores {forward_peak / 1e9:.2f} GB; estimate ", end="")
        planned = f"planned {plan.on_device / 1e9:.2f} GB ({estimate_peak / plan.on_device - 1:+.0%})"
        print(f"{estimate_peak / 1e9:.2f} GB, {planned if holder == plan.holder else 'not as planned'}")
        if holder == plan.holder:
            expected = estimate(model, sample, [one.cpu() for one in out], _CPU)
            print(f"         largest difference of any value from the CPU's: {largest_difference(found, expected):.1e}")
    return whole


class _Peak:
    """Peak memory on a CUDA device since the last call of ``taken``, beyond the memory allocated at first."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._held = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
        self.taken()

    def taken(self) -> int:
        if self._device.type != "cuda":
            return 0
        most = torch.cuda.max_memory_allocated(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        return most - self._held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=tuple(SHAPES), default="1B")
    parser.add_argument("--positions", type=int, default=1_000_000)
    parser.add_argument("--draws", default="1,4")
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args()
    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit("There is no CUDA device here: --device cpu --shape 1M --positions 20000 tries the script.")
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "CPU"
    print(f"{card}; torch {torch.__version__}, transformers {transformers.__version__}; {date.today()}")
    model = random_model(SHAPES[given.shape], LENGTH, given.device, "bfloat16")
    sample = zipf_sample(given.positions, LENGTH, SHAPES[given.shape].vocabulary)
    print(f"OLMo2 {given.shape}, bfloat16, {sample.documents:,} documents, {sample.positions:,} positions")
    warm = zipf_sample(20 * LENGTH, LENGTH, SHAPES[given.shape].vocabulary)
    forward_alone(model, warm)
    with contextlib.redirect_stdout(io.StringIO()):
        measure(model, warm, 1, 1.0)
    forward = min(seconds(device, lambda: forward_alone(model, sample)) for _ in range(2))
    print(f"forward pass alone {forward:.2f} s")
    whole = [measure(model, sample, int(draws), forward) for draws in given.draws.split(",")]
    if (each := published(model, sample)) is not None:
        total = forward + each * sample.positions * model.depth
        print(
            f"soft-entropy accumulator: {1e6 * each:.1f} µs a position and layer on {SLICE:,} positions; for all of "
            f"them {total:,.0f} s with the forward pass, {total / whole[0]:.0f} x ours"
        )


if __name__ == "__main__":
    main()
