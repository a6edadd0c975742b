"""Coverage of the bracket: a simulation study of the estimator on states of known information.

    python -m benchmarks bracket [runs] > bracket.md

64 labels, each a von Mises-Fisher class on a sphere of 128 dimensions, 100 anchors, 4 draws, the exact temperature. The
*truth* of a world (its class means and anchors) is the limit of the plug-in estimate for infinitely many positions.
Every run then draws 2 to 128 positions per label (or labels of all these sizes together: ``mixed``) in 64 documents and
runs the estimator. A second table covers uninformative labels that are confined to few documents. Markdown goes to
stdout.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import vonmises_fisher

from benchmarks.cells import Cell, accuracy, coverage, table
from estimator.arrays import FloatArray
from estimator.measurement import Information
from estimator.soft_entropy.assignment import entropy, soft_assignments
from estimator.soft_entropy.information import Estimator
from estimator.soft_entropy.jackknife import document_groups
from estimator.soft_entropy.temperature import exact_temperature
from estimator.states.anchors import stack_anchors
from estimator.text.labels import label_set

LABELS, WIDTH, ANCHORS, DRAWS, DOCUMENTS = 64, 128, 100, 4, 64
COUNTS = (2, 4, 8, 16, 32, 64, 128)
SIZES = {str(count): np.full(LABELS, count) for count in COUNTS} | {"mixed": np.resize(COUNTS, LABELS)}
"""Positions of each label, [labels], by the name of the column."""
WORLDS, RUNS = 3, 40
ANCHOR_SEED = 1_000_000
TRUTH_POSITIONS = 4096
"""Positions per label for the truth: its bias is of the order of the inverse square of this number."""
NOISES = ("isotropic", "common mean", "strong dimensions")
RESULTANT = {"strong": 0.65, "weak": 0.3, "no": 0.0}
"""Length of the mean state of a class before anisotropy: the concentration of states around their class mean."""


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
        """A world of one kind of noise and one signal strength."""
        rng = np.random.default_rng(seed)
        means = _unit(rng.standard_normal((LABELS, WIDTH)))
        length = RESULTANT[signal]
        kappa = length * (WIDTH - length**2) / (1 - length**2)
        scale, offset = np.ones(WIDTH), np.zeros(WIDTH)
        if noise == "strong dimensions":
            scale[:3] = 8.0
        if noise == "common mean":
            offset = 1.5 * _unit(rng.standard_normal(WIDTH))
        # Distinct seeds: means drawn with an anchors' seed would equal the anchors.
        seeds = range(ANCHOR_SEED + seed, ANCHOR_SEED + seed + DRAWS)
        anchors = torch.from_numpy(stack_anchors(ANCHORS, WIDTH, seeds)).float()
        return cls(means, kappa, scale, offset, anchors)

    def scores(self, ids: npt.NDArray[np.int64], rng: np.random.Generator) -> torch.Tensor:
        """Cosines [draws, positions, anchors] of one random state per position with label ``ids`` [positions]."""
        z = self._classes(ids, rng) * self.scale + self.offset
        return torch.einsum("pd,rad->rpa", torch.from_numpy(_unit(z)).float(), self.anchors)

    def _classes(self, ids: npt.NDArray[np.int64], rng: np.random.Generator) -> FloatArray:
        """States of vMF(mean, κ): drawn around the first axis, then reflected onto each label's mean."""
        if self.kappa == 0:
            return _unit(rng.standard_normal((len(ids), WIDTH)))
        axis = np.eye(WIDTH)[0]
        z = vonmises_fisher(axis, self.kappa).rvs(len(ids), random_state=rng)
        mirror = _unit(axis - self.means)[ids]
        mirrored: FloatArray = z - 2 * (z * mirror).sum(1, keepdims=True) * mirror
        return mirrored

    def truths(self, weights: Sequence[FloatArray], rng: np.random.Generator) -> list[float]:
        """I(X;Z) for label ``weights`` [labels], in the limit of many positions.

        Plug-in values of M and of M/2 positions per label, extrapolated to remove the bias in 1/M.
        """
        if self.kappa == 0:
            return [0.0] * len(weights)
        temperature = exact_temperature(ANCHORS, WIDTH)
        halves = torch.zeros((2, LABELS, DRAWS, ANCHORS), dtype=torch.float64)
        for half in range(2):
            for label in range(LABELS):
                scores = self.scores(np.full(TRUTH_POSITIONS // 2, label), rng)
                for draw in range(DRAWS):
                    halves[half, label, draw] = soft_assignments(scores[draw], temperature)[0].double().mean(0)

        def plugin(q: torch.Tensor, pi: torch.Tensor) -> float:
            return float((entropy(torch.einsum("x,xra->ra", pi, q)) - pi @ entropy(q)).mean())

        return [
            2 * plugin(halves.mean(0), pi) - (plugin(halves[0], pi) + plugin(halves[1], pi)) / 2
            for pi in map(torch.from_numpy, weights)
        ]


def _unit(rows: FloatArray) -> FloatArray:
    unit: FloatArray = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return unit


def measure(world: World, counts: npt.NDArray[np.int64], rng: np.random.Generator) -> Information:
    """One run: ``counts`` [labels] positions of each label, spread over the documents at random."""
    ids = rng.permutation(np.repeat(np.arange(LABELS), counts))
    return _estimate(ids, np.arange(len(ids)) * DOCUMENTS // len(ids), world.scores(ids, rng))


def _estimate(ids: npt.NDArray[np.int64], documents: npt.NDArray[np.int64], scores: torch.Tensor) -> Information:
    estimator = Estimator([label_set(ids)], document_groups(documents), documents)
    return estimator.measure(scores, exact_temperature(ANCHORS, WIDTH)).information[0][2]


def document_bound(share: float, seed: int, count: int = 16) -> Information:
    """Uninformative labels on states that share a direction within each document.

    A ``share`` of the labels occurs in one document only, the others anywhere.
    """
    rng = np.random.default_rng(seed + 5)
    documents = np.repeat(np.arange(DOCUMENTS), LABELS * count // DOCUMENTS)
    ids = np.repeat(np.arange(LABELS), count)
    loose = ids >= share * LABELS
    ids[loose] = rng.permutation(ids[loose])
    world = World.draw("isotropic", "strong", seed)
    return _estimate(ids, documents, world.scores(documents, rng))


def study(runs: int) -> list[Cell]:
    """The cells of every noise, signal and number of positions."""
    cells = []
    for number, (noise, signal) in enumerate((n, s) for n in NOISES for s in RESULTANT):
        found: dict[str, list[tuple[float, Information]]] = {size: [] for size in SIZES}
        for world_number in range(WORLDS):
            seed = 1000 * number + 10 * world_number
            world, rng = World.draw(noise, signal, seed), np.random.default_rng(seed + 5)
            truths = world.truths([counts / counts.sum() for counts in SIZES.values()], rng)
            for (size, counts), truth in zip(SIZES.items(), truths, strict=True):
                found[size] += [(truth, measure(world, counts, rng)) for _ in range(runs)]
        for size, pairs in found.items():
            cells.append(
                Cell((noise, signal, size), np.array([t for t, _ in pairs]), tuple(value for _, value in pairs))
            )
    return cells


def summary(cells: Sequence[Cell]) -> str:
    """Markdown: coverage of the truth, accuracy of the values, and how often a ratio without signal is not withheld."""
    on_average = sum(cell.holds_on_average for cell in cells)
    silent = [run.is_zero for cell in cells if cell.where[1] == "no" for run in cell.runs]
    return "\n\n".join(
        [
            coverage(cells),
            accuracy(cells),
            f"Mean corrected value and mean jackknife enclose the truth in {on_average} of {len(cells)} cells. "
            f"Without signal {silent.count(False)} of {len(silent)} runs pass for information.",
        ]
    )


def document_table(runs: int) -> str:
    """Markdown: uninformative labels, by the share of them that is confined to one document."""
    lines = ["| labels confined to one document | corrected | jackknife | se |", "|--:|--:|--:|--:|"]
    for share in (0.0, 0.25, 0.5, 1.0):
        found = [document_bound(share, 10 * run) for run in range(runs)]
        means = [np.mean([getattr(run, name) for run in found]) for name in ("corrected", "high", "se")]
        lines.append(f"| {share:.0%} | " + " | ".join(f"{value:.4f}" for value in means) + " |")
    return "\n".join(lines)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    start = time.perf_counter()
    cells = study(runs)
    print(summary(cells), table(cells, ("noise", "signal", "positions per label")), document_table(runs), sep="\n\n")
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
