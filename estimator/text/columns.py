"""Columns of a table, and detection of the text column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from estimator.errors import InputError

USUAL = ("text", "content", "body", "document", "article", "passage", "story", "abstract", "sentence")

_KINDS = {"dict": "records", "list": "lists", "bool": "true or false", "bytes": "bytes"}
_NUMBERS = ("int", "float", "Decimal")


class Columns(NamedTuple):
    """The ``names`` of a table's columns, and the ``textual`` ones among them, both in the table's order."""

    names: Sequence[str]
    textual: Sequence[str]


def columns_of(records: Iterable[Mapping[str, Any]]) -> Columns | None:
    """The columns of some records, textual if half of their non-empty values are text; None without records."""
    records = list(records)
    if not records:
        return None
    names = list(dict.fromkeys(column for record in records for column in record))
    return Columns(names, [column for column in names if _is_textual([record.get(column) for record in records])])


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


def kind_of_value(value: Any) -> str:
    """What a value that is not text is, in the plural ("numbers", "lists")."""
    kind = type(value).__name__
    return _KINDS.get(kind, "numbers" if kind in _NUMBERS else f"values of the type {kind}")


def is_number(value: str) -> bool:
    """Whether a cell of text is a number."""
    try:
        float(value)
    except ValueError:
        return False
    return True


def _is_textual(values: Iterable[Any]) -> bool:
    filled = [value for value in values if not (value is None or (isinstance(value, str) and not value.strip()))]
    texts = sum(isinstance(value, str) and not is_number(value) for value in filled)
    return texts > 0 and texts * 2 >= len(filled)


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(columns) or "none"
