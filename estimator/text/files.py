"""Local files: ``.txt``, ``.jsonl``, ``.csv`` (each also ``.gz``) and ``.parquet``, or folders of them."""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from estimator.errors import InputError
from estimator.progress import Progress
from estimator.text.columns import Columns
from estimator.text.corpus import Corpus
from estimator.text.tables import PlainTexts, Record, Records, Table

Item = TypeVar("Item")

KINDS = (".txt", ".jsonl", ".csv", ".parquet")

WHOLE = 20_000
"""Maximum characters of a ``.txt`` file that is one document; a longer file is split into documents."""

LONGEST = 2500
"""Maximum characters of a document split from a long ``.txt`` file."""

_BLOCK = 1 << 20
_ROWS = 256  # of a parquet file in memory at a time
_LONGEST_CELL = 2**31 - 1  # the csv module's own limit, 128 KiB, is shorter than many documents


def is_path(spec: str) -> bool:
    """Whether ``spec`` is a path: it exists, has the name of a text file, or begins like a path."""
    path = Path(spec).expanduser()
    return path.exists() or kind_of(path) is not None or spec.startswith(("/", "./", "../", "~"))


def open_files(spec: str, progress: Progress) -> Corpus:
    """The corpus in a file or folder, identified by its content; raises :class:`InputError` (``"corpus"``)."""
    path = Path(spec).expanduser()
    files = text_files(path)
    identity = {
        "source": "files",
        "kinds": sorted({kind for kind in map(kind_of, files) if kind}),
        "sha256": content_digest(files, progress),
    }
    return Corpus(path.resolve().name, identity, [_table(file) for file in files])


def text_files(path: Path) -> list[Path]:
    """``path`` itself, or all text files below that folder, sorted by name; raises :class:`InputError`."""
    if not path.exists():
        raise InputError("corpus", f"There is no file or folder {path}: check the path.")
    if path.is_dir():
        found = [file for file in path.rglob("*") if kind_of(file) and file.is_file() and not _hidden(file, path)]
        if not found:
            raise InputError("corpus", f"The folder {path} contains no {', '.join(KINDS)} file.")
        return sorted(found, key=lambda file: file.relative_to(path).as_posix())
    if kind_of(path) is None:
        raise InputError("corpus", f"{path} has an unsupported format: use {', '.join(KINDS)}.")
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


def _table(file: Path) -> Table:
    kind, where = kind_of(file), str(file)
    if kind == ".txt":
        return PlainTexts(where, partial(_guarded, file, _cut_documents))
    if kind == ".parquet":
        return _Parquet(where, partial(_guarded, file, _parquet_records), file=file)
    return Records(where, partial(_guarded, file, _json_records if kind == ".jsonl" else _csv_records))


def _guarded(file: Path, read: Callable[[Path], Iterable[Item]]) -> Iterator[Item]:
    with _readable(file):
        yield from read(file)


@dataclass(frozen=True)
class _Parquet(Records):
    """A table whose columns are known from their types, and which reads only the columns needed."""

    file: Path = field(kw_only=True)

    @cached_property
    def columns(self) -> Columns:
        with _readable(self.file):
            return _parquet_columns(self.file)

    def select(self, columns: Sequence[str]) -> Iterable[Record]:
        return _guarded(self.file, partial(_parquet_records, columns=list(dict.fromkeys(columns))))


def _cut_documents(file: Path) -> Iterator[str]:
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
    """The end of the next document: the last paragraph, line or word break within the limit, in this preference."""
    for boundary in ("\n\n", "\n", " "):
        place = text.rfind(boundary, LONGEST // 2, LONGEST)
        if place > 0:
            return place + len(boundary)
    return LONGEST


def _json_records(file: Path) -> Iterator[Record]:
    with _open(file) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise InputError(
                    "corpus",
                    f'Line {number} of {file} is not JSON: write one object per line, such as {{"text": "…"}}.',
                ) from error
            if not isinstance(record, dict):
                raise InputError("corpus", f'Line {number} of {file} is not a JSON object, such as {{"text": "…"}}.')
            yield record


def _csv_records(file: Path) -> Iterator[Record]:
    csv.field_size_limit(_LONGEST_CELL)
    with _open(file) as stream:
        for row in csv.DictReader(stream):
            # Cells beyond the header are stored under None, and do not count as a column.
            yield {str(name): cell for name, cell in row.items() if name}


def _parquet_columns(file: Path) -> Columns:
    with _parquet_file(file) as table:
        schema = table.schema_arrow
        strings = [part.name for part in schema if str(part.type) in ("string", "large_string", "string_view")]
        return Columns(schema.names, strings)


def _parquet_records(file: Path, columns: list[str] | None = None) -> Iterator[Record]:
    with _parquet_file(file) as table:
        for batch in table.iter_batches(_ROWS, columns=columns):
            yield from batch.to_pylist()


@contextlib.contextmanager
def _parquet_file(file: Path) -> Iterator[Any]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            yield table
    except pyarrow.ArrowException as error:
        raise InputError("corpus", f"{file} is not a parquet file, or it is damaged.") from error


def _open(file: Path) -> io.TextIOBase:
    opener = gzip.open if file.suffix.lower() == ".gz" else open
    stream: io.TextIOBase = opener(file, "rt", encoding="utf-8-sig", newline="" if kind_of(file) == ".csv" else None)
    return stream


@contextlib.contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Convert errors in reading ``file`` to :class:`InputError` (``"corpus"``)."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise InputError("corpus", f"{file} is not UTF-8 text: save it as UTF-8.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError("corpus", f"{file} is not a gzip file, or it is truncated.") from error
    except PermissionError as error:
        raise InputError("corpus", f"{file} cannot be read: permission denied.") from error
    except OSError as error:
        raise InputError("corpus", f"{file} cannot be read: {error.strerror or error}.") from error
    except csv.Error as error:
        raise InputError("corpus", f"{file} is not a CSV file: {error}.") from error


def _hidden(file: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(root).parts)
