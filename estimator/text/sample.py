"""The text sample of a measurement: tokens of whole documents, in an order determined by their content alone."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from estimator.errors import InputError
from estimator.progress import Progress
from estimator.text.alike import alike_documents
from estimator.text.corpus import Corpus
from estimator.text.records import LeftOut, usable
from estimator.text.tables import Document

BEFORE = 3
AFTER = 4
"""Tokens of the same document that a measured position needs before and after it, for labels of any width."""

SHORTEST = BEFORE + 1 + AFTER
_BATCH = 64
_COLUMN = "column-"
_CHARACTERS_PER_TOKEN = 100


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The documents of one sample, concatenated without padding.

    ``tokens`` is int32 [T], ``offsets`` int64 [documents + 1]: document d is ``tokens[offsets[d]:offsets[d + 1]]``, at
    least 8 and at most ``max_length`` tokens long. ``corpus`` is the text's name for display; ``digest`` is the SHA-256
    of tokens and offsets, and identifies the sample. ``bytes`` is the length of its text in UTF-8, if known.
    ``columns`` maps a column of the corpus to a number for the value of each document, int64 [documents]. ``notes`` are
    sentences for the user about what was left out.
    """

    tokens: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    corpus: str
    digest: str
    max_length: int
    bytes: int | None = None
    columns: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def bytes_per_token(self) -> float | None:
        """Bytes of text per token, which makes losses of different tokenizers comparable."""
        return None if self.bytes is None else self.bytes / len(self.tokens)

    @property
    def documents(self) -> int:
        """The number of documents."""
        return len(self.offsets) - 1

    @property
    def positions(self) -> int:
        """The number of measured token positions: those with 3 tokens before and 4 after in the same document."""
        return len(self.tokens) - self.documents * (SHORTEST - 1)

    def measured(self, document: int) -> slice:
        """The tokens of a document that are measured positions."""
        return slice(BEFORE, int(self.offsets[document + 1] - self.offsets[document]) - AFTER)

    def position_index(self) -> npt.NDArray[np.int64]:
        """Indices of the measured positions in ``tokens``, int64 [positions], ascending."""
        document = self.document_of_position()
        skipped = document * (SHORTEST - 1) + BEFORE
        return np.arange(self.positions, dtype=np.int64) + skipped

    def document_of_position(self) -> npt.NDArray[np.int64]:
        """The document of each measured position, int64 [positions], ascending."""
        return np.repeat(np.arange(self.documents, dtype=np.int64), np.diff(self.first_position()))

    def first_position(self) -> npt.NDArray[np.int64]:
        """The number of each document's first measured position, int64 [documents + 1]; the last entry is the total."""
        return self.offsets - np.arange(self.documents + 1, dtype=np.int64) * (SHORTEST - 1)

    def units(self) -> npt.NDArray[np.int64]:
        """What belongs together of the documents, int64 [documents]: copies and near copies have the same number."""
        return alike_documents(self.tokens.astype(np.int64), self.offsets)

    def to_arrays(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """Arrays and JSON-ready values from which :meth:`from_arrays` restores the sample."""
        values = {
            "corpus": self.corpus,
            "digest": self.digest,
            "max_length": self.max_length,
            "bytes": self.bytes,
            "notes": self.notes,
        }
        columns = {f"{_COLUMN}{number}": column for number, column in enumerate(self.columns.values())}
        return {"tokens": self.tokens, "offsets": self.offsets, **columns}, values | {"columns": list(self.columns)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]], values: dict[str, Any]) -> Sample:
        """The sample from the output of :meth:`to_arrays`; raises ValueError when the digest does not match."""
        tokens, offsets = arrays["tokens"].astype(np.int32), arrays["offsets"].astype(np.int64)
        columns = {name: arrays[f"{_COLUMN}{number}"] for number, name in enumerate(values.get("columns", ()))}
        if _digest(tokens, offsets) != values["digest"]:
            raise ValueError("the arrays are not those of the sample's digest")
        return cls(tokens, offsets, **(values | {"columns": columns, "notes": tuple(values["notes"])}))


