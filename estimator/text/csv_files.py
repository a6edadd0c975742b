"""CSV files: their delimiter, their header and their records."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estimator.errors import InputError
from estimator.text.columns import USUAL, is_number
from estimator.text.lines import lines_of
from estimator.text.pairs import PAIR_COLUMNS
from estimator.text.records import Record

_DELIMITERS = {"\t": "tabs", ";": "semicolons", "|": "vertical bars", ",": "commas"}  # if several fit, the first one
_LOOKED_AT = 200  # lines of the beginning
_LONGEST_CELL = 2**31 - 1  # the csv module's own limit, 128 KiB, is shorter than many documents
_LONGEST_NAME = 100
_NAMES = {*USUAL, *PAIR_COLUMNS, "id", "index", "label"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a CSV file is written: its delimiter, the names of its columns, and whether its first line has them.

    Without a header, columns are named by their numbers, from 1.
    """

    delimiter: str
    names: tuple[str, ...]
    has_header: bool


def csv_layout(file: Path) -> Layout:
    """The layout of a file, from its first lines; raises :class:`InputError` if two columns have one name.

    The delimiter is the one that splits most of the lines into as many cells as the first, and more than one. The first
    line is a header unless it has a cell that is no name: a number, a sentence, a long text.
    """
    lines = list(itertools.islice(lines_of(file, newline=""), _LOOKED_AT))
    by_delimiter = {delimiter: _first_rows(lines, delimiter) for delimiter in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda one: _share_alike(by_delimiter[one]))
    if not _share_alike(by_delimiter[delimiter]):
        delimiter = ","
    first = next(iter(by_delimiter[delimiter]), [])
    if not _is_header(first):
        return Layout(delimiter, tuple(str(number) for number in range(1, len(first) + 1)), False)
    names = tuple(cell.strip() for cell in first)
    if repeated := next((name for name in names if name and names.count(name) > 1), None):
        raise InputError("corpus", f"{file} has several columns named {repeated!r}: give each a name of its own.")
    return Layout(delimiter, names, True)


def csv_records(file: Path, layout: Layout) -> Iterator[tuple[int, Record]]:
    """The records, each with the number of the line in which it begins; columns without name are left out.

    Raises :class:`InputError` (``"corpus"``) for a record that is no CSV or has more cells than columns.
    """
    rows = _rows(file, layout)
    if layout.has_header:
        next(rows, None)
    for number, row in rows:
        if any(cell.strip() for cell in row[len(layout.names) :]):
            raise InputError(
                "corpus",
                f"Line {number} of {file} has {len(row)} cells and the first line {len(layout.names)}: put cells that "
                f"contain {_DELIMITERS[layout.delimiter]} between double quotes.",
            )
        cells = itertools.chain(row, itertools.repeat(None))
        yield number, {name: cell for name, cell in zip(layout.names, cells, strict=False) if name}


def _rows(file: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    reader = _reader(lines_of(file, newline=""), layout.delimiter)
    begin = 1
    try:
        for row in reader:
            if row:
                yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            "corpus", f"The record that begins in line {begin} of {file} is not CSV: {error}; check its double quotes."
        ) from error


def _first_rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    rows = []
    try:
        for row in _reader(lines, delimiter):
            if row:
                rows.append(row)
    except csv.Error:  # also where a cell goes on behind the lines looked at
        pass
    return rows


def _reader(lines: Iterable[str], delimiter: str) -> Any:
    csv.field_size_limit(_LONGEST_CELL)
    return csv.reader(lines, delimiter=delimiter, strict=True)


def _share_alike(rows: Sequence[Sequence[str]]) -> float:
    """The share of rows that have as many cells as the first; 0 if it has one."""
    if not rows or len(rows[0]) < 2:
        return 0.0
    return sum(len(row) == len(rows[0]) for row in rows) / len(rows)


def _is_header(cells: Sequence[str]) -> bool:
    names = [cell.strip() for cell in cells]
    return any(name.lower() in _NAMES for name in names) or not any(map(_is_data, names))


def _is_data(cell: str) -> bool:
    is_sentence = " " in cell and cell.endswith((".", "!"))
    return is_number(cell) or is_sentence or len(cell) > _LONGEST_NAME or "\n" in cell
