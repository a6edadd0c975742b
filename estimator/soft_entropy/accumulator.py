"""Information of hidden states given as arrays, in batches of any size and order.

What is held of a state is its scores, its labels and a hash of its values. Before anything is estimated, documents are
sorted by a hash of their content, and so are positions within a document: jackknife groups and random groups then
depend on what was given, not on the order in which it was given. Documents of equal content stay together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from estimator.arrays import FloatArray, HashArray, IntArray, mixed
from estimator.errors import InputError
from estimator.measurement import Information, Weights
from estimator.soft_entropy.jackknife import document_groups
from estimator.soft_entropy.plane import estimator_of
from estimator.soft_entropy.temperature import Temperature
from estimator.states.anchors import stack_anchors
from estimator.text.labels import LabelSet, Null, label_set

AnyArray = npt.ArrayLike | Tensor
"""A numpy array, a torch tensor on any device, or nested lists."""
_ROWS = 8192
"""States turned into scores at once: bounds the memory that a batch takes in single precision."""
_UNIT_WITHIN = 1e-2
"""How far the length of a given anchor may be from 1: unit rows of half precision pass."""
_SEED = 20_240_919


@dataclass(frozen=True, slots=True)
class LabelInformation:
    """I(X;Z) of one label set with one weighting at one temperature; ``null`` says what its null shuffles.

    ``entropy`` is H(Z) and ``ceiling`` what one label per position would score, fractions of log ``anchors``.
    """

    labels: str
    weights: Weights
    min_count: int
    null: Null
    temperature_rule: str
    temperature: float
    documents: int
    positions: int
    anchors: int
    entropy: float
    ceiling: float
    information: Information


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Scores [draws, positions, anchors] in float16, and of each position its hash, labels and document."""

    scores: Tensor
    hashes: HashArray
    labels: Mapping[str, npt.NDArray[Any]]
    documents: npt.NDArray[Any] | None


