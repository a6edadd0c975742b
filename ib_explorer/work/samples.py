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
from estimator.text.corpus import DOCSTRINGS, Corpus, open_corpus
from estimator.text.pair_sample import PairSample, tokenise_pairs
from estimator.text.pairs import PairSource, open_pairs
from estimator.text.sample import Sample, tokenise
from ib_explorer.work.identities import sample_document
from ib_explorer.work.subject import AnySample


class Samples:
    """Texts and pairs in a revision's tokens, each with the digest of the tokenizer's files."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._corpora: dict[tuple[str | None, str | None], Corpus] = {}
        self._sources: dict[str | None, PairSource] = {}
        self._samples: dict[str, Sample] = {}

    def begin(self) -> None:
        """A job begins, which must not see what a file held before."""
        self._sources.clear()
        self._corpora = {asked: corpus for asked, corpus in self._corpora.items() if asked[0] == DOCSTRINGS}

    def open(self, request: MeasurementRequest, progress: Progress) -> None:
        """Open what a request's sample is taken from, so that a wrong name is refused before there is a tokenizer."""
        if request.is_preference:
            self._source(request.corpus, progress)
        else:
            self.corpus(request.corpus, request.text_column, progress)

    def text(self, request: MeasurementRequest, revision: Revision, progress: Progress) -> tuple[Sample, str]:
        """The sample of a request's text."""
        tokenizer = self._tokenizer(revision, progress)
        corpus = self.corpus(request.corpus, request.text_column, progress)

        def make() -> Sample:
            words = load_tokenizer(revision, progress)
            return tokenise(corpus, words, request.documents, request.max_length, progress)

        return self._kept(sample_document(corpus.identity, tokenizer, request), Sample, make), tokenizer

    def pairs(self, request: MeasurementRequest, revision: Revision, progress: Progress) -> tuple[PairSample, str]:
        """The sample of a request's pairs of completions."""
        tokenizer = self._tokenizer(revision, progress)
        source = self._source(request.corpus, progress)

        def make() -> PairSample:
            words = load_tokenizer(revision, progress)
            return tokenise_pairs(source, words, request.documents, request.max_length, progress)

        return self._kept(sample_document(source.identity, tokenizer, request), PairSample, make), tokenizer

    def known(self, request: MeasurementRequest, revision: Revision, progress: Progress) -> tuple[Sample, str] | None:
        """The sample of a request's text if this process has made it; None as well where its tokenizer is new."""
        tokenizer = self._tokenizer(revision, progress)
        corpus = self.corpus(request.corpus, request.text_column, progress)
        sample = self._samples.get(key(sample_document(corpus.identity, tokenizer, request)))
        return None if sample is None else (sample, tokenizer)

    def corpus(self, spec: str | None, text_column: str | None, progress: Progress) -> Corpus:
        """A corpus, opened once per job: 500 checkpoints hash it once."""
        asked = (spec, text_column)
        if asked not in self._corpora:
            self._corpora[asked] = open_corpus(*asked, progress)
        return self._corpora[asked]

    def _source(self, spec: str | None, progress: Progress) -> PairSource:
        if spec not in self._sources:
            self._sources[spec] = open_pairs(spec, progress)
        return self._sources[spec]

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
