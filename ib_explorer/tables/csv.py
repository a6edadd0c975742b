"""Functions shared by all tables: formatting and writing of CSV."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from cache.files import partial_path
from estimator.errors import InputError
from estimator.measurement import Layer
from estimator.states.layers import parse_layers

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Characters with which a cell begins that spreadsheets run, or that they strip before they look again."""


def shown_layers(layers: str | None, depth: int) -> list[Layer]:
    """The layers to show for a request's ``layers``.

    ``all`` is 1 to the depth and their mean; None also includes layer 0.
    """
    chosen: list[Layer] = []
    if layers is None:
        chosen = list(range(depth + 1))
    elif layers != "mean":
        chosen = list(parse_layers(layers, depth))
    return [*chosen, "mean"] if layers in (None, "all", "mean") else chosen


def table_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as RFC 4180 CSV: always with a header, floats at full precision, empty for None and non-finite values.

    Text that a spreadsheet would run is :func:`protected`.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_field(value) for value in row] for row in rows)
    return out.getvalue()


def protected(text: str) -> str:
    """A text cell that no spreadsheet runs: one that begins like a formula gets an apostrophe in front.

    So does one that begins with apostrophes before such a sign, so that :func:`unprotected` returns every text.
    """
    return f"'{text}" if _begins_like_formula(text) else text


def unprotected(cell: str) -> str:
    """The text that :func:`protected` made ``cell`` from."""
    return cell[1:] if cell.startswith("'") and _begins_like_formula(cell) else cell


def _begins_like_formula(text: str) -> bool:
    return text.lstrip("'").startswith(_FORMULA)


def write_text(path: Path, text: str) -> None:
    """Write a table's text to ``path`` atomically.

    Raises :class:`InputError` (``"csv"``) when the file cannot be written.
    """
    temporary = partial_path(path)
    try:
        with temporary.open("xb") as file:
            file.write(encoded(text))
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise InputError("csv", f"The file {path} cannot be written: {error.strerror}.") from error


def encoded(text: str) -> bytes:
    """A table's text as bytes, always UTF-8; what is no Unicode in the name of a file is escaped."""
    return text.encode("utf-8", "backslashreplace")


def check_writable(path: Path) -> None:
    """Raise :class:`InputError` (``"csv"``) if ``path`` is not writable, before hours of work depend on it."""
    if not path.parent.is_dir():
        raise InputError("csv", f"The CSV cannot be written to {path}: there is no folder {path.parent}.")
    if path.is_dir():
        raise InputError("csv", f"The CSV cannot be written to {path}: it is a folder; name a file.")
    if not os.access(path.parent, os.W_OK):
        raise InputError("csv", f"The CSV cannot be written to {path}: permission denied in {path.parent}.")


def _field(value: object) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, str):
        return protected(value)
    return repr(float(value)) if isinstance(value, float) else str(value)
