"""Coverage of the bracket in texts with documents: a simulation study with the truth of a new document.

    python -m benchmarks documents [runs] > documents.md        (about half an hour)

Texts of 8,192 positions in 16, 64 or 512 documents, whose labels are not bursty, mildly or strongly so, and states that
encode their token, their document, their place, the next token, or several of these (:mod:`benchmarks.texts`). The
truth is the information of a position of a document that has not been seen: what a state knows of its document says
nothing there. Markdown goes to stdout.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

import numpy as np

from benchmarks.cells import Cell, accuracy, coverage, table
from benchmarks.texts import Setting, World
from estimator.measurement import SIDES, Information, Side

WORLDS, RUNS = 2, 20
POSITIONS = 8192
DOCUMENTS = (16, 64, 512)
BURSTS = {"none": 0.0, "mild": 0.01, "strong": 0.05}
STATES: Mapping[str, Mapping[str, float | bool]] = {
    "token": {"token": 0.8},
    "token, document": {"token": 0.5, "document": 0.8},
    "document": {"document": 1.2},
    "place": {"place": 1.2},
    "next token": {"following": 1.0},
    "token, next token": {"token": 0.6, "following": 0.6},
    "every second token, document": {"token": 0.7, "document": 0.5, "mixed": True},
}
"""What states encode, by the name of the row."""


def study(runs: int) -> list[Cell]:
    """Two cells, one for each side, of every kind of state, number of documents and burstiness."""
    cells = []
    grid = [(state, count, burst) for state in STATES for count in DOCUMENTS for burst in BURSTS]
    for number, (state, count, burst) in enumerate(grid):
        setting = Setting(count, POSITIONS // count, burst=BURSTS[burst], **STATES[state])  # type: ignore[arg-type]
        found: dict[Side, list[tuple[float, Information]]] = {side: [] for side in SIDES}
        for world_number in range(WORLDS):
            world = World(setting, 1000 * number + 10 * world_number)
            rng = np.random.default_rng(1000 * number + 10 * world_number + 5)
            truth = world.truth(rng)
            for _ in range(runs):
                text = world.text(rng)
                values = world.measure(text, rng).information
                for labels, _, value in values:
                    found[labels.side].append((truth.information(labels.side, text.labels[labels.side]), value))
        for side, pairs in found.items():
            where = (state, side, f"{count} × {POSITIONS // count}", burst)
            cells.append(Cell(where, np.array([at for at, _ in pairs]), tuple(value for _, value in pairs)))
        print(f"{number + 1} of {len(grid)}", file=sys.stderr, flush=True)
    return cells


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    start = time.perf_counter()
    cells = study(runs)
    print(coverage(cells), accuracy(cells), table(cells, ("states", "side", "documents", "burst")), sep="\n\n")
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
