"""Labels of token positions: the definition of a kind of labels, and the label sets it assigns to a sample."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from estimator.arrays import IntArray
from estimator.measurement import SIDES, Side
from estimator.registry import Registry
from estimator.text.sample import Sample

SampleKind = Literal["texts", "pairs"]
"""The unit of a sample: texts, or pairs of a chosen and a rejected completion."""
Null = Literal["positions", "documents", "pairs"]
"""Shuffling of labels for the null: over all positions, over whole documents, or by swapping within pairs."""
TWO_SIDED: Mapping[Side, str] = MappingProxyType({"input": "I(X;Z)", "output": "I(Y;Z)"})


@dataclass(frozen=True, slots=True)
class LabelSet:
    """A label for every position: ``ids`` [positions] in 0..labels-1, and the ``counts`` [labels] of each."""

    granularity: str
    side: Side
    ids: IntArray
    counts: IntArray

    @property
    def labels(self) -> int:
        """The number of distinct labels that occur."""
        return len(self.counts)

    @property
    def singletons(self) -> float:
        """Share of positions whose label occurs once."""
        return float((self.counts == 1).sum() / len(self.ids))


def label_set(values: npt.ArrayLike, granularity: str = "token", side: Side = "input") -> LabelSet:
    """A label set from one value of any type per position."""
    _, ids, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    return LabelSet(granularity, side, ids.astype(np.int64), counts.astype(np.int64))


@dataclass(frozen=True, slots=True)
class LabelKind:
    """One kind of labels: an entry of ``--granularity``.

    ``label`` returns one value per measured position for each side of ``titles``, which name the information on the
    screen: two sides give a point of the plane, an input side alone gives one value. ``null`` is how labels are
    shuffled, ``sample`` the sample they apply to, and ``columns`` the columns of the corpus they need. ``within`` names
    the narrower kind whose labels these refine. Kinds of one ``family`` are measured together whenever one of them is
    requested. A kind with a ``parameter`` is requested as ``name:argument``; ``label`` then takes a second argument,
    which also replaces ``{argument}`` in titles and columns.
    """

    name: str
    help: str
    label: Callable[..., Mapping[Side, npt.ArrayLike]]
    titles: Mapping[Side, str] = field(default_factory=lambda: TWO_SIDED)
    null: Null = "positions"
    sample: SampleKind = "texts"
    columns: tuple[str, ...] = ()
    within: str | None = None
    family: str | None = None
    parameter: str | None = None

    @property
    def is_two_sided(self) -> bool:
        """Whether its information is a point of the plane, I(X;Z) and I(Y;Z), rather than one value."""
        return len(self.titles) == len(SIDES)

    @property
    def spelling(self) -> str:
        """The kind as users write it."""
        return f"{self.name}:{self.parameter}" if self.parameter else self.name

    def of(self, argument: str) -> LabelKind:
        """This kind with the value of its parameter."""
        titles: dict[Side, str] = {side: title.format(argument=argument) for side, title in self.titles.items()}
        label = partial(self.label, argument=argument)
        columns = tuple(column.format(argument=argument) for column in self.columns)
        name = f"{self.name}:{argument}"
        return replace(self, name=name, label=label, titles=titles, columns=columns, parameter=None)


class LabelKinds(Registry[LabelKind]):
    """The kinds of labels by name; accepts ``name:argument`` as well."""

    def find(self, name: str) -> LabelKind:
        """The kind requested as ``name``; raises :class:`InputError` (``"granularity"``)."""
        base, colon, argument = name.partition(":")
        kind = super().find(base)
        if bool(argument.strip()) != bool(kind.parameter):
            raise self.unknown(name)
        return kind.of(argument) if colon else kind

    @property
    def choices(self) -> list[str]:
        """The kinds as users write them."""
        return [kind.spelling for kind in self.values()]

    def place(self, name: str) -> tuple[int, str]:
        """A sort key: the kind's rank in the registry, then its name; kinds that are not installed come last."""
        names = list(self)
        base = name.partition(":")[0]
        return (names.index(base) if base in names else len(names)), name

    def titles(self, name: str) -> Mapping[Side, str]:
        """The titles of a kind's sides; the default titles for a kind that is not installed."""
        base, _, argument = name.partition(":")
        kind = self.get(base)
        return TWO_SIDED if kind is None else (kind.of(argument) if argument else kind).titles

    def sample(self, name: str) -> SampleKind:
        """The kind of sample it is measured on; texts for a kind that is not installed."""
        kind = self.get(name.partition(":")[0])
        return "texts" if kind is None else kind.sample

    def family(self, names: Iterable[str]) -> list[LabelKind]:
        """The kinds of these names and all that are measured together with them, in the order of the registry."""
        asked = {name: self.find(name) for name in names}
        families = {kind.family for kind in asked.values()} - {None}
        asked |= {kind.name: kind for kind in self.values() if kind.family in families}
        return [asked[name] for name in sorted(asked, key=self.place)]

    def chain(self, name: str) -> list[LabelKind]:
        """The kind and the narrower ones that it refines, narrowest first."""
        kind = self.find(name)
        return [*(self.chain(kind.within) if kind.within else []), kind]