def tokenise(
    corpus: Corpus,
    tokenizer: Any,
    documents: int,
    max_length: int,
    progress: Progress,
    text_column: str | None = None,
    columns: Sequence[str] = (),
) -> Sample:
    """The first ``documents`` texts of a corpus that have 8 tokens or more, each truncated to ``max_length`` tokens.

    Special tokens are those the tokenizer adds by default. With fewer usable texts than requested, uses the available
    ones and notes it, as it does with records that hold no text. ``columns`` are the columns of the corpus to include
    in the sample. Reports phase ``"text"`` in documents. Raises :class:`InputError` (``"corpus"``) when fewer than 2
    texts are usable or every measured token is the same, and (``"column"``) as reading the columns does.
    """
    progress.phase("text", 0, documents, "documents")
    chosen: list[npt.NDArray[np.int32]] = []
    values: list[tuple[object, ...]] = []
    read = 0
    left_out = LeftOut()
    for batch in _batches(usable(corpus.documents(text_column, columns), left_out)):
        read += len(batch)
        short = [_readable(document.text, max_length) for document in batch]
        encoded = tokenizer(short, truncation=True, max_length=max_length, padding=False, verbose=False)["input_ids"]
        for ids, document in zip(encoded, batch, strict=True):
            if len(ids) >= SHORTEST:
                chosen.append(np.asarray(ids, dtype=np.int32))
                values.append(document.columns)
        progress.phase("text", min(len(chosen), documents), documents, "documents")
        if len(chosen) >= documents:
            break
    chosen, values = chosen[:documents], values[:documents]
    if len(chosen) < 2:
        raise _too_short(corpus.name, read, len(chosen))
    notes = tuple(_notes(corpus.name, documents, len(chosen), left_out))
    for note in notes:
        progress.note(note)
    text = tokenizer.batch_decode(
        [ids.tolist() for ids in chosen], skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    by_column = dict(zip(columns, zip(*values, strict=True), strict=True))
    size = sum(len(part.encode()) for part in text)
    return replace(_sample(chosen, corpus.name, max_length, by_column), bytes=size, notes=notes)


def _notes(name: str, documents: int, used: int, left_out: LeftOut) -> Iterator[str]:
    if used < documents:
        yield (
            f"{name} has only {used} of the {documents} requested documents of at least {SHORTEST} tokens; using these."
        )
    if left_out:
        yield f"{name}: {len(left_out)} records are left out: {left_out}."


def _sample(
    documents: list[npt.NDArray[np.int32]],
    corpus: str,
    max_length: int,
    columns: Mapping[str, Sequence[object]] = MappingProxyType({}),
) -> Sample:
    """The documents in the order of their digests, so that numbers do not depend on the order of reading."""
    digests = [hashlib.sha256(ids.astype("<i4").tobytes()).digest() for ids in documents]
    order = sorted(range(len(documents)), key=digests.__getitem__)
    tokens = np.concatenate([documents[at] for at in order])
    offsets = np.concatenate([[0], np.cumsum([len(documents[at]) for at in order])]).astype(np.int64)
    numbers = {name: _numbered(name, [values[at] for at in order], corpus) for name, values in columns.items()}
    sample = Sample(tokens, offsets, corpus, _digest(tokens, offsets), max_length, columns=numbers)
    measured = tokens[sample.position_index()]
    if (measured == measured[0]).all():
        raise InputError(
            "corpus",
            f"Every measured token of {corpus} is the same, so there is no information to measure: use another text.",
        )
    return sample


def _numbered(name: str, values: list[object], corpus: str) -> npt.NDArray[np.int64]:
    """A number for each value of a column; raises :class:`InputError` if one is missing or all are equal."""
    if missing := sum(value is None for value in values):
        raise InputError(
            "column",
            f"{missing} of {len(values)} documents of {corpus} have no value in the column {name!r}: fill them in, or "
            "remove these documents.",
        )
    _, numbers = np.unique([str(value) for value in values], return_inverse=True)
    if not numbers.any():
        raise InputError(
            "column",
            f"All documents of {corpus} have the same value in the column {name!r}, so there is no information "
            "to measure.",
        )
    return numbers.astype(np.int64)


def _batches(documents: Iterator[Document]) -> Iterator[list[Document]]:
    while batch := list(itertools.islice(documents, _BATCH)):
        yield batch


def _readable(text: str, max_length: int) -> str:
    """Text that a tokenizer accepts: no lone surrogates, and limited in length, because most would be truncated."""
    return text[: max_length * _CHARACTERS_PER_TOKEN].encode("utf-8", "replace").decode("utf-8")


def _too_short(name: str, read: int, usable: int) -> InputError:
    if not read:
        return InputError("corpus", f"{name} contains no text.")
    return InputError(
        "corpus",
        f"{name} is too short: {usable} of its {read} documents have at least {SHORTEST} tokens, and a sample needs 2.",
    )


def _digest(tokens: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]) -> str:
    digest = hashlib.sha256(tokens.astype("<i4").tobytes())
    digest.update(offsets.astype("<i8").tobytes())
    return digest.hexdigest()
