"""The rows of a measured checkpoint, indexed by the fields a view selects: each key press queries hundreds of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Generic, TypeVar

from estimator.measurement import CheckpointMeasurements, Granularity, Layer, Measurement, Weights, mean_over_layers

Value = TypeVar("Value")
Choice = tuple[Granularity, Weights, int, str, str]
"""Fields that identify a row within a layer: labels, weights, minimum count (1: all), variant and temperature rule."""

_choice = attrgetter("granularity", "weights", "min_count", "variant", "temperature_rule")


class Same(Generic[Value]):
    """A value compared by identity, so that ``lru_cache`` does not hash and compare thousands of rows."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.value is self.value


class Shelf:
    """The rows of ``record`` by choice and layer; means over layers are computed on demand."""

    def __init__(self, record: CheckpointMeasurements) -> None:
        self.record = record
        self._rows: dict[Choice, dict[Layer, Measurement]] = {}
        self._means: dict[Choice, Measurement | None] = {}
        for row in record.rows:
            self._rows.setdefault(_choice(row), {}).setdefault(row.layer, row)

    def rows(self, choice: Choice) -> Mapping[Layer, Measurement]:
        """The rows of a choice by layer, without their mean."""
        return self._rows.get(choice, {})

    def mean(self, choice: Choice) -> Measurement | None:
        """The mean over layers 1 to the depth; None unless all of them are measured."""
        if choice not in self._means:
            rows = [row for row in self.rows(choice).values() if row.layer != 0]
            self._means[choice] = mean_over_layers(rows) if len(rows) == self.record.depth else None
        return self._means[choice]

    @cached_property
    def layers(self) -> frozenset[int]:
        """The layers that have rows."""
        return frozenset(layer for rows in self._rows.values() for layer in rows if isinstance(layer, int))

    @cached_property
    def rules(self) -> tuple[str, ...]:
        """The temperature rules of the rows, in the order of the rows."""
        return tuple(dict.fromkeys(rule for *_, rule in self._rows))

    @cached_property
    def variants(self) -> frozenset[str]:
        """The variants of the rows."""
        return frozenset(variant for *_, variant, _ in self._rows)

    @cached_property
    def granularities(self) -> frozenset[Granularity]:
        """The kinds of labels of the rows."""
        return frozenset(granularity for granularity, *_ in self._rows)

    @cached_property
    def labels(self) -> frozenset[tuple[Granularity, int, int]]:
        """Granularity and the numbers of distinct input and output labels of the sample, for labels with two sides."""
        firsts = [next(iter(rows.values())) for rows in self._rows.values()]
        return frozenset(
            (row.granularity, row.complexity.labels, row.expressivity.labels)
            for row in firsts
            if row.expressivity is not None
        )


def shelf_of(record: CheckpointMeasurements) -> Shelf:
    """The shelf of a record, cached."""
    return _shelf_of(Same(record))


@lru_cache(maxsize=4096)
def _shelf_of(record: Same[CheckpointMeasurements]) -> Shelf:
    return Shelf(record.value)
