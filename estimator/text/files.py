"""Texts in local files: ``.txt``, ``.jsonl``, ``.csv`` (each also ``.gz``) and ``.parquet``, or folders of them."""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from estimator.errors import InputError
from estimator.progress import Progress
from estimator.text.columns import choose_column, text_of, textual

KINDS = (".txt", ".jsonl", ".csv", ".parquet")

WHOLE = 20_000
"""Characters up to which a ``.txt`` file is one document; a longer one is cut into documents."""

LONGEST = 2500
"""Characters of a document cut out of a long ``.txt`` file, at most."""

_BLOCK = 1 << 20
_LONGEST_CELL = 2**31 - 1  # the csv module's own limit, 128 KiB, is shorter than many documents


def text_files(path: Path) -> list[Path]:
    """``path`` itself, or the text files anywhere in that folder, sorted by name; raises :class:`InputError`."""
    if not path.exists():
        raise InputError("corpus", f"There is no file or folder {path}.")
    if path.is_dir():
        found = [file for file in path.rglob("*") if kind_of(file) and file.is_file() and not _hidden(file, path)]
        if not found:
            raise InputError("corpus", f"The folder {path} has no {', '.join(KINDS)} file in it.")
        return sorted(found, key=lambda file: file.relative_to(path).as_posix())
    if kind_of(path) is None:
        raise InputError("corpus", f"{path} is none of the kinds that can be read: {', '.join(KINDS)}.")
    return [path]


def kind_of(path: Path) -> str | None:
    """The kind of a text file by its name (``.txt``, ``.jsonl``, ``.csv`` or ``.parquet``), None for other files."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compressed = bool(suffixes) and suffixes[-1] == ".gz"
    kind = (suffixes[:-1] if compressed else suffixes)[-1:]
    return kind[0] if kind and kind[0] in KINDS and not (compressed and kind[0] == ".parquet") else None


def content_digest(files: Sequence[Path], progress: Progress) -> str:
    """SHA-256 (hex) of the files' contents in their order; reports phase ``"text"`` in MB."""
    total = sum(file.stat().st_size for file in files)
    whole, done = hashlib.sha256(), 0
    for file in files:
        digest = hashlib.sha256()
        with _readable(file), file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                done += len(block)
                progress.phase("text", done // 1_000_000, total // 1_000_000, "MB")
        whole.update(digest.digest())
    return whole.hexdigest()


def read_texts(files: Sequence[Path], column: str | None) -> Iterator[str]:
    """The documents of the files, one file after another; ``column`` is the one with the text, None finds it.

    Raises :class:`InputError`: ``"column"``, or ``"corpus"`` for a file that cannot be read, with the line where it is
    known.
    """
    readers = {".txt": _read_txt, ".jsonl": _read_jsonl, ".csv": _read_csv, ".parquet": _read_parquet}
    for file in files:
        kind = kind_of(file)
        assert kind is not None
        with _readable(file):
            yield from readers[kind](file, column)


def read_records(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The records of ``.jsonl`` and ``.parquet`` files, one file after another, with whatever their columns hold.

    Raises :class:`InputError` (``"corpus"``) for a file of another kind or one that cannot be read.
    """
    for file in files:
        with _readable(file):
            if kind_of(file) == ".jsonl":
                with _open(file) as stream:
                    yield from _json_records(stream, file)
            elif kind_of(file) == ".parquet":
                yield from _parquet_records(file)
            else:
                raise InputError("corpus", f"{file} has no records: give a .jsonl or .parquet file.")


def _parquet_records(file: Path) -> Iterator[dict[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(1024):
            yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise InputError("corpus", f"{file} is not a parquet file, or is damaged.") from error


def _read_txt(file: Path, _column: str | None) -> Iterator[str]:
    with _open(file) as stream:
        held = stream.read(WHOLE + 1)
        if len(held) <= WHOLE:
            if held.strip():
                yield held.strip()
            return
        while held:
            while len(held) > LONGEST:
                cut = _cut(held)
                if document := held[:cut].strip():
                    yield document
                held = held[cut:]
            block = stream.read(_BLOCK)
            if not block:
                break
            held += block
        if held.strip():
            yield held.strip()


def _cut(text: str) -> int:
    """Where the next document ends: at the last paragraph, line or word in its longest extent, in this preference."""
    for boundary in ("\n\n", "\n", " "):
        place = text.rfind(boundary, LONGEST // 2, LONGEST)
        if place > 0:
            return place + len(boundary)
    return LONGEST


def _read_jsonl(file: Path, column: str | None) -> Iterator[str]:
    with _open(file) as stream:
        yield from _column_texts(_json_records(stream, file), column, str(file))


def _json_records(stream: io.TextIOBase, file: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise InputError("corpus", f"Line {number} of {file} is not JSON.") from error
        if not isinstance(record, dict):
            raise InputError("corpus", f'Line {number} of {file} is not a JSON object, such as {{"text": "…"}}.')
        yield record


def _read_csv(file: Path, column: str | None) -> Iterator[str]:
    csv.field_size_limit(_LONGEST_CELL)
    with _open(file) as stream:
        # Cells beyond the header's go under None, and do not count as a column.
        records = ({str(name): cell for name, cell in row.items() if name} for row in csv.DictReader(stream))
        yield from _column_texts(records, column, str(file))


def _column_texts(records: Iterable[dict[str, Any]], named: str | None, where: str) -> Iterator[str]:
    """The texts of one column, which the first record decides; records without it have none."""
    column: str | None = None
    for record in records:
        if column is None:
            column = choose_column(list(record), textual(record), named, where)
        if text := text_of(record.get(column), column, where):
            yield text


def _read_parquet(file: Path, column: str | None) -> Iterator[str]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(file)
        schema = table.schema_arrow
        strings = [field.name for field in schema if str(field.type) in ("string", "large_string", "string_view")]
        column = choose_column(schema.names, strings, column, str(file))
        for batch in table.iter_batches(batch_size=256, columns=[column]):
            for value in batch.column(0).to_pylist():
                if text := text_of(value, column, str(file)):
                    yield text
    except pyarrow.ArrowException as error:
        raise InputError("corpus", f"{file} is not a parquet file, or is damaged.") from error


def _open(file: Path) -> io.TextIOBase:
    opener = gzip.open if file.suffix.lower() == ".gz" else open
    stream: io.TextIOBase = opener(file, "rt", encoding="utf-8-sig", newline="" if kind_of(file) == ".csv" else None)
    return stream


@contextlib.contextmanager
def _readable(file: Path) -> Iterator[None]:
    """What goes wrong while reading ``file``, in words."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise InputError("corpus", f"{file} is not UTF-8 text: save it as UTF-8.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError("corpus", f"{file} is not a gzip file, or is cut off.") from error
    except PermissionError as error:
        raise InputError("corpus", f"{file} cannot be read: permission denied.") from error
    except OSError as error:
        raise InputError("corpus", f"{file} cannot be read: {error.strerror or error}.") from error
    except csv.Error as error:
        raise InputError("corpus", f"{file} is not a CSV file: {error}.") from error


def _hidden(file: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(root).parts)
