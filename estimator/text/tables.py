"""Tables of a corpus: either records with columns or plain texts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

from estimator.errors import InputError
from estimator.text.columns import Columns, check_column, choose_column, columns_of, kind_of_value
from estimator.text.pairs import PAIR_COLUMNS, Pair, check_pair_columns, read_pairs
from estimator.text.records import Record, Unusable

_DECIDING = 8  # records from which the text column is detected, because single ones may have empty cells


@dataclass(frozen=True, slots=True)
class Document:
    """One non-empty text, with the values of the further ``columns`` requested from the same record."""

    text: str
    columns: tuple[object, ...] = ()


class Table(Protocol):
    """One part of a corpus, read from its beginning each time, and only as far as needed."""

    def documents(self, text_column: str | None, columns: Sequence[str]) -> Iterator[Document | Unusable]:
        """The texts of a column (None: the detected one) with the values of further columns of the same record."""

    def pairs(self) -> Iterator[Pair | Unusable]:
        """The records as preference pairs."""


@dataclass(frozen=True)
class ColumnTable:
    """A table with columns, named ``where`` in messages; subclasses provide :meth:`rows`.

    Its first records name all columns, and an unnamed text column is detected in them. Reading raises
    :class:`InputError` (``"column"``).
    """

    where: str
    unit: ClassVar[str] = "record"
    """What messages call a record."""

    def rows(self, columns: Sequence[str] | None = None) -> Iterable[tuple[int, Record]]:
        """The records, each with its number; only ``columns`` (None: all) need to be present."""
        raise NotImplementedError

    @cached_property
    def columns(self) -> Columns | None:
        """The table's columns; None if it has no records."""
        return columns_of(record for _, record in itertools.islice(self.rows(), _DECIDING))

    def text_column(self, named: str | None) -> str:
        """The column that holds the text; raises :class:`InputError` ``"corpus"`` if there are no records."""
        if self.columns is None:
            raise InputError("corpus", f"{self.where} contains no records.")
        return choose_column(*self.columns, named, self.where)

    def documents(self, text_column: str | None, columns: Sequence[str]) -> Iterator[Document | Unusable]:
        """The texts of a column with the values of further ones; records without text are skipped."""
        if self.columns is None:
            return
        text_column = self.text_column(text_column)
        for column in columns:
            check_column(self.columns.names, column, self.where)
        for number, record in self.rows([text_column, *columns]):
            text = record.get(text_column)
            if isinstance(text, str):
                if text := text.strip():
                    yield Document(text, tuple(record.get(column) for column in columns))
            elif text is not None:
                yield Unusable(self._place(number), f"the column {text_column!r} holds {kind_of_value(text)}, not text")

    def pairs(self) -> Iterator[Pair | Unusable]:
        """The records as preference pairs, see :func:`estimator.text.pairs.read_pairs`."""
        if self.columns is None:
            return iter(())
        names = self.columns.names
        check_pair_columns(names, self.where)
        rows = self.rows([column for column in PAIR_COLUMNS if column in names])
        return read_pairs((self._place(number), record) for number, record in rows)

    def _place(self, number: int) -> str:
        return f"{self.unit} {number} of {self.where}"


@dataclass(frozen=True)
class Records(ColumnTable):
    """A table with columns whose records ``read`` returns."""

    read: Callable[[], Iterable[Record]]

    def rows(self, columns: Sequence[str] | None = None) -> Iterable[tuple[int, Record]]:
        """The records, counted from 1."""
        return enumerate(self.read(), 1)


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