class StateAccumulator:
    """Collects hidden states [positions, width] as scores, and measures all of them together.

    ``anchors`` is how many directions each of ``anchor_seeds`` draws, or the directions themselves: unit rows
    [anchors, width], or several draws of them [draws, anchors, width]; seeds are not used then. A position takes
    2 · draws · anchors bytes (float16), 8 for its hash, and its labels and document as they are given.
    """

    def __init__(self, anchors: int | AnyArray, anchor_seeds: Sequence[int]) -> None:
        self._anchors = anchors if isinstance(anchors, int) else _unit_rows(anchors)
        self._seeds = tuple(anchor_seeds)
        self._directions: FloatArray | None = None if isinstance(self._anchors, int) else self._anchors
        self._batches: list[_Batch] = []

    def update(self, z: AnyArray, labels: Mapping[str, AnyArray], documents: AnyArray | None = None) -> None:
        """Add states ``z`` [positions, width] (numpy, torch on any device, or nested lists) with their labels.

        ``labels`` has a value per position for each label set, which every batch names alike. ``documents`` [positions]
        names the document of each position, and the same name is the same document in every batch; None: each position
        is a document of its own. Raises :class:`InputError`, and has then added nothing.
        """
        states = z.detach() if isinstance(z, Tensor) else np.asarray(z)
        if states.ndim != 2 or not len(states):
            raise InputError("states", f"States are an array [positions, width], not one of shape {[*states.shape]}.")
        if not isinstance(labels, Mapping) or not labels:
            raise InputError("labels", "Name each label set: labels={'class': [...]}.")
        given = {str(name): _column(f"labels {name!r}", values, len(states)) for name, values in labels.items()}
        of = None if documents is None else _column("documents", documents, len(states))
        self._check_like_others(set(given), of is not None)
        directions = self._directions_of(states.shape[1])
        scores, hashes = zip(*(_scored(block, directions) for block in _blocks(states)), strict=True)
        self._directions = directions
        self._batches.append(_Batch(torch.cat(scores, dim=1), np.concatenate(hashes), given, of))

    def merge(self, other: StateAccumulator) -> None:
        """Add all that ``other`` has collected with the same anchors; raises :class:`InputError` when they differ."""
        mine, theirs = self._directions, other._directions
        drawn_alike = isinstance(self._anchors, int) and (self._anchors, self._seeds) == (other._anchors, other._seeds)
        same = drawn_alike if mine is None or theirs is None else np.array_equal(mine, theirs)
        if not same:
            raise InputError("anchors", "Merge accumulators that have the same anchors and hold states of one width.")
        for batch in other._batches[:1]:
            self._check_like_others(set(batch.labels), batch.documents is not None)
        self._directions = theirs if mine is None else mine
        self._batches += other._batches

    def measure(
        self, temperatures: Sequence[Temperature], weights: Collection[Weights], min_count: int
    ) -> tuple[LabelInformation, ...]:
        """The information of each label set, weighting and temperature; the same for any order of batches.

        Labels that are the same at all positions of a document are shuffled as whole documents for their null, as
        ``--granularity column:NAME`` is, and all others over positions. Raises :class:`InputError`: ``"states"``
        without any, ``"documents"`` with too few, and what :func:`estimator.soft_entropy.plane.estimator_of` raises.
        """
        if not self._batches or self._directions is None:
            raise InputError("states", "There are no states to measure: call update first.")
        scores, sets, document, unit = self._sorted()
        if len(document) - int(np.bincount(document_groups(unit[document])).max()) < 2:
            raise InputError(
                "documents",
                "The error estimate leaves out documents in turn, and too few states are left then: add documents.",
            )
        documents, (_, anchors, width) = int(document[-1]) + 1, self._directions.shape
        found = []
        for null, some in _by_null(sets, document):
            estimator = estimator_of(some, null, document, unit, weights, min_count=min_count)
            for temperature in temperatures:
                epsilon = temperature.value(anchors, width)
                layer = estimator.measure(scores, epsilon)
                found += [
                    LabelInformation(
                        labels=labels.granularity,
                        weights=weighting,
                        min_count=min_count if weighting == "uniform" else 1,
                        null=null,
                        temperature_rule=temperature.rule,
                        temperature=epsilon,
                        documents=documents,
                        positions=len(document),
                        anchors=anchors,
                        entropy=layer.entropy,
                        ceiling=layer.ceiling,
                        information=information,
                    )
                    for labels, weighting, information in layer.information
                ]
        names = list(self._batches[0].labels)
        return tuple(sorted(found, key=lambda row: names.index(row.labels)))

    def _check_like_others(self, names: set[str], has_documents: bool) -> None:
        for batch in self._batches[:1]:
            if names != set(batch.labels):
                raise InputError("labels", f"Every batch needs the label sets {', '.join(batch.labels)}.")
            if has_documents != (batch.documents is not None):
                raise InputError("documents", "Give documents with every batch, or with none.")

    def _directions_of(self, width: int) -> FloatArray:
        if self._directions is None:
            assert isinstance(self._anchors, int)
            return stack_anchors(self._anchors, width, self._seeds)
        if self._directions.shape[2] != width:
            raise InputError("states", f"States have a width of {self._directions.shape[2]} here, not {width}.")
        return self._directions

    def _sorted(self) -> tuple[Tensor, list[LabelSet], IntArray, IntArray]:
        """All scores [draws, positions, anchors], label sets and documents [positions], sorted by their content.

        The last array is the unit of each document: documents of equal content belong together.
        """
        batches = self._batches
        hashes = np.concatenate([batch.hashes for batch in batches])
        sets = {name: label_set(_joined([b.labels[name] for b in batches]), name) for name in batches[0].labels}
        named = [batch.documents for batch in batches if batch.documents is not None]
        document = label_set(_joined(named)).ids if named else np.arange(len(hashes))
        order, document, unit = _content_order(hashes, [sets[name].ids for name in sorted(sets)], document)
        place = torch.from_numpy(np.argsort(order))
        draws, _, anchors = batches[0].scores.shape
        scores = torch.empty((draws, len(order), anchors), dtype=torch.float16)
        for batch, rows in zip(batches, place.split([len(batch.hashes) for batch in batches]), strict=True):
            scores[:, rows] = batch.scores
        found = [LabelSet(name, "input", one.ids[order], one.counts) for name, one in sets.items()]
        return scores, found, document, unit


def _unit_rows(anchors: AnyArray) -> FloatArray:
    values = anchors.detach().cpu().double().numpy() if isinstance(anchors, Tensor) else anchors
    rows = np.array(values, dtype=np.float64)
    rows = rows[None] if rows.ndim == 2 else rows
    if rows.ndim != 3 or rows.shape[1] < 2:
        raise InputError("anchors", "Anchors are a number, or an array [anchors, width] of 2 unit rows or more.")
    if not (np.abs(np.linalg.norm(rows, axis=-1) - 1) < _UNIT_WITHIN).all():
        raise InputError("anchors", "The rows of anchors need unit length: divide each by its norm.")
    return rows


