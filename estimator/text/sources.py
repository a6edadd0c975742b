"""Sources of text by name: each recognises the specs of its corpora, and opens them.

Another package adds one by declaring an entry point of the group ``ib_explorer.sources`` that names a :class:`Source`::

    def open_fables(spec: str, progress: Progress) -> Corpus:
        return Corpus(spec, {"source": "fables", "edition": 3}, [Records(spec, read_fables)])

    FABLES = Source("fables", "fables (Aesop's)", lambda spec: spec == "fables", open_fables)

:class:`estimator.text.tables.Records` holds dictionaries of columns, :class:`estimator.text.tables.PlainTexts` texts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from estimator.progress import Progress
from estimator.registry import Registry
from estimator.text.corpus import Corpus
from estimator.text.docstrings import DOCSTRINGS, open_docstrings
from estimator.text.files import is_path, open_files

C4 = "allenai/c4:en:validation"

_DEFAULT_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of corpus: ``help`` is one clause on how a user writes it.

    ``recognises`` says whether a spec belongs to this source, without opening anything. ``open`` opens the corpus of
    such a spec, reports phase ``"text"`` and raises :class:`InputError` (``"corpus"``, ``"access"``); slow imports
    belong inside it, and the corpus's ``identity`` must change whenever its content does.
    """

    name: str
    help: str
    recognises: Callable[[str], bool]
    open: Callable[[str, Progress], Corpus]


def _open_dataset(spec: str, progress: Progress) -> Corpus:
    from estimator.text.hub_datasets import open_dataset

    return open_dataset(spec, progress)


_FILES = Source("files", "a .txt, .jsonl, .csv or .parquet file, or a folder of them", is_path, open_files)
_HUB = Source("hub", "a hub dataset name:config:split", lambda _spec: True, _open_dataset)

SOURCES: Registry[Source] = Registry(
    "source",
    "ib_explorer.sources",
    [
        Source(
            DOCSTRINGS,
            f"{DOCSTRINGS} (the documentation of the running Python)",
            lambda spec: spec == DOCSTRINGS,
            open_docstrings,
        ),
        _FILES,
        _HUB,
    ],
)


def default_corpus() -> str:
    """C4's English validation texts if the hub responds within 2 seconds, else the built-in docstrings."""
    from estimator.checkpoints import hub

    return C4 if hub.answers(_DEFAULT_WITHIN) else DOCSTRINGS


def open_corpus(spec: str | None, progress: Progress) -> Corpus:
    """The corpus that ``spec`` names, opened by the first source that recognises it; None is :func:`default_corpus`.

    The built-in sources accept ``"docstrings"``, a ``.txt``, ``.jsonl``, ``.csv`` (also ``.gz``) or ``.parquet`` file,
    a folder of them, or a hub dataset ``name``, ``name:config``, ``name:config:split`` or ``name::split``. A ``.txt``
    file of up to 20,000 characters is one document; a longer one is split at paragraphs into documents of up to 2,500
    characters. Raises :class:`InputError` (``"corpus"``, ``"access"``).
    """
    spec = default_corpus() if spec is None else spec
    # Any spec may be the name of a file or dataset, so other packages' sources have priority over these two.
    in_turn = sorted(SOURCES.values(), key=lambda source: source in (_FILES, _HUB))
    source = next(source for source in in_turn if source.recognises(spec))
    if source is _HUB:  # it also receives specs that a source which failed to load would have recognised
        for why in SOURCES.broken.values():
            progress.note(why)
    return source.open(spec, progress)