class LabelText:
    """A sample as the input of kinds of labels; ``tokenizer`` loads the tokenizer, which few kinds need.

    Label sets are cached, so that a kind can build on those of a narrower one.
    """

    def __init__(self, sample: Sample, kinds: LabelKinds, tokenizer: Callable[[], Any] | None = None) -> None:
        self.sample = sample
        self._kinds = kinds
        self._tokenizer = tokenizer
        self._made: dict[str, dict[Side, LabelSet]] = {}

    @cached_property
    def positions(self) -> IntArray:
        """Indices of the measured positions in the sample's tokens, int64 [positions]."""
        return self.sample.position_index()

    @cached_property
    def tokens(self) -> IntArray:
        """The sample's tokens as indices into :attr:`vocabulary`, int64 [tokens]."""
        return self._vocabulary[1]

    @property
    def vocabulary(self) -> IntArray:
        """The token ids that occur, ascending."""
        return self._vocabulary[0]

    @cached_property
    def pieces(self) -> list[str]:
        """The text of each entry of :attr:`vocabulary`."""
        if self._tokenizer is None:
            raise ValueError("these labels need the sample's tokenizer")
        tokenizer = self._tokenizer()
        return [tokenizer.decode([token], clean_up_tokenization_spaces=False) for token in self.vocabulary.tolist()]

    @cached_property
    def units(self) -> IntArray:
        """What belongs together of the documents, int64 [documents]: :meth:`.Sample.units`, found once."""
        return self.sample.units()

    @cached_property
    def unit_of_position(self) -> IntArray:
        """The unit of each measured position's document, int64 [positions]."""
        together: IntArray = self.per_document(self.units)
        return together

    def per_document(self, values: npt.ArrayLike) -> npt.NDArray[Any]:
        """Values per document [documents], repeated for each measured position [positions]."""
        spread: npt.NDArray[Any] = np.asarray(values)[self.sample.document_of_position()]
        return spread

    def labels(self, kind: LabelKind | str, side: Side) -> LabelSet:
        """The label set of one side of a kind."""
        kind = self._kinds.find(kind) if isinstance(kind, str) else kind
        if kind.name not in self._made:
            values = kind.label(self)
            self._made[kind.name] = {one: label_set(values[one], kind.name, one) for one in kind.titles}
        return self._made[kind.name][side]

    def label_sets(self, kinds: Iterable[LabelKind]) -> list[LabelSet]:
        """The label sets of several kinds: all of the input side, then all of the output side."""
        kinds = list(kinds)
        return [self.labels(kind, side) for side in SIDES for kind in kinds if side in kind.titles]

    def digest(self, kinds: Iterable[LabelKind]) -> str:
        """SHA-256 (hex) of the labels of several kinds, which identifies them however they were computed."""
        digest = hashlib.sha256()
        for labels in self.label_sets(kinds):
            digest.update(f"{labels.granularity} {labels.side} ".encode() + labels.ids.astype("<i8").tobytes())
        return digest.hexdigest()

    @cached_property
    def _vocabulary(self) -> tuple[IntArray, IntArray]:
        vocabulary, tokens = np.unique(self.sample.tokens, return_inverse=True)
        return vocabulary.astype(np.int64), tokens
