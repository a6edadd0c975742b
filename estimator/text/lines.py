"""Text files read as blocks or lines, and what is wrong with one in a sentence that names the file and the line."""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from estimator.errors import InputError

BLOCK = 1 << 20
"""Characters of a file in memory at a time."""

LONGEST = 1 << 28
"""Maximum characters of a line, which is in memory as a whole."""


def blocks_of(file: Path) -> Iterator[str]:
    """A text file's content in blocks of up to :data:`BLOCK` characters, with every line's end as a line feed."""
    with _decoded(file, newline=None) as stream:
        number = 1
        while block := stream.read(BLOCK):
            check_text(block, file, number)
            number += block.count("\n")
            yield block


def lines_of(file: Path, newline: str | None = None) -> Iterator[str]:
    """A text file's lines with their ends; ``newline`` is that of :func:`open`."""
    with _decoded(file, newline) as stream:
        number = 0
        while line := stream.readline(LONGEST):
            number += 1
            check_text(line, file, number)
            if len(line) == LONGEST and not line.endswith("\n"):
                raise InputError(
                    "corpus", f"Line {number} of {file} is longer than {LONGEST} characters: write one record per line."
                )
            yield line


def check_text(text: str, file: Path, number: int) -> None:
    """Raise :class:`InputError` (``"corpus"``) if a text that begins in line ``number`` contains NUL characters."""
    if (place := text.find("\0")) >= 0:
        number += text.count("\n", 0, place)
        raise InputError(
            "corpus",
            f"Line {number} of {file} contains a NUL character, as in UTF-16 or binary files: save it as UTF-8.",
        )


@contextlib.contextmanager
def readable(file: Path) -> Iterator[None]:
    """Convert errors in reading ``file`` to :class:`InputError` (``"corpus"``)."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise InputError(
            "corpus", f"Line {_undecodable(file)} of {file} is not UTF-8 text: save it as UTF-8."
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError("corpus", f"{file} is not a gzip file, or it is truncated.") from error
    except PermissionError as error:
        raise InputError("corpus", f"{file} cannot be read: permission denied.") from error
    except OSError as error:
        raise InputError("corpus", f"{file} cannot be read: {error.strerror or error}.") from error


def _opened(file: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb"))


def _decoded(file: Path, newline: str | None) -> io.TextIOWrapper:
    return io.TextIOWrapper(_opened(file), encoding="utf-8-sig", newline=newline)


def _undecodable(file: Path) -> int:
    """The number of the first line that is not UTF-8."""
    with _opened(file) as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1
