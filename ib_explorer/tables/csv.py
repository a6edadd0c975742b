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
    """A table as RFC 4180 CSV: always with a header, floats at full precision, empty for None and non-finite values."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_field(value) for value in row] for row in rows)
    return out.getvalue()


def write_text(path: Path, text: str) -> None:
    """Write a table's text to ``path`` atomically.

    Raises :class:`InputError` (``"csv"``) when the file cannot be written.
    """
    temporary = partial_path(path)
    try:
        with temporary.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise InputError("csv", f"The CSV cannot be written to {path}: {error.strerror}.") from error


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
    return repr(float(value)) if isinstance(value, float) else str(value)
