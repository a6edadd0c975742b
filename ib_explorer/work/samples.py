"""The samples of a worker's requests: known to this process, else in the cache, else made and put there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cache import Cache
from cache.keys import key
from estimator.checkpoints.folders import tokenizer_files
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tokenizer import load_tokenizer, tokenizer_folder
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.text.corpus import Corpus
from estimator.text.docstrings import DOCSTRINGS
from estimator.text.pair_sample import PairSample, tokenise_pairs
from estimator.text.pairs import TULU
from estimator.text.sample import Sample, tokenise
from estimator.text.sources import open_corpus
from ib_explorer.work.identities import sample_document
from ib_explorer.work.subject import AnySample


class Samples:
    """Texts and pairs in a revision's tokens, each with the digest of the tokenizer's files."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._corpora: dict[str | None, Corpus] = {}
        self._samples: dict[str, Sample] = {}

    def begin(self) -> None:
        """A job begins, which must not see what a file held before."""
        self._corpora = {spec: corpus for spec, corpus in self._corpora.items() if spec == DOCSTRINGS}

    def text(self, request: MeasurementRequest, revision: Revision, progress: Progress) -> tuple[Sample, str]:
        """The sample of a request's text."""
        tokenizer = self._tokenizer(revision, progress)
        corpus = self.corpus(request.corpus, progress)

        def make() -> Sample:
            words = load_tokenizer(revision, progress)
            return tokenise(corpus, words, request.documents, request.max_length, progress, request.text_column)

        identity = corpus.identity_of(request.text_column)
        return self._kept(sample_document(identity, tokenizer, request), Sample, make), tokenizer

    def pairs(self, request: MeasurementRequest, revision: Revision, progress: Progress) -> tuple[PairSample, str]:
        """The sample of a request's pairs of completions."""
        tokenizer = self._tokenizer(revision, progress)
        corpus = self.corpus(TULU if request.corpus is None else request.corpus, progress)

        def make() -> PairSample:
            words = load_tokenizer(revision, progress)
            return tokenise_pairs(corpus, words, request.documents, request.max_length, progress)

        identity = {**corpus.identity, "read": "pairs"}
        return self._kept(sample_document(identity, tokenizer, request), PairSample, make), tokenizer

    def known(self, request: MeasurementRequest, revision: Revision, progress: Progress) -> tuple[Sample, str] | None:
        """The sample of a request's text if this process has made it; None as well where its tokenizer is new."""
        tokenizer = self._tokenizer(revision, progress)
        corpus = self.corpus(request.corpus, progress)
        sample = self._samples.get(key(sample_document(corpus.identity_of(request.text_column), tokenizer, request)))
        return None if sample is None else (sample, tokenizer)

    def corpus(self, spec: str | None, progress: Progress) -> Corpus:
        """A corpus, opened once per job: 500 checkpoints hash it once."""
        if spec not in self._corpora:
            self._corpora[spec] = open_corpus(spec, progress)
        return self._corpora[spec]

    def _tokenizer(self, revision: Revision, progress: Progress) -> str:
        return self._cache.folder_digest(tokenizer_files(tokenizer_folder(revision, progress)))

    def _kept(self, document: dict[str, Any], kind: type[AnySample], make: Callable[[], AnySample]) -> AnySample:
        sample = self._samples.get(key(document))
        if sample is None:
            kept = self._cache.samples.get(document)
            if kept is None:
                sample = make()
                self._cache.samples.put(document, *sample.to_arrays())
            else:
                sample = kind.from_arrays(kept, kept.about)
            self._samples[key(document)] = sample
        assert isinstance(sample, kind)
        return sample
