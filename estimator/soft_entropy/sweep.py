"""An estimate for each layer at each temperature, with one thread per core."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from estimator.measurement import Variant
from estimator.progress import Progress
from estimator.soft_entropy.temperature import Temperature
from estimator.states.geometry import Geometry

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, eq=False)
class LayerScores:
    """Scores [draws, positions, anchors] of one layer in one variant, with the geometry of its states if known."""

    layer: int
    scores: Tensor
    variant: Variant = "raw"
    geometry: Geometry | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ModelScores:
    """Scores of a model's layers, one after another; ``layers`` counts them, variants included.

    ``depth`` and ``width`` are the model's. Scores are read one by one shortly before they are needed, and ``at_once``
    of them are estimated concurrently, each on its own core.
    """

    scores: Iterable[LayerScores]
    layers: int
    depth: int
    width: int
    at_once: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Estimate(Generic[Found]):
    """The result ``found`` for one layer's scores at one temperature, whose value is ``epsilon``."""

    item: LayerScores
    temperature: Temperature
    epsilon: float
    found: Found


def sweep(
    measure: Callable[[Tensor, float], Found],
    model: ModelScores,
    temperatures: Sequence[Temperature],
    progress: Progress,
) -> Iterator[Estimate[Found]]:
    """``measure(scores, ε)`` of each layer at each temperature, in the order given.

    Reports phase ``"estimate"`` in layers.
    """
    done, total = 0, model.layers * len(temperatures)
    waiting: deque[tuple[LayerScores, Temperature, float, Future[Found]]] = deque()

    def finish() -> Estimate[Found]:
        nonlocal done
        item, temperature, epsilon, future = waiting.popleft()
        found = future.result()
        done += 1
        progress.phase("estimate", done, total, "layers")
        return Estimate(item, temperature, epsilon, found)

    progress.phase("estimate", 0, total, "layers")
    with _cores(model.at_once) as executor:
        for item in model.scores:
            for temperature in temperatures:
                epsilon = temperature.value(item.scores.shape[-1], model.width)
                waiting.append((item, temperature, epsilon, executor.submit(measure, item.scores, epsilon)))
                if len(waiting) >= model.at_once:
                    yield finish()
        while waiting:
            yield finish()


@contextmanager
def _cores(count: int) -> Iterator[Executor]:
    """Threads that run torch operations on one core each: those of a tally are too small to parallelise."""
    threads = torch.get_num_threads()
    ready = threading.Barrier(count + 1)

    def start() -> None:
        torch.get_num_threads()  # the first call in a thread sets it to the process's number
        torch.set_num_threads(1)
        with suppress(threading.BrokenBarrierError):
            ready.wait()

    executor = ThreadPoolExecutor(count, "estimate", initializer=start)
    try:
        for _ in range(count):  # no thread is idle before all are ready, so each task starts one
            executor.submit(int)
        ready.wait()
        torch.set_num_threads(threads)  # part of the setting is process-wide, and a forward pass needs all threads
        yield executor
    finally:
        ready.abort()  # if not all threads could be started, the others must not wait for ever
        executor.shutdown(cancel_futures=True)
