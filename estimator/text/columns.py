"""Columns of a table, and detection of the text column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from estimator.errors import InputError

USUAL = ("text", "content", "body", "document", "article", "passage", "story", "abstract", "sentence")


class Columns(NamedTuple):
    """The ``names`` of a table's columns, and the ``textual`` ones among them, both in the table's order."""

    names: Sequence[str]
    textual: Sequence[str]


def columns_of(records: Iterable[Mapping[str, Any]]) -> Columns | None:
    """The columns of the first record, textual if any of the records has text there; None without records."""
    records = list(records)
    if not records:
        return None
    filled = {column for record in records for column in textual(record)}
    return Columns(list(records[0]), [column for column in records[0] if column in filled])


def choose_column(columns: Sequence[str], textual: Sequence[str], named: str | None, where: str) -> str:
    """The ``named`` column, else one with a usual name, else the only one of the ``textual`` ones.

    Raises :class:`InputError` (``"column"``), which lists the ``columns``.
    """
    if named is not None:
        check_column(columns, named, where)
        return named
    usual = [column for name in USUAL for column in columns if column.lower() == name and column in textual]
    if usual:
        return usual[0]
    if len(textual) != 1:
        raise InputError(
            "column", f"The text column of {where} is not clear: name it with --text-column, one of {_listed(columns)}."
        )
    return textual[0]


def check_column(columns: Sequence[str], named: str, where: str) -> None:
    """Raise :class:`InputError` (``"column"``), which lists the ``columns``, if ``named`` is not one of them."""
    if named not in columns:
        raise InputError("column", f"{where} has no column {named!r}: its columns are {_listed(columns)}.")


def textual(record: Mapping[str, Any]) -> list[str]:
    """The columns of one record that hold text rather than numbers, lists or nothing."""
    return [column for column, value in record.items() if isinstance(value, str) and not _is_number(value)]


def text_of(value: Any, column: str, where: str) -> str:
    """The text of one cell, empty if it is None; raises :class:`InputError` for any other type."""
    if value is None:
        return ""
    if not isinstance(value, str):
        kind = {"dict": "records", "list": "lists", "bool": "true or false"}.get(type(value).__name__, "numbers")
        raise InputError("column", f"The column {column!r} of {where} holds {kind}, not text.")
    return value.strip()


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(columns) or "none"


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
