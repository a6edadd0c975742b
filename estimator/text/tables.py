"""Tables of a corpus: either records with columns or plain texts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from estimator.errors import InputError
from estimator.text.columns import Columns, check_column, choose_column, columns_of, text_of
from estimator.text.pairs import Pair, read_pairs

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """One non-empty text, with the values of the further ``columns`` requested from the same record."""

    text: str
    columns: tuple[object, ...] = ()


class Table(Protocol):
    """One part of a corpus, read from its beginning each time, and only as far as needed."""

    def documents(self, text_column: str | None, columns: Sequence[str]) -> Iterator[Document]:
        """The texts of a column (None: the detected one) with the values of further columns of the same record."""

    def pairs(self) -> Iterator[Pair]:
        """The records as preference pairs."""


@dataclass(frozen=True)
class Records:
    """A table with columns: ``read`` returns its records, ``where`` names it in messages.

    The first record names all columns. An unnamed text column is detected in the first ``deciding`` records. Reading
    raises :class:`InputError` (``"column"``).
    """

    where: str
    read: Callable[[], Iterable[Record]]
    deciding: int = 1

    @cached_property
    def columns(self) -> Columns | None:
        """The table's columns; None if it has no records."""
        return columns_of(itertools.islice(self.read(), self.deciding))

    def select(self, columns: Sequence[str]) -> Iterable[Record]:
        """The records; only ``columns`` need to be present."""
        return self.read()

    def text_column(self, named: str | None) -> str:
        """The column that holds the text; raises :class:`InputError` ``"corpus"`` if there are no records."""
        if self.columns is None:
            raise InputError("corpus", f"{self.where} contains no records.")
        return choose_column(*self.columns, named, self.where)

    def documents(self, text_column: str | None, columns: Sequence[str]) -> Iterator[Document]:
        """The texts of a column with the values of further ones; records without text are skipped."""
        if self.columns is None:
            return
        text_column = self.text_column(text_column)
        for column in columns:
            check_column(self.columns.names, column, self.where)
        for record in self.select([text_column, *columns]):
            if text := text_of(record.get(text_column), text_column, self.where):
                yield Document(text, tuple(record.get(column) for column in columns))

    def pairs(self) -> Iterator[Pair]:
        """The records as preference pairs, see :func:`estimator.text.pairs.read_pairs`."""
        return read_pairs(self.read(), self.where)


@dataclass(frozen=True)
class PlainTexts:
    """A table of non-empty texts, returned by ``read``, without columns or pairs."""

    where: str
    read: Callable[[], Iterable[str]]

    def documents(self, text_column: str | None, columns: Sequence[str]) -> Iterator[Document]:
        """The texts; raises :class:`InputError` (``"column"``) if further columns are requested."""
        if columns:
            raise InputError(
                "column",
                f"{self.where} is plain text and has no column {columns[0]!r}: "
                "use a corpus with columns, such as a .jsonl file.",
            )
        yield from map(Document, self.read())

    def pairs(self) -> Iterator[Pair]:
        """Raise :class:`InputError` (``"corpus"``): plain text has no pairs."""
        raise InputError(
            "corpus",
            f"{self.where} is plain text, not a preference set: use a file with the columns chosen and rejected.",
        )
