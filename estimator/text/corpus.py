"""A corpus: texts, further columns of the same records and preference pairs, with an identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from estimator.text.pairs import Pair
from estimator.text.tables import Document, Table


def _as_named(text_column: str | None) -> dict[str, Any]:
    return {"column": text_column}


@dataclass(frozen=True, slots=True)
class Corpus:
    """An open corpus: ``name`` is short and for people, ``identity`` JSON-ready and decides what its tables hold.

    ``column_identity`` maps the text column a user named, or None, to what :meth:`identity_of` adds: by default that
    name, which with the content decides the column read. Reading raises :class:`InputError` (``"corpus"`` or
    ``"column"``), and :class:`MeasurementError` (``"network"``) where a corpus is read over one.
    """

    name: str
    identity: dict[str, Any]
    tables: Sequence[Table]
    column_identity: Callable[[str | None], dict[str, Any]] = _as_named

    def identity_of(self, text_column: str | None) -> dict[str, Any]:
        """What decides the texts of a column, JSON-ready; part of the keys of samples."""
        return {**self.identity, **self.column_identity(text_column)}

    def documents(self, text_column: str | None = None, columns: Sequence[str] = ()) -> Iterator[Document]:
        """The documents, none of them empty, from the first on, read as they are asked for.

        ``text_column`` names the column with the text where it is not evident; ``columns`` are further ones whose
        values come with each text.
        """
        for table in self.tables:
            yield from table.documents(text_column, columns)

    def texts(self, text_column: str | None = None) -> Iterator[str]:
        """The texts of :meth:`documents` alone."""
        return (document.text for document in self.documents(text_column))

    def pairs(self) -> Iterator[Pair]:
        """The records as preference pairs, read as they are asked for."""
        for table in self.tables:
            yield from table.pairs()
