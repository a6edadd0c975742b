"""The samples of a worker's requests: from this process, else from the cache, else tokenised and stored."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from cache import Cache
from cache.keys import key
from estimator.checkpoints.folders import tokenizer_class, tokenizer_files
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tokenizer import borrowed_note, load_tokenizer, tokenizer_folder
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.text.corpus import Corpus
from estimator.text.docstrings import DOCSTRINGS
from estimator.text.kinds import LABELS
from estimator.text.labels import LabelText
from estimator.text.pair_sample import PairSample, tokenise_pairs
from estimator.text.pairs import TULU
from estimator.text.records import LeftOut, usable
from estimator.text.sample import Sample, tokenise
from estimator.text.sources import open_corpus
from ib_explorer.work.identities import sample_identity


class Samples:
    """Samples of texts and pairs in a revision's tokens, with the digest of the tokenizer's files."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._corpora: dict[str | None, Corpus] = {}
        self._texts: dict[str, LabelText] = {}
        self._told: set[str] = set()

    def begin(self) -> None:
        """Begin a job, which must read files again because they may have changed."""
        self._corpora = {spec: corpus for spec, corpus in self._corpora.items() if spec == DOCSTRINGS}

    def open(self, request: MeasurementRequest, progress: Progress) -> None:
        """Open a request's corpus and read up to its first usable record, so that wrong names are rejected early."""
        corpus = self._corpus_of(request, progress)
        in_pairs = request.sample_kind == "pairs"
        records = corpus.pairs() if in_pairs else corpus.documents(request.text_column, request.columns)
        next(usable(records, LeftOut()), None)

    def text(self, request: MeasurementRequest, revision: Revision, progress: Progress) -> tuple[LabelText, str]:
        """The sample of a request, tokenised if it is not cached."""
        tokenizer, identity = self._identified(request, revision, progress)
        if key(identity) not in self._texts:
            sample = self._sample(identity, request, revision, progress)
            self._texts[key(identity)] = LabelText(sample, LABELS, partial(load_tokenizer, revision))
        return self._texts[key(identity)], tokenizer

    def known(
        self, request: MeasurementRequest, revision: Revision, progress: Progress
    ) -> tuple[LabelText, str] | None:
        """The sample of a request if this process has it; None otherwise, and if its tokenizer is new."""
        tokenizer, identity = self._identified(request, revision, progress)
        text = self._texts.get(key(identity))
        return None if text is None else (text, tokenizer)

    def corpus_name(self, request: MeasurementRequest, progress: Progress) -> str:
        """The name of a request's corpus, which a stored sample of the same content may not have."""
        return self._corpus_of(request, progress).name

    def corpus_spec(self, request: MeasurementRequest, progress: Progress) -> str | None:
        """The spec that opens a request's corpus again, in any folder and whether or not the hub can be reached."""
        if request.corpus is None:
            if request.sample_kind == "pairs":
                return None
            corpus = self._corpus_of(request, progress)
            return DOCSTRINGS if corpus.identity.get("source") == DOCSTRINGS else corpus.name
        path = Path(request.corpus).expanduser()
        return os.path.abspath(path) if path.exists() else request.corpus

    def corpus(self, spec: str | None, progress: Progress) -> Corpus:
        """A corpus, opened once per job: 500 checkpoints hash it once."""
        if spec not in self._corpora:
            self._corpora[spec] = open_corpus(spec, progress)
        return self._corpora[spec]

    def _corpus_of(self, request: MeasurementRequest, progress: Progress) -> Corpus:
        usual = TULU if request.sample_kind == "pairs" else None
        return self.corpus(usual if request.corpus is None else request.corpus, progress)

    def _identified(
        self, request: MeasurementRequest, revision: Revision, progress: Progress
    ) -> tuple[str, dict[str, Any]]:
        """The digest of the tokenizer's files, and the identity of the sample."""
        folder = tokenizer_folder(revision, progress)
        if (note := borrowed_note(revision, folder)) is not None and note not in self._told:
            self._told.add(note)
            progress.note(note)
        tokenizer = self._cache.folder_digest(tokenizer_files(folder))
        corpus = self._corpus_of(request, progress)
        in_pairs = request.sample_kind == "pairs"
        read = {**corpus.identity, "read": "pairs"} if in_pairs else corpus.identity_of(request.text_column)
        return tokenizer, sample_identity(read, tokenizer, tokenizer_class(folder), request)

    def _sample(
        self, identity: dict[str, Any], request: MeasurementRequest, revision: Revision, progress: Progress
    ) -> Sample:
        in_pairs = request.sample_kind == "pairs"
        stored = self._cache.samples.get(identity)
        if stored is not None:
            sample = (PairSample if in_pairs else Sample).from_arrays(stored, stored.about)
            for note in sample.notes:
                progress.note(note)
            return sample
        corpus, words = self._corpus_of(request, progress), load_tokenizer(revision, progress)
        size = request.documents, request.max_length
        sample = (
            tokenise_pairs(corpus, words, *size, progress, match_length=request.match_length)
            if in_pairs
            else tokenise(corpus, words, *size, progress, request.text_column, request.columns)
        )
        if self._cache.is_writable():  # else it still finds what is cached for it
            self._cache.samples.put(identity, *sample.to_arrays())
        return sample
