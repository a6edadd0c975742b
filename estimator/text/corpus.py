"""Texts to measure on: built-in docstrings, local files, or a dataset of the hub, each with an identity."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estimator.errors import InputError
from estimator.progress import Progress
from estimator.text.docstrings import docstring_documents
from estimator.text.files import content_digest, kind_of, read_texts, text_files

DOCSTRINGS = "docstrings"
C4 = "allenai/c4:en:validation"

_DEFAULT_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Corpus:
    """A source of documents: ``name`` is short and for people, ``identity`` JSON-ready and decides what is read."""

    name: str
    identity: dict[str, Any]
    read: Callable[[], Iterator[str]]

    def texts(self) -> Iterator[str]:
        """The documents, none of them empty, from the first on, read as they are asked for.

        Raises :class:`InputError` (``"corpus"`` or ``"column"``) and, for the hub, :class:`MeasurementError`
        (``"network"``) on the way.
        """
        return self.read()


def default_corpus() -> str:
    """C4's English validation texts where the hub answers within 2 seconds, else the built-in docstrings."""
    from estimator.checkpoints import hub

    return C4 if hub.answers(_DEFAULT_WITHIN) else DOCSTRINGS


def open_corpus(spec: str | None, text_column: str | None, progress: Progress) -> Corpus:
    """The corpus that ``spec`` names; None takes :func:`default_corpus`.

    A spec is ``"docstrings"``, a ``.txt``, ``.jsonl``, ``.csv`` (also ``.gz``) or ``.parquet`` file, a folder of them,
    or a hub dataset ``name``, ``name:config``, ``name:config:split`` or ``name::split``. A ``.txt`` file of up to
    20,000 characters is one document; a longer one is cut at paragraphs into documents of up to 2,500 characters.
    ``text_column`` names the column with the text where it is not evident. Raises :class:`InputError` (``"corpus"``,
    ``"column"``, ``"access"``).
    """
    spec = default_corpus() if spec is None else spec
    if spec == DOCSTRINGS:
        return _docstrings(progress)
    path = Path(spec).expanduser()
    if path.exists() or kind_of(path) or spec.startswith(("/", "./", "../", "~")):
        return _files(path, text_column, progress)
    return _hub_dataset(spec, text_column, progress)


def _docstrings(progress: Progress) -> Corpus:
    documents = docstring_documents(progress)
    digest = hashlib.sha256("\0".join(documents).encode("utf-8", "replace")).hexdigest()
    identity = {"source": DOCSTRINGS, "python": platform.python_version(), "sha256": digest}
    return Corpus(f"{DOCSTRINGS} (Python {platform.python_version()})", identity, lambda: iter(documents))


def _files(path: Path, text_column: str | None, progress: Progress) -> Corpus:
    files = text_files(path)
    kinds = [kind_of(file) for file in files]
    identity = {
        "source": "files",
        "kinds": sorted({kind for kind in kinds if kind}),
        "sha256": content_digest(files, progress),
        "column": text_column,
    }
    return Corpus(path.resolve().name, identity, lambda: read_texts(files, text_column))


def _hub_dataset(spec: str, text_column: str | None, progress: Progress) -> Corpus:
    from estimator.text.hub_datasets import HubText

    name, *rest = spec.split(":")
    if len(rest) > 2 or not name:
        raise InputError("corpus", f"{spec!r} is not written as a dataset's name:configuration:split.")
    config, split = [*(part or None for part in rest), None, None][:2]
    progress.phase("text", 0, None, "documents")
    source = HubText(name, config, split, text_column)
    identity = {
        "source": "hub",
        "dataset": name,
        "config": config,
        "split": source.split,
        "commit": source.commit,
        "column": source.column,
    }
    return Corpus(spec, identity, source.texts)