def _column(name: str, values: AnyArray, positions: int) -> npt.NDArray[Any]:
    """One value per position, as an array that can be sorted."""
    column = np.array(values.detach().cpu().numpy() if isinstance(values, Tensor) else values)
    if column.shape != (positions,):
        raise InputError("labels", f"{name} need one value for each of {positions} states, not {[*column.shape]}.")
    return column.astype(str) if column.dtype == object else column


def _joined(columns: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    if len({column.dtype.kind for column in columns}) > 1:
        raise InputError("labels", "Batches give numbers and texts for the same labels: give one or the other.")
    return np.concatenate(columns)


def _blocks(states: Tensor | npt.NDArray[Any]) -> Iterator[Tensor]:
    """The states in single precision, some at a time, where they are."""
    if isinstance(states, Tensor):
        yield from (block.to(torch.float32) for block in states.split(_ROWS))
        return
    if states.dtype.kind not in "fiub":
        raise InputError("states", f"States are numbers, not of type {states.dtype}.")
    for start in range(0, len(states), _ROWS):
        yield torch.from_numpy(np.array(states[start : start + _ROWS], dtype=np.float32))


def _scored(z: Tensor, directions: FloatArray) -> tuple[Tensor, HashArray]:
    """Cosines [draws, positions, anchors] of states [positions, width] in float16, and a hash of each state."""
    if not bool(torch.isfinite(z).all()):
        raise InputError("states", "Some states are not finite: leave these positions out.")
    draws, anchors, width = directions.shape
    flat = torch.from_numpy(directions.reshape(draws * anchors, width)).to(z.device, torch.float32)
    norm = torch.linalg.vector_norm(z, dim=-1, keepdim=True).clamp_min_(torch.finfo(torch.float32).tiny)
    cosines = (z @ flat.T).div_(norm).view(len(z), draws, anchors).transpose(0, 1)
    factors = np.random.Generator(np.random.PCG64(_SEED)).integers(1, 2**63, width, dtype=np.int64) | 1
    bits = z.contiguous().view(torch.int32).long()
    hashes = (bits * torch.from_numpy(factors).to(z.device)).sum(1)  # modulo 2^64
    scores = cosines.to("cpu", torch.float16, memory_format=torch.contiguous_format)
    return scores, hashes.cpu().numpy().view(np.uint64)


def _by_null(sets: Iterable[LabelSet], document: IntArray) -> list[tuple[Null, list[LabelSet]]]:
    """Label sets with their null: those shuffled over positions together, each that documents carry by itself."""
    first = np.unique(document, return_index=True)[1]
    of_positions: list[LabelSet] = []
    of_documents: list[LabelSet] = []
    for labels in sets:
        in_documents = len(first) < len(document) and (labels.ids[first][document] == labels.ids).all()
        (of_documents if in_documents else of_positions).append(labels)
    together: list[tuple[Null, list[LabelSet]]] = [("positions", of_positions)] if of_positions else []
    return [*together, *(("documents", [labels]) for labels in of_documents)]


def _content_order(
    hashes: HashArray, labels: Sequence[IntArray], document: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """The order of positions by what their documents and they themselves hold; documents and units in that order.

    Documents of equal content are neighbours and one unit, except those of one position: equal states are no copies.
    """
    content = mixed(hashes)
    for ids in labels:
        content = mixed(content ^ ids.astype(np.uint64))
    whole = np.zeros(int(document.max()) + 1, dtype=np.uint64)
    np.add.at(whole, document, content)  # modulo 2^64, so in any order
    by_whole = np.argsort(whole, kind="stable")
    equal = whole[by_whole]
    occurrence = np.empty(len(whole), dtype=np.uint64)
    occurrence[by_whole] = np.arange(len(whole)) - np.searchsorted(equal, equal)
    occurrence[np.bincount(document) > 1] = 0
    content_of = mixed(whole ^ mixed(occurrence))
    by_content = np.argsort(content_of, kind="stable")
    place = np.empty(len(whole), dtype=np.int64)
    place[by_content] = np.arange(len(whole))
    unit = np.concatenate([[0], np.cumsum(np.diff(content_of[by_content]) != 0)]).astype(np.int64)
    order = np.lexsort((content, place[document]))
    return order, place[document][order], unit
