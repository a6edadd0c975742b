"""Parquet files: their columns and records."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from estimator.errors import InputError
from estimator.text.columns import USUAL, Columns
from estimator.text.records import Record

_ROWS = 256  # in memory at a time


def parquet_columns(file: Path) -> Columns:
    """The columns of a file, textual by their type.

    Categories (dictionaries of strings) are textual if their column has a usual name, or if no column holds strings.
    Raises :class:`InputError` (``"corpus"``).
    """
    import pyarrow

    with _opened(file) as table:
        schema = table.schema_arrow
        if repeated := next((name for name in schema.names if schema.names.count(name) > 1), None):
            raise InputError("corpus", f"{file} has several columns named {repeated!r}: give each a name of its own.")
        categories = [
            part.name for part in schema if pyarrow.types.is_dictionary(part.type) and _is_text(part.type.value_type)
        ]
        usual = [name for name in categories if name.lower() in USUAL]
        strings = [part.name for part in schema if _is_text(part.type) or part.name in usual]
        return Columns(schema.names, strings or categories)


def parquet_records(file: Path, columns: Sequence[str] | None = None) -> Iterator[Record]:
    """The records of a file with the ``columns`` alone (None: all); raises :class:`InputError` (``"corpus"``)."""
    with _opened(file) as table:
        wanted = None if columns is None else list(dict.fromkeys(columns))
        for batch in table.iter_batches(_ROWS, columns=wanted):
            yield from batch.to_pylist()


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Any]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            yield table
    except (PermissionError, FileNotFoundError):
        raise
    except UnicodeDecodeError as error:
        raise InputError("corpus", f"{file} contains strings that are not UTF-8: write it anew.") from error
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError("corpus", f"{file} is not a parquet file, or it is damaged.") from error


def _is_text(kind: Any) -> bool:
    return str(kind) in ("string", "large_string", "string_view")
