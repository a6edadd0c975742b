"""Actual and planned memory of a measurement, with scores in main memory in blocks of layers, and on disk.

    python -m benchmarks memory [positions] [layers] [free GB]         (default: 300000 33 2)

A narrow OLMo2 with random weights on synthetic text of 512-token documents, one anchor draw, 8 label sets; the plan
assumes that many GB of free memory. Prints the plan and the process's peak memory beyond its start.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from transformers import Olmo2ForCausalLM

from benchmarks.peak import Peak
from benchmarks.setting import Shape, zipf_sample
from cache.arrays import ArrayStore
from cache.aside import Aside
from estimator.checkpoints.revision import Revision
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.soft_entropy import memory
from estimator.soft_entropy.plane import measure_layers, ngram_estimator
from estimator.soft_entropy.temperature import parse_temperature
from estimator.text.kinds import LABELS
from estimator.text.labels import LabelText
from ib_explorer.work.scorer import Scorer
from ib_explorer.work.subject import Subject

LENGTH, VOCABULARY = 512, 20_000


def measure(folder: Path, store: ArrayStore, positions: int) -> None:
    """Measure once, and print the planned and the actual memory."""
    sample = zipf_sample(positions, LENGTH, VOCABULARY)
    request = MeasurementRequest(str(folder), anchor_seeds=(0,), device="cpu", dtype="float32")
    revision, text = Revision(str(folder), "model", folder=str(folder)), LabelText(sample, LABELS)
    subject = Subject(revision, "", {}, {}, text, request.kinds, request, "cpu")
    progress = Progress()
    start = time.perf_counter()
    with Peak() as peak:
        prepared = ngram_estimator(sample, request.weights)
        scorer = Scorer(store, lambda *_, **__: None)
        seen = scorer.see(subject, prepared.nbytes, progress)
        assert seen is not None
        plan = seen.plan
        for _ in measure_layers(prepared, seen.model, [parse_temperature("exact")], progress):
            pass
        measured = time.perf_counter() - start
        scorer.settle(progress)
    print(plan)
    print(
        f"  taken at most {peak.bytes / 1e9:.2f} GB, planned {plan.on_device / 1e9:.2f} GB "
        f"({peak.bytes / plan.on_device - 1:+.0%}); all values after {measured:.1f} s, "
        f"{time.perf_counter() - start - measured:.1f} s more for the disk",
        flush=True,
    )


def main() -> None:
    given = [float(value) for value in sys.argv[1:]]
    positions, layers, free = [*given, *(300_000.0, 33.0, 2.0)[len(given) :]]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "model")
        shape = Shape(32, 64, int(layers), 2, VOCABULARY)
        Olmo2ForCausalLM(shape.config(LENGTH)).save_pretrained(folder)
        measure(folder, ArrayStore(Path(scratch, "warm"), 0, Aside(Path(scratch, "aside"))), 20_000)
        with mock.patch.object(memory, "free_memory", lambda *_: int(free * 1e9)):
            for budget in (0, 10**12):
                store = ArrayStore(Path(scratch, f"scores-{budget}"), budget, Aside(Path(scratch, "aside")))
                measure(folder, store, int(positions))


if __name__ == "__main__":
    main()
