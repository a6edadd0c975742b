"""Does the bracket hold the truth? A simulation study of the estimator, on states whose information is known.

    python benchmarks/bracket.py [runs] > bracket.md

64 labels, each a von Mises-Fisher class on a sphere of 128 dimensions, 100 anchors, 4 draws, the exact temperature. The
*truth* of a world (its class means and anchors) is what the plug-in estimate nears as positions grow without end. Every
run then draws 2 to 128 positions per label in 64 documents and asks the estimator. Markdown goes to stdout.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import vonmises_fisher

from estimator.anchors import stack_anchors
from estimator.information import Estimator
from estimator.labels import label_set
from estimator.measurement import Information
from estimator.tally import document_groups, entropy, soft_assignments
from estimator.temperature import exact_temperature

FloatArray = npt.NDArray[np.float64]

LABELS, WIDTH, ANCHORS, DRAWS, DOCUMENTS = 64, 128, 100, 4, 64
COUNTS = (2, 4, 8, 16, 32, 64, 128)
WORLDS, RUNS = 3, 12
TRUTH_POSITIONS = 4096
"""Positions per label behind the truth: its bias is of the order of the square of their inverse."""
NOISES = ("isotropic", "common mean", "strong dimensions")
RESULTANT = {"strong": 0.65, "weak": 0.3, "no": 0.0}
"""Length of the mean state of a class before anisotropy: how closely states keep to their class."""


@dataclass(frozen=True)
class World:
    """Classes and anchors: unit class ``means`` [labels, width], κ, a ``scale`` [width] and an ``offset`` [width]."""

    means: FloatArray
    kappa: float
    scale: FloatArray
    offset: FloatArray
    anchors: torch.Tensor

    @classmethod
    def draw(cls, noise: str, signal: str, seed: int) -> World:
        """A world of one kind of noise and one strength of signal."""
        rng = np.random.default_rng(seed)
        means = _unit(rng.standard_normal((LABELS, WIDTH)))
        length = RESULTANT[signal]
        kappa = length * (WIDTH - length**2) / (1 - length**2)
        scale, offset = np.ones(WIDTH), np.zeros(WIDTH)
        if noise == "strong dimensions":
            scale[:3] = 8.0
        if noise == "common mean":
            offset = 1.5 * _unit(rng.standard_normal(WIDTH))
        anchors = torch.from_numpy(stack_anchors(ANCHORS, WIDTH, range(seed, seed + DRAWS))).float()
        return cls(means, kappa, scale, offset, anchors)

    def scores(self, ids: npt.NDArray[np.int64], rng: np.random.Generator) -> torch.Tensor:
        """Cosines [draws, positions, anchors] of one random state per position with label ``ids`` [positions]."""
        z = self._classes(ids, rng) * self.scale + self.offset
        return torch.einsum("pd,rad->rpa", torch.from_numpy(_unit(z)).float(), self.anchors)

    def _classes(self, ids: npt.NDArray[np.int64], rng: np.random.Generator) -> FloatArray:
        """States of vMF(mean, κ): drawn about the first axis, then mirrored onto each label's mean."""
        if self.kappa == 0:
            return _unit(rng.standard_normal((len(ids), WIDTH)))
        axis = np.eye(WIDTH)[0]
        z = vonmises_fisher(axis, self.kappa).rvs(len(ids), random_state=rng)
        mirror = _unit(axis - self.means)[ids]
        mirrored: FloatArray = z - 2 * (z * mirror).sum(1, keepdims=True) * mirror
        return mirrored

    def truth(self, rng: np.random.Generator) -> float:
        """I(X;Z) in the limit of many positions: plug-in values of M and of M/2 positions, extrapolated."""
        if self.kappa == 0:
            return 0.0
        temperature = exact_temperature(ANCHORS, WIDTH)
        halves = torch.zeros((2, LABELS, DRAWS, ANCHORS), dtype=torch.float64)
        for half in range(2):
            for label in range(LABELS):
                scores = self.scores(np.full(TRUTH_POSITIONS // 2, label), rng)
                for draw in range(DRAWS):
                    halves[half, label, draw] = soft_assignments(scores[draw], temperature)[0].double().mean(0)

        def plugin(q: torch.Tensor) -> float:
            return float((entropy(q.mean(0)) - entropy(q).mean(0)).mean())

        return 2 * plugin(halves.mean(0)) - (plugin(halves[0]) + plugin(halves[1])) / 2


def _unit(rows: FloatArray) -> FloatArray:
    unit: FloatArray = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return unit


def measure(world: World, count: int, rng: np.random.Generator) -> Information:
    """One run: ``count`` positions of each label, spread over the documents at random."""
    ids = rng.permutation(np.repeat(np.arange(LABELS), count))
    group = document_groups(np.arange(len(ids)) * DOCUMENTS // len(ids))
    found = Estimator([label_set(ids)], group).measure(world.scores(ids, rng), exact_temperature(ANCHORS, WIDTH))
    return found.information[0][2]


@dataclass(frozen=True)
class Cell:
    """All runs of one noise, signal and number of positions per label; ``truth`` [runs] differs between worlds."""

    noise: str
    signal: str
    count: int
    truth: FloatArray
    runs: tuple[Information, ...]

    def column(self, value: Callable[[Information], float]) -> FloatArray:
        """One value of every run."""
        return np.array([value(run) for run in self.runs])

    def bias(self, value: Callable[[Information], float]) -> float:
        """Mean distance of a value from the truth."""
        return float((self.column(value) - self.truth).mean())

    def held(self, errors: float) -> float:
        """Share of runs whose bracket, widened by so many standard errors, holds the truth."""
        margin = errors * self.column(lambda run: run.se) + 1e-12
        low, high = self.column(lambda run: run.corrected), self.column(lambda run: run.high)
        return float(((low - margin <= self.truth) & (self.truth <= high + margin)).mean())

    def mean_held(self) -> bool:
        """Whether the mean corrected value and the mean upper end enclose the truth, within twice the mean's error."""
        low, high = self.column(lambda run: run.corrected) - self.truth, self.column(lambda run: run.high) - self.truth
        slack = 2 / np.sqrt(len(low))
        return bool(low.mean() <= slack * low.std(ddof=1) and high.mean() >= -slack * high.std(ddof=1))


def study(runs: int) -> list[Cell]:
    """Every noise, signal and number of positions."""
    cells = []
    for number, (noise, signal) in enumerate((n, s) for n in NOISES for s in RESULTANT):
        found: dict[int, list[tuple[float, Information]]] = {count: [] for count in COUNTS}
        for world_number in range(WORLDS):
            seed = 1000 * number + 10 * world_number
            world, rng = World.draw(noise, signal, seed), np.random.default_rng(seed + 5)
            truth = world.truth(rng)
            for count in COUNTS:
                found[count] += [(truth, measure(world, count, rng)) for _ in range(runs)]
        for count, pairs in found.items():
            cells.append(
                Cell(noise, signal, count, np.array([t for t, _ in pairs]), tuple(value for _, value in pairs))
            )
    return cells


def table(cells: Sequence[Cell]) -> str:
    """Markdown: one row per cell, then what the bracket holds in all."""
    lines = [
        "| noise | signal | positions per label | truth | plug-in | jackknife | corrected | se (scatter) "
        "| bracket | ± 1 se | ± 2 se |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for cell in cells:
        corrected = cell.column(lambda run: run.corrected)
        lines.append(
            f"| {cell.noise} | {cell.signal} | {cell.count} | {cell.truth.mean():.4f} "
            f"| {cell.bias(lambda run: run.plugin):+.4f} | {cell.bias(lambda run: run.high):+.4f} "
            f"| {cell.bias(lambda run: run.corrected):+.4f} "
            f"| {cell.column(lambda run: run.se).mean():.4f} ({np.std(corrected - cell.truth, ddof=1):.4f}) "
            f"| {cell.held(0):.0%} | {cell.held(1):.0%} | {cell.held(2):.0%} |"
        )
    return "\n".join(lines)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    start = time.perf_counter()
    cells = study(runs)
    print(table(cells))
    print()
    for name, errors in (("bracket", 0.0), ("bracket ± 1 se", 1.0), ("bracket ± 2 se", 2.0)):
        held = np.array([cell.held(errors) for cell in cells])
        print(f"- {name}: holds the truth in {held.mean():.1%} of {len(cells) * len(cells[0].runs)} runs; ")
        print(f"  in 95 % of the runs or more in {(held >= 0.95).sum()} of {len(cells)} cells; least {held.min():.0%}")
    print(f"- mean ends enclose the truth in {sum(cell.mean_held() for cell in cells)} of {len(cells)} cells")
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
