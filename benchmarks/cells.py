"""Cells of a simulation study: all runs of one setting with their truth, and the tables that are made of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from estimator.arrays import FloatArray
from estimator.measurement import MARGIN, Information


def adjusted(run: Information) -> float:
    """The adjusted value; NaN where no label repeats."""
    return math.nan if run.adjusted is None else run.adjusted


VALUES: Mapping[str, Callable[[Information], float]] = {
    "plug-in": lambda run: run.plugin,
    "corrected": lambda run: run.corrected,
    "adjusted": adjusted,
    "jackknife": lambda run: run.high,
}
"""The values whose bias is reported, by their name."""


@dataclass(frozen=True)
class Cell:
    """All runs of one setting, named by ``where``; ``truth`` [runs] differs between worlds."""

    where: tuple[str, ...]
    truth: FloatArray
    runs: tuple[Information, ...]

    def column(self, value: Callable[[Information], float]) -> FloatArray:
        """One value of every run."""
        return np.array([value(run) for run in self.runs])

    def mean(self, value: Callable[[Information], float]) -> tuple[float, float]:
        """Mean difference of a value from the truth, and its Monte-Carlo error."""
        distance = self.column(value) - self.truth
        return float(distance.mean()), float(distance.std(ddof=1) / np.sqrt(len(distance)))

    @property
    def holds_on_average(self) -> bool:
        """Whether mean corrected value and mean jackknife enclose the truth, within two Monte-Carlo errors."""
        low, low_error = self.mean(lambda run: run.corrected)
        high, high_error = self.mean(lambda run: run.high)
        return low <= 2 * low_error and high >= -2 * high_error

    def held(self, errors: float) -> float:
        """Share of runs whose interval from corrected value to jackknife, widened by ``errors``, contains the truth."""
        margin = errors * self.column(lambda run: run.se)
        return self._held(self.column(lambda run: run.corrected) - margin, self.column(lambda run: run.high) + margin)

    @property
    def bracketed(self) -> float:
        """Share of runs whose reported bracket contains the truth."""
        return self._held(self.column(lambda run: run.bracket[0]), self.column(lambda run: run.bracket[1]))

    def _held(self, low: FloatArray, high: FloatArray) -> float:
        return float(((low - 1e-12 <= self.truth) & (self.truth <= high + 1e-12)).mean())


def table(cells: Sequence[Cell], settings: Sequence[str]) -> str:
    """Markdown: one row per cell, with the mean differences of the values from the truth.

    ``settings`` head the columns of :attr:`Cell.where`.
    """
    lines = [
        f"| {' | '.join([*settings, 'truth', *VALUES])} | se (scatter) | mean bracket | bracket holds |",
        "|---" * len(settings) + "|--:" * (len(VALUES) + 2) + "|:-:|--:|",
    ]
    for cell in cells:
        bias = " | ".join(f"{cell.mean(value)[0]:+.4f}" for value in VALUES.values())
        scatter = np.std(cell.column(adjusted) - cell.truth, ddof=1)
        error = cell.column(lambda run: run.adjusted_se or 0.0).mean()
        low, high = np.mean([run.bracket for run in cell.runs], axis=0)
        lines.append(
            f"| {' | '.join(cell.where)} | {cell.truth.mean():.4f} | {bias} | {error:.4f} ({scatter:.4f}) "
            f"| [{low:.4f}, {high:.4f}] | {cell.bracketed:.0%} |"
        )
    return "\n".join(lines)


def coverage(cells: Sequence[Cell]) -> str:
    """Markdown: how many runs contain the truth, by interval."""
    runs = sum(len(cell.runs) for cell in cells)
    intervals: tuple[tuple[str, Callable[[Cell], float]], ...] = (
        ("[corrected, jackknife]", lambda cell: cell.held(0)),
        ("[corrected, jackknife] ± 1 se", lambda cell: cell.held(1)),
        ("[corrected, jackknife] ± 2 se", lambda cell: cell.held(MARGIN)),
        ("**the bracket**", lambda cell: cell.bracketed),
    )
    lines = [
        "| interval | runs that contain the truth | cells that do in 95 % of their runs | lowest cell |",
        "|---|--:|--:|--:|",
    ]
    for name, share in intervals:
        held = np.array([share(cell) for cell in cells])
        mean = float(held @ [len(cell.runs) for cell in cells]) / runs
        lines.append(f"| {name} | {mean:.1%} of {runs} | {(held >= 0.95).sum()} of {len(cells)} | {held.min():.0%} |")
    return "\n".join(lines)


def accuracy(cells: Sequence[Cell]) -> str:
    """Markdown: the distance of each value's mean from the truth, over cells."""
    lines = ["| value | mean distance from the truth | largest |", "|---|--:|--:|"]
    for name, value in VALUES.items():
        distance = np.abs([cell.mean(value)[0] for cell in cells])
        lines.append(f"| {name} | {distance.mean():.4f} | {distance.max():.4f} |")
    return "\n".join(lines)
