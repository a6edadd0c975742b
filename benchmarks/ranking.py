"""Which values and ratios rank models as their true information does: a simulation study.

    python -m benchmarks ranking [models] > ranking.md

Made-up models (:mod:`benchmarks.texts`) differ in how much their states encode of the token, of the next token and of
the document, and in the direction that all states share (anisotropy). First they are all measured on one text, then
each on a text of its own, with its own number of documents, length, vocabulary and burstiness. Markdown goes to stdout.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import spearmanr

from benchmarks.cells import VALUES
from benchmarks.texts import Setting, World
from estimator.measurement import SIDES, Information

MODELS = 40
RANKED: Mapping[str, Callable[[Information], float]] = {
    **VALUES,
    "low end of the bracket": lambda run: run.bracket[0],
    "middle of the bracket": lambda run: sum(run.bracket) / 2,
}
QUANTITIES = ("I(X;Z)", "I(Y;Z)", "optimality", "predictive share")


@dataclass(frozen=True)
class Model:
    """A model's true information of both sides and of the context, and what was measured of them."""

    truths: tuple[float, float, float]
    measured: tuple[Information, Information]
    ceiling: float

    def truth(self, quantity: str) -> float:
        """The true value of one of :data:`QUANTITIES`."""
        return _quantity(quantity, *self.truths)

    def value(self, quantity: str, value: Callable[[Information], float]) -> float:
        """The measured one, from one of :data:`RANKED`."""
        x, y = map(value, self.measured)
        return _quantity(quantity, x, y, self.ceiling)


def _quantity(name: str, x: float, y: float, context: float) -> float:
    return {"I(X;Z)": x, "I(Y;Z)": y, "optimality": y / x, "predictive share": y / context}[name]


def draw(number: int, *, own_text: bool) -> Setting:
    """The setting of one model."""
    rng = np.random.default_rng(number)
    token, following, document, shared = rng.uniform((0.3, 0.0, 0.0, 0.0), (1.2, 1.0, 1.0, 2.0))
    setting = Setting(64, 128, 500, 0.02, token, following, document, shared=shared)
    if not own_text:
        return setting
    return replace(
        setting,
        documents=int(rng.choice((32, 64, 128))),
        length=int(rng.choice((64, 128, 256))),
        labels=int(rng.choice((200, 500, 2000))),
        burst=float(rng.choice((0.0, 0.01, 0.05))),
    )


def measure(setting: Setting, number: int) -> Model:
    """One model, measured on its text and against its truth."""
    world, rng = World(setting, 10 * number), np.random.default_rng(10 * number + 5)
    truth, text = world.truth(rng), world.text(rng)
    layer = world.measure(text, rng)
    x, y = (truth.information(side, text.labels[side]) for side in SIDES)
    found = tuple(value for _, _, value in layer.information)
    return Model((x, y, truth.of_context(text.labels["input"])), (found[0], found[1]), layer.ceiling)


def wrong(values: Sequence[float], truths: Sequence[float]) -> float:
    """The share of pairs of models that ``values`` rank otherwise than ``truths``."""
    pairs = itertools.combinations(zip(values, truths, strict=True), 2)
    return float(np.mean([(a - b) * (x - y) <= 0 for (a, x), (b, y) in pairs]))


def table(models: Sequence[Model]) -> str:
    """Markdown: Spearman's correlation with the truth, and pairs ranked wrongly, for every value and quantity."""
    lines = [f"| value | {' | '.join(QUANTITIES)} |", "|---" + "|--:" * len(QUANTITIES) + "|"]
    for name, value in RANKED.items():
        cells = []
        for quantity in QUANTITIES:
            truths = [model.truth(quantity) for model in models]
            values = [model.value(quantity, value) for model in models]
            cells.append(f"{spearmanr(values, truths).statistic:.2f}, {wrong(values, truths):.0%}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MODELS
    start = time.perf_counter()
    for title, own_text in (("One text", False), ("Texts of their own", True)):
        models = [measure(draw(number, own_text=own_text), number) for number in range(count)]
        print(f"{title}: Spearman's correlation with the truth, pairs of models ranked wrongly\n\n{table(models)}\n")
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
