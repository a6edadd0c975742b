"""Made-up texts with documents, and states whose information about their labels in a *new* document is known.

A document has a label distribution of its own, drawn around that of all texts: the more bursty the labels, the more
often a document repeats its own. A position's input label is drawn from it, and its output label is the input label of
the next position. Its state is the sum of a direction of its input label, of its output label, of its document, of its
place, of one that all states share, and of noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from estimator.arrays import FloatArray, IntArray
from estimator.measurement import SIDES, Side
from estimator.soft_entropy.assignment import entropy, soft_assignments
from estimator.soft_entropy.information import Estimator, LayerInformation
from estimator.soft_entropy.jackknife import document_groups
from estimator.soft_entropy.temperature import exact_temperature
from estimator.states.anchors import stack_anchors
from estimator.text.labels import LabelSet, label_set

WIDTH, ANCHORS, DRAWS = 128, 100, 4
TRUTH_POSITIONS = 1024
"""Positions per label for the truth: its bias is of the order of the inverse square of this number."""
ANCHOR_SEED = 2_000_000


@dataclass(frozen=True)
class Setting:
    """A text of ``documents`` of ``length`` positions over ``labels``, and what its states encode, as lengths.

    ``burst`` is the probability that two labels of a document are equal because it is the same document. The noise
    has length 1. With ``mixed`` every second label has no direction, and the others one of twice the length.
    """

    documents: int
    length: int
    labels: int = 500
    burst: float = 0.0
    token: float = 0.0
    following: float = 0.0
    document: float = 0.0
    place: float = 0.0
    shared: float = 0.0
    mixed: bool = False


@dataclass(frozen=True)
class Text:
    """Labels of both sides and the document and place of every position, each [positions]."""

    labels: Mapping[Side, IntArray]
    document: IntArray
    place: IntArray


class World:
    """Directions, frequencies of labels and anchors of one setting, drawn from ``seed``."""

    def __init__(self, setting: Setting, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.setting = setting
        self.frequencies = 1 / (np.arange(setting.labels) + 3.0)
        self.frequencies /= self.frequencies.sum()
        scale = np.where(np.arange(setting.labels) % 2, 2.0, 0.0) if setting.mixed else np.ones(setting.labels)
        self._token = setting.token * scale[:, None] * _directions(setting.labels, rng)
        self._following = setting.following * _directions(setting.labels, rng)
        self._place = setting.place * _directions(setting.length, rng)
        self._shared = setting.shared * _directions(1, rng)
        # Distinct seeds: directions drawn with an anchors' seed would equal the anchors.
        seeds = range(ANCHOR_SEED + seed, ANCHOR_SEED + seed + DRAWS)
        self._anchors = torch.from_numpy(stack_anchors(ANCHORS, WIDTH, seeds)).float()
        self._temperature = exact_temperature(ANCHORS, WIDTH)

    def text(self, rng: np.random.Generator) -> Text:
        """A text drawn from this world."""
        rows = [self._row(rng) for _ in range(self.setting.documents)]
        inputs, outputs = (np.concatenate([row[part] for row in rows]) for part in (slice(-1), slice(1, None)))
        document = np.repeat(np.arange(self.setting.documents), self.setting.length)
        place = np.tile(np.arange(self.setting.length), self.setting.documents)
        return Text(dict(zip(SIDES, (inputs, outputs), strict=True)), document, place)

    def _row(self, rng: np.random.Generator) -> IntArray:
        """The labels of one document, [length + 1]."""
        frequencies = self.frequencies
        if self.setting.burst:
            frequencies = rng.dirichlet(frequencies * (1 / self.setting.burst - 1))
        return rng.choice(self.setting.labels, self.setting.length + 1, p=frequencies)

    def measure(self, text: Text, rng: np.random.Generator) -> LayerInformation:
        """One run of the estimator on states of ``text``: its label sets are tokens of both sides."""
        scores = self._scores(text, rng)
        estimator = Estimator(label_sets(text), document_groups(text.document), text.document)
        return estimator.measure(scores, self._temperature)

    def _scores(self, text: Text, rng: np.random.Generator) -> torch.Tensor:
        """Cosines [draws, positions, anchors] of one random state for each position."""
        inputs, outputs = (text.labels[side] for side in SIDES)
        documents = self.setting.document * _directions(int(text.document[-1]) + 1, rng)
        z = rng.standard_normal((len(inputs), WIDTH)) / math.sqrt(WIDTH)
        z += self._token[inputs] + self._following[outputs] + documents[text.document] + self._place[text.place]
        z += self._shared
        z /= np.linalg.norm(z, axis=1, keepdims=True)
        return torch.einsum("pd,rad->rpa", torch.from_numpy(z).float(), self._anchors)

    def truth(self, rng: np.random.Generator) -> Truth:
        """The information of each side where every position is in a document of its own."""
        return Truth({side: self._conditionals(side, rng) for side in SIDES})

    def _conditionals(self, side: Side, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Mean assignments [halves, labels, draws, anchors] for each label, and the mean entropies [labels, draws]."""
        found = np.zeros((2, self.setting.labels, DRAWS, ANCHORS))
        rows = np.zeros((self.setting.labels, DRAWS))
        count = TRUTH_POSITIONS // 2
        for half in range(2):
            for label in range(self.setting.labels):
                own = np.full(count, label)
                other = rng.choice(self.setting.labels, count, p=self.frequencies)
                other[rng.random(count) < self.setting.burst] = label
                sides = (own, other) if side == "input" else (other, own)
                place = rng.integers(self.setting.length, size=count)
                text = Text(dict(zip(SIDES, sides, strict=True)), np.arange(count), place)
                for draw, scores in enumerate(self._scores(text, rng)):
                    p, row_entropy = soft_assignments(scores, self._temperature)
                    found[half, label, draw] = p.double().mean(0)
                    rows[label, draw] += float(row_entropy.mean()) / 2
        return found, rows


@dataclass(frozen=True)
class Truth:
    """The conditionals of each side in the limit of many positions, for any weights of the labels."""

    conditionals: Mapping[Side, tuple[FloatArray, FloatArray]]

    def information(self, side: Side, ids: IntArray) -> float:
        """I(label;Z) for labels as frequent as in ``ids``: values of M and M/2 positions, extrapolated to many."""
        halves, _ = self.conditionals[side]
        weights = torch.from_numpy(np.bincount(ids, minlength=halves.shape[1]) / len(ids))

        def plugin(conditionals: FloatArray) -> float:
            q = torch.from_numpy(conditionals)
            return float((entropy(torch.einsum("x,xra->ra", weights, q)) - weights @ entropy(q)).mean())

        return 2 * plugin(halves.mean(0)) - (plugin(halves[0]) + plugin(halves[1])) / 2

    def of_context(self, ids: IntArray) -> float:
        """I(context;Z) for input labels as frequent as in ``ids``."""
        halves, rows = self.conditionals["input"]
        weights = np.bincount(ids, minlength=halves.shape[1]) / len(ids)
        marginal = torch.from_numpy(np.einsum("x,xra->ra", weights, halves.mean(0)))
        return float((entropy(marginal).numpy() - weights @ rows).mean())


def label_sets(text: Text) -> list[LabelSet]:
    """The token labels of both sides."""
    return [label_set(text.labels[side], "token", side) for side in SIDES]


def _directions(count: int, rng: np.random.Generator) -> FloatArray:
    rows = rng.standard_normal((count, WIDTH))
    directions: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return directions
