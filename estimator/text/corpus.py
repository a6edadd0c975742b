"""A corpus: texts, further columns of the same records and preference pairs, with an identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from estimator.text.pairs import Pair
from estimator.text.records import LeftOut, Unusable, usable
from estimator.text.tables import Document, Table


def _as_named(text_column: str | None) -> dict[str, Any]:
    return {"column": text_column}


@dataclass(frozen=True, slots=True)
class Corpus:
    """An open corpus: ``name`` is for display, ``identity`` is JSON-ready and identifies the content of its tables.

    ``column_identity`` maps the text column a user named, or None, to the addition that :meth:`identity_of` makes: by
    default that name, which together with the content determines the column read. Reading raises :class:`InputError`
    (``"corpus"`` or ``"column"``), and :class:`MeasurementError` (``"network"``) for a corpus read over a network.
    """

    name: str
    identity: dict[str, Any]
    tables: Sequence[Table]
    column_identity: Callable[[str | None], dict[str, Any]] = _as_named

    def identity_of(self, text_column: str | None) -> dict[str, Any]:
        """The identity of a column's texts, JSON-ready; part of the keys of samples."""
        return {**self.identity, **self.column_identity(text_column)}

    def documents(self, text_column: str | None = None, columns: Sequence[str] = ()) -> Iterator[Document | Unusable]:
        """The documents, none of them empty, and the records that hold none, in order, read on demand.

        ``text_column`` names the text column if it cannot be detected; ``columns`` are further columns whose values are
        returned with each text.
        """
        for table in self.tables:
            yield from table.documents(text_column, columns)

    def texts(self, text_column: str | None = None) -> Iterator[str]:
        """The texts of :meth:`documents` alone."""
        return (document.text for document in usable(self.documents(text_column), LeftOut()))

    def pairs(self) -> Iterator[Pair | Unusable]:
        """The records as preference pairs, with an :class:`Unusable` for each that is not one, read on demand."""
        for table in self.tables:
            yield from table.pairs()
