"""Layers estimated side by side: the order, the cores given back, and what happens when one fails."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from estimator.errors import Cancelled, MeasurementError
from estimator.progress import Phase, Progress
from estimator.soft_entropy.sweep import LayerScores, ModelScores, sweep
from estimator.soft_entropy.temperature import parse_temperature

TEMPERATURES = [parse_temperature("0.1"), parse_temperature("0.2")]


def _layers(count: int) -> Iterator[LayerScores]:
    return (LayerScores(layer, torch.full((1, 2, 3), float(layer))) for layer in range(count))


def test_estimates_come_in_the_order_of_layers_and_temperatures() -> None:
    def measure(scores: Tensor, epsilon: float) -> float:
        # Early ones are the slowest, so that a sweep that takes what is ready first would be found out.
        sum(range(2_000_000 // (1 + int(scores[0, 0, 0]))))
        return float(scores[0, 0, 0]) + epsilon

    found = list(sweep(measure, ModelScores(_layers(5), 5, 8, 8, 2), TEMPERATURES, Progress()))
    assert [(one.item.layer, one.epsilon) for one in found] == [(n, e) for n in range(5) for e in (0.1, 0.2)]
    assert [one.found for one in found] == pytest.approx([n + e for n in range(5) for e in (0.1, 0.2)])


def test_each_estimate_has_one_core_and_the_process_keeps_its_own() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        found = [
            one.found
            for one in sweep(
                lambda *_: torch.get_num_threads(), ModelScores(_layers(4), 4, 8, 8, 2), TEMPERATURES, Progress()
            )
        ]
        assert set(found) == {1}
        assert ThreadPoolExecutor(1).submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(before)


def test_no_more_layers_are_taken_than_are_estimated_at_once() -> None:
    taken: list[int] = []

    def layers() -> Iterator[LayerScores]:
        for one in _layers(6):
            taken.append(one.layer)
            yield one

    estimates = sweep(lambda *_: None, ModelScores(layers(), 6, 8, 8, 2), TEMPERATURES[:1], Progress())
    next(estimates)
    assert taken == [0, 1]
    estimates.close()


def test_an_error_of_one_layer_is_raised_in_its_turn() -> None:
    def measure(scores: Tensor, _: float) -> int:
        if int(scores[0, 0, 0]) == 2:
            raise MeasurementError("memory", "no room")
        return int(scores[0, 0, 0])

    seen = []
    with pytest.raises(MeasurementError, match="no room"):
        for one in sweep(measure, ModelScores(_layers(5), 5, 8, 8, 2), TEMPERATURES[:1], Progress()):
            seen.append(one.found)
    assert seen == [0, 1]


def test_cancelling_ends_the_sweep() -> None:
    class Impatient(Progress):
        def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
            if done == 2:
                raise Cancelled

    measured: list[int] = []

    def measure(scores: Tensor, _: float) -> None:
        measured.append(int(scores[0, 0, 0]))

    with pytest.raises(Cancelled):
        list(sweep(measure, ModelScores(_layers(50), 50, 8, 8, 2), TEMPERATURES[:1], Impatient()))
    assert len(measured) <= 4
