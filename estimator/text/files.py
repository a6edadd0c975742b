"""Local files: ``.txt``, ``.jsonl``, ``.csv`` (each also ``.gz``) and ``.parquet``, or folders of them."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar, TypeVar

from estimator.errors import InputError
from estimator.progress import Progress
from estimator.text.columns import Columns
from estimator.text.corpus import Corpus
from estimator.text.csv_files import Layout, csv_layout, csv_records
from estimator.text.lines import blocks_of, lines_of, readable
from estimator.text.parquet_files import parquet_columns, parquet_records
from estimator.text.records import Record
from estimator.text.tables import ColumnTable, PlainTexts, Table

Item = TypeVar("Item")

KINDS = (".txt", ".jsonl", ".csv", ".parquet")

WHOLE = 20_000
"""Maximum characters of a ``.txt`` file that is one document; a longer file is split into documents."""

LONGEST = 2500
"""Maximum characters of a document split from a long ``.txt`` file."""

_BLOCK = 1 << 20
_NAMED = 3  # files that a note names


def is_path(spec: str) -> bool:
    """Whether ``spec`` is a path: it exists, has the name of a text file, or begins like a path."""
    path = Path(spec).expanduser()
    return path.exists() or kind_of(path) is not None or spec.startswith(("/", "./", "../", "~"))


def open_files(spec: str, progress: Progress) -> Corpus:
    """The corpus in a file or folder, identified by its content; raises :class:`InputError` (``"corpus"``).

    Notes the files of a folder that are left out, and CSV files without header.
    """
    path = Path(spec).expanduser()
    files = text_files(path, progress)
    identity = {
        "source": "files",
        "kinds": sorted({kind for kind in map(kind_of, files) if kind}),
        "sha256": content_digest(files, progress),
    }
    layouts = {file: _guarded_layout(file) for file in files if kind_of(file) == ".csv"}
    if bare := [file.name for file, layout in layouts.items() if not layout.has_header and layout.names]:
        progress.note(f"The first line of {_listed(bare)} names no columns: they are called 1, 2 and so on.")
    return Corpus(path.resolve().name, identity, [_table(file, layouts.get(file)) for file in files])


def text_files(path: Path, progress: Progress) -> list[Path]:
    """``path`` itself, or all text files below that folder, sorted by name; raises :class:`InputError`.

    Hidden files of a folder and those called README are left out, and noted.
    """
    if not path.exists():
        raise InputError("corpus", f"There is no file or folder {path}: check the path.")
    if path.is_dir():
        found = sorted(
            (file for file in path.rglob("*") if kind_of(file) and file.is_file()),
            key=lambda file: file.relative_to(path).as_posix(),
        )
        left_out = [file.relative_to(path).as_posix() for file in found if _is_no_text(file, path)]
        found = [file for file in found if not _is_no_text(file, path)]
        if not found:
            but = f" except {_listed(left_out)}, which no corpus has as text" if left_out else ""
            raise InputError("corpus", f"The folder {path} contains no {', '.join(KINDS)} file{but}.")
        if left_out:
            progress.note(f"{path.name}: {_listed(left_out)} are no texts of the corpus and left out.")
        return found
    if kind_of(path) is None:
        raise InputError("corpus", f"{path} has an unsupported format: use {', '.join(KINDS)}.")
    if not path.is_file():
        raise InputError("corpus", f"{path} is not a regular file: save the text in one.")
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
        with readable(file), file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                done += len(block)
                progress.phase("text", done // 1_000_000, total // 1_000_000, "MB")
        whole.update(digest.digest())
    return whole.hexdigest()


def _table(file: Path, layout: Layout | None) -> Table:
    where = str(file)
    if layout is not None:
        return _Lines(where, partial(_guarded, file, partial(csv_records, layout=layout)))
    if kind_of(file) == ".jsonl":
        return _Lines(where, partial(_guarded, file, _json_records))
    if kind_of(file) == ".parquet":
        return _Parquet(where, file)
    return PlainTexts(where, partial(_guarded, file, _cut_documents))


def _guarded(file: Path, read: Callable[[Path], Iterable[Item]]) -> Iterator[Item]:
    with readable(file):
        yield from read(file)


def _guarded_layout(file: Path) -> Layout:
    with readable(file):
        return csv_layout(file)


@dataclass(frozen=True)
class _Lines(ColumnTable):
    """A table whose records are lines of text; ``read`` returns each with the number of its line."""

    read: Callable[[], Iterable[tuple[int, Record]]]
    unit: ClassVar[str] = "line"

    def rows(self, columns: Sequence[str] | None = None) -> Iterable[tuple[int, Record]]:
        return self.read()


@dataclass(frozen=True)
class _Parquet(ColumnTable):
    """A table whose columns are known from their types, and which reads only the columns needed."""

    file: Path
    unit: ClassVar[str] = "row"

    @cached_property
    def columns(self) -> Columns:
        with readable(self.file):
            return parquet_columns(self.file)

    def rows(self, columns: Sequence[str] | None = None) -> Iterable[tuple[int, Record]]:
        return enumerate(_guarded(self.file, partial(parquet_records, columns=columns)), 1)


def _cut_documents(file: Path) -> Iterator[str]:
    """The documents of a ``.txt`` file: the whole, if it is short, else parts of it."""
    blocks = blocks_of(file)
    held = next(blocks, "")
    longest = WHOLE if len(held) <= WHOLE else LONGEST
    for block in itertools.chain(blocks, [""]):
        while len(held) > longest:
            cut = _cut(held)
            if document := held[:cut].strip():
                yield document
            held = held[cut:]
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


def _json_records(file: Path) -> Iterator[tuple[int, Record]]:
    for number, line in enumerate(lines_of(file), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                "corpus", f'Line {number} of {file} is not JSON: write one object per line, such as {{"text": "…"}}.'
            ) from error
        if not isinstance(record, dict):
            raise InputError("corpus", f'Line {number} of {file} is not a JSON object, such as {{"text": "…"}}.')
        yield number, record


def _is_no_text(file: Path, root: Path) -> bool:
    parts = file.relative_to(root).parts
    return any(part.startswith(".") for part in parts) or file.name.split(".")[0].lower() == "readme"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
