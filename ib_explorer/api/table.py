"""Rows that a notebook shows as a table, and that pandas can take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any

from estimator.errors import InputError
from estimator.safe_text import safe

if TYPE_CHECKING:
    import pandas

SHOWN = 20
"""Rows that are shown of a longer table."""


class Table(ABC):
    """Results as rows, all of them in :attr:`rows`, and as a short table where they are shown."""

    @property
    @abstractmethod
    def rows(self) -> list[dict[str, Any]]:
        """One mapping per row, from the column's name to its value; None where a value is withheld or unknown."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What the table shows, in one line."""

    @abstractmethod
    def _summaries(self) -> Iterator[Mapping[str, str]]:
        """The rows as they are shown: text by heading."""

    def to_pandas(self) -> pandas.DataFrame:
        """All rows as a data frame; raises :class:`InputError` (``"extra"``) when pandas is missing."""
        try:
            import pandas
        except ImportError as error:
            raise InputError("extra", 'pandas is not installed: pip install "ib-explorer[notebook]".') from error
        return pandas.DataFrame(self.rows)

    def __repr__(self) -> str:
        shown, more = self._shown()
        headings = list(shown[0]) if shown else []
        lines = [headings, *([row[heading] for heading in headings] for row in shown)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = ["  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join(safe(line).rstrip() for line in (self.title, *text, more) if line)

    def _repr_html_(self) -> str:
        shown, more = self._shown()
        head = "".join(f"<th>{escape(heading)}</th>" for heading in (shown[0] if shown else ()))
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(safe(cell))}</td>' for cell in row.values())}</tr>" for row in shown
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"<div><p>{escape(safe(self.title))}</p>{table}<p>{escape(more)}</p></div>"

    def _shown(self) -> tuple[list[Mapping[str, str]], str]:
        rows = self._summaries()
        shown, more = list(islice(rows, SHOWN)), sum(1 for _ in rows)
        return shown, f"… and {more:,} more in .rows and .to_pandas()" if more else ""


def counted(count: int, word: str) -> str:
    """A number of things in words."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
