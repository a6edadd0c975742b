"""Records of a table, and those that cannot be used: left out, counted by reason and reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from estimator.errors import InputError

Item = TypeVar("Item")
Record = Mapping[str, Any]

TRIED = 32
"""Records that may be unusable before the first usable one."""

_REASONS = 4  # named one by one


@dataclass(frozen=True, slots=True)
class Unusable:
    """A record that cannot be used: its ``place`` ("line 3 of texts.jsonl") and the ``reason``, a clause."""

    place: str
    reason: str


@dataclass(slots=True)
class LeftOut:
    """Records that a sample leaves out, as a text for notes: their number, and the place of the first, by reason."""

    _counts: Counter[str] = field(default_factory=Counter)
    _first: dict[str, str] = field(default_factory=dict)

    def add(self, place: str, reason: str) -> None:
        """Count one record."""
        self._counts[reason] += 1
        self._first.setdefault(reason, place)

    def __len__(self) -> int:
        return self._counts.total()

    def __str__(self) -> str:
        usual = self._counts.most_common(_REASONS)
        parts = [f"{count} because {reason} ({self._example(reason, count)})" for reason, count in usual]
        if rest := len(self) - sum(count for _, count in usual):
            parts.append(f"{rest} for other reasons")
        return ", ".join(parts)

    def _example(self, reason: str, count: int) -> str:
        return self._first[reason] if count == 1 else f"first: {self._first[reason]}"


def usable(items: Iterable[Item | Unusable], left_out: LeftOut) -> Iterator[Item]:
    """The items that can be used; adds the others to ``left_out``.

    Raises :class:`InputError` (``"column"``) if the first :data:`TRIED` items, or all of them, are unusable.
    """
    first: Unusable | None = None
    unusable = 0
    is_any_usable = False
    for item in items:
        if not isinstance(item, Unusable):
            is_any_usable = True
            yield item
            continue
        left_out.add(item.place, item.reason)
        first = first or item
        unusable += 1
        if unusable == TRIED and not is_any_usable:
            break
    if first is not None and not is_any_usable:
        none = "The only record" if unusable == 1 else f"None of the {unusable} records read"
        raise InputError("column", f"{none} can{'not' * (unusable == 1)} be used: in {first.place}, {first.reason}.")
