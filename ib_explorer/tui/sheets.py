"""Sheets: the content of tables on the screen, with columns, sorted and filtered rows, and text to copy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_explorer.drawing.shelf import Same
from ib_explorer.tui.wording import rows_in_words

if TYPE_CHECKING:
    from ib_explorer.tui.scene import Scene
    from ib_explorer.tui.state import State

_CONDITION = re.compile(r"(?P<name>.+?)(?P<sign><=|>=|=|<|>)(?P<number>[-+]?[\d.,]+(?:[eE][-+]?\d+)?[kKMBT]?)$")
_SIGNS: dict[str, Callable[[Any, Any], Any]] = {"<": lt, ">": gt, "=": eq, "<=": le, ">=": ge}
_UNITS = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What the user chose in one table: the column of the cursor, the column to sort by, and the filter as typed.

    Columns are named as in :class:`Column`; an empty name is the first value, or the sheet's own order.
    """

    column: str = ""
    by: str = ""
    descending: bool = True
    filter: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: ``of`` is an item's value, by which rows are sorted and which is copied; ``write`` its cell's text.

    A column of ``numbers`` is aligned to the right, and never shown in part.
    """

    name: str
    title: str
    width: int
    of: Callable[[Any], object]
    write: Callable[[Any], str]
    numbers: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """The items of a table in their own order, its columns, and how many of these stay when it is scrolled.

    ``go`` is the state with the cursor on an item.
    """

    items: Sequence[Any]
    columns: tuple[Column, ...]
    fixed: int
    go: Callable[[Scene, Any], State]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table as it is shown: ``order`` are indices of the source's items; ``problem`` says what of a filter fails."""

    source: Source
    arrangement: Arrangement
    order: Sequence[int]
    current: int | None
    problem: str = ""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns."""
        return self.source.columns

    @property
    def items(self) -> list[Any]:
        """The items shown, in order."""
        return [self.source.items[index] for index in self.order]

    def item(self, row: int) -> Any:
        """The item of a row."""
        return self.source.items[self.order[row]]

    def cells(self, row: int) -> list[str]:
        """The texts of a row's cells."""
        item = self.item(row)
        return [column.write(item) for column in self.columns]

    @property
    def at(self) -> int:
        """The index of the cursor's column."""
        names = [column.name for column in self.columns]
        name = self.arrangement.column
        return names.index(name) if name in names else min(self.source.fixed, len(names) - 1)

    @property
    def said(self) -> str:
        """The number of rows, the column they are sorted by, and the filter, in one line."""
        total, shown = len(self.source.items), len(self.order)
        parts = [rows_in_words(total) if shown == total else f"{shown:,} of {rows_in_words(total)}"]
        by = next((column.title for column in self.columns if column.name == self.arrangement.by), None)
        if by is not None:
            parts.append(f"by {by} {'▼' if self.arrangement.descending else '▲'}")
        if self.problem:
            parts.append(self.problem)
        return " · ".join(parts)

    @property
    def row(self) -> int | None:
        """The row of the current item; None if there is no such row."""
        return self.order.index(self.current) if self.current in self.order else None

    def text(self, rows: Iterable[int]) -> str:
        """The rows as tab-separated text with a header, values at full precision."""
        lines = ["\t".join(column.title for column in self.columns)]
        for row in rows:
            item = self.item(row)
            lines.append("\t".join(plain(column.of(item)) for column in self.columns))
        return "\n".join(lines) + "\n"


def sheet(source: Source, arrangement: Arrangement, current: int | None) -> Sheet:
    """The source sorted and filtered as arranged; ``current`` is the index of the item under the cursor, if any."""
    order, problem = _ordered(Same(source), arrangement.by, arrangement.descending, arrangement.filter)
    return Sheet(source, arrangement, order, current, problem)


def plain(value: object) -> str:
    """A value as text at full precision, without separators; empty if it is not known."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    text = repr(float(value)) if isinstance(value, float) else str(value)
    return re.sub(r"[\t\r\n]", " ", text)


@lru_cache(maxsize=8)
def _ordered(source: Same[Source], by: str, descending: bool, text: str) -> tuple[list[int], str]:
    kept, problem = _filtered(source, text)
    names = {column.name for column in source.value.columns}
    if by not in names:
        return np.flatnonzero(kept).tolist(), problem
    order = _sorted(source, by, descending)
    return order[kept[order]].tolist(), problem


@lru_cache(maxsize=8)
def _sorted(source: Same[Source], by: str, descending: bool) -> np.ndarray:
    """All items by a column; items without a value are last in both directions, equal ones stay in their order."""
    values = _values(source, by)
    if values.dtype.kind == "f":
        unknown = np.isnan(values)
        order = np.argsort(-values if descending else values, kind="stable")
        return np.concatenate([order[~unknown[order]], np.flatnonzero(unknown)])
    keys = sorted(range(len(values)), key=lambda index: str(values[index]).lower(), reverse=descending)
    return np.array(keys, dtype=np.intp)


@lru_cache(maxsize=64)
def _values(source: Same[Source], name: str) -> np.ndarray:
    """A column's values of all items: floats, NaN where unknown, if any is a number; otherwise as they are."""
    column = next(one for one in source.value.columns if one.name == name)
    found = [column.of(item) for item in source.value.items]
    if any(isinstance(value, int | float) for value in found) or all(value is None for value in found):
        numbers = [value if isinstance(value, int | float) else math.nan for value in found]
        return np.array(numbers, dtype=np.float64)
    values = np.empty(len(found), dtype=object)
    values[:] = found
    return values


@lru_cache(maxsize=4)
def _names(source: Same[Source]) -> list[str]:
    """The text of each item's fixed cells, to search in."""
    columns = source.value.columns[: source.value.fixed]
    return [" ".join([str(column.of(item)) for column in columns]).lower() for item in source.value.items]


def _filtered(source: Same[Source], text: str) -> tuple[np.ndarray, str]:
    """Which items fit all words of ``text``, and what is wrong with a word."""
    kept = np.ones(len(source.value.items), dtype=bool)
    problem = ""
    for word in text.split():
        found = _CONDITION.match(word)
        column = _column(source.value, found["name"]) if found else None
        if found and column is None:
            problem = f"no column {found['name']}"
        elif found and column is not None:
            number = _number(found["number"])
            values = _values(source, column.name)
            if number is None or values.dtype.kind != "f":
                problem = f"{column.title} is not a number" if number is not None else f"{word} has no number"
            else:
                kept &= _SIGNS[found["sign"]](values, number)
        else:
            kept &= np.fromiter((word.lower() in name for name in _names(source)), bool, len(kept))
    return kept, problem


def _column(source: Source, text: str) -> Column | None:
    """The column whose name or title is ``text`` without regard to case, or the first that begins with it."""
    text = text.lower()
    named = [
        (name.lower().replace(" ", ""), column) for column in source.columns for name in (column.title, column.name)
    ]
    return next((one for name, one in named if name == text), None) or next(
        (one for name, one in named if name.startswith(text)), None
    )


def _number(text: str) -> float | None:
    factor = _UNITS.get(text[-1], 1.0)
    try:
        return float(text.rstrip("kKMBT").replace(",", "")) * factor
    except ValueError:
        return None
