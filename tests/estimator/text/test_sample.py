"""Samples: which documents and positions they hold, and that their order is their own."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator.errors import Cancelled, InputError
from estimator.progress import Progress
from estimator.text.corpus import Corpus
from estimator.text.sample import Sample, tokenise
from estimator.text.tables import PlainTexts

SENTENCES = [f"Document {n} of the sample tells of {word} at some length." for n, word in enumerate("abcdefghij")]


class Notes(Progress):
    def __init__(self):
        self.notes: list[str] = []
        self.phases: list[tuple] = []

    def note(self, text):
        self.notes.append(text)

    def phase(self, *report):
        self.phases.append(report)


def corpus(texts: list[str]) -> Corpus:
    return Corpus("the corpus", {}, [PlainTexts("the corpus", lambda: texts)])


def sample(texts, tokenizer, documents=10, max_length=64, progress=None) -> Sample:
    return tokenise(corpus(texts), tokenizer, documents, max_length, progress or Progress())


def test_documents_are_the_tokenizers_and_cut_at_the_length(tiny_tokenizer):
    made = sample(SENTENCES, tiny_tokenizer, max_length=16)
    found = {tuple(made.tokens[a:b]) for a, b in zip(made.offsets, made.offsets[1:], strict=False)}
    assert found == {tuple(tiny_tokenizer(text)["input_ids"][:16]) for text in SENTENCES}
    assert made.documents == 10 and made.positions == 10 * 9
    assert (made.tokens.dtype, made.offsets.dtype) == (np.int32, np.int64)


def test_special_tokens_are_kept_as_the_tokenizer_adds_them(tiny_tokenizer):
    import copy

    from tokenizers.processors import TemplateProcessing

    adding = copy.deepcopy(tiny_tokenizer)
    adding.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    made = sample(SENTENCES, adding)
    assert made.bytes == sample(SENTENCES, tiny_tokenizer).bytes
    assert (made.tokens[made.offsets[:-1]] == 0).all()


def test_bytes_are_those_of_the_text_that_is_left(tiny_tokenizer):
    texts = [text.replace("some", "süm") + "  ." for text in SENTENCES]
    made = sample(texts, tiny_tokenizer)
    assert made.bytes == sum(len(text.encode()) for text in texts)
    assert made.bytes_per_token == made.bytes / len(made.tokens)
    assert Sample.from_arrays(*made.to_arrays()).bytes == made.bytes
    assert sample(texts, tiny_tokenizer, max_length=16).bytes < made.bytes


def test_only_as_many_documents_as_asked_for_are_read(tiny_tokenizer):
    def endless():
        yield from SENTENCES
        while True:
            yield "another document that is long enough to be used"

    made = tokenise(Corpus("x", {}, [PlainTexts("x", endless)]), tiny_tokenizer, 4, 32, Progress())
    assert made.documents == 4
    assert made.digest == sample(SENTENCES[:4], tiny_tokenizer, 4, 32).digest


@given(st.randoms())
@settings(max_examples=10)
def test_a_sample_does_not_depend_on_the_order_of_documents(tiny_tokenizer, rng: random.Random):
    shuffled = SENTENCES.copy()
    rng.shuffle(shuffled)
    first, second = sample(SENTENCES, tiny_tokenizer), sample(shuffled, tiny_tokenizer)
    assert first.digest == second.digest
    assert (first.tokens == second.tokens).all() and (first.offsets == second.offsets).all()


@given(st.lists(st.integers(8, 30), min_size=1, max_size=8))
def test_positions_have_three_tokens_before_and_four_after(lengths: list[int]):
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    made = Sample(np.arange(offsets[-1], dtype=np.int32), offsets, "x", "", 30)
    expected = [
        (start + within, document)
        for document, (start, length) in enumerate(zip(offsets, lengths, strict=False))
        for within in range(length)
        if within >= 3 and length - 1 - within >= 4
    ]
    assert made.position_index().tolist() == [int(position) for position, _ in expected]
    assert made.document_of_position().tolist() == [document for _, document in expected]
    assert made.positions == len(expected)
    assert np.diff(made.first_position()).tolist() == [length - 7 for length in lengths]


def test_short_documents_are_passed_over_and_fewer_than_asked_noted(tiny_tokenizer):
    progress = Notes()
    made = sample(["no", *SENTENCES[:3], "", "a b"], tiny_tokenizer, 10, progress=progress)
    assert made.documents == 3 and made.corpus == "the corpus"
    assert len(progress.notes) == 1 and "only 3 of the 10" in progress.notes[0]
    assert progress.phases[0] == ("text", 0, 10, "documents") and progress.phases[-1] == ("text", 3, 10, "documents")


def test_enough_documents_need_no_note(tiny_tokenizer):
    progress = Notes()
    sample(SENTENCES, tiny_tokenizer, 5, progress=progress)
    assert progress.notes == []


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ([], "contains no text"),
        (["short"], "too short: 0 of its 1 documents"),
        ([SENTENCES[0], "short"], "too short: 1 of its 2 documents"),
        (["<|endoftext|>" * 30, "<|endoftext|>" * 20], "the same"),
    ],
)
def test_what_cannot_be_measured_is_refused(tiny_tokenizer, texts, says):
    with pytest.raises(InputError, match=says) as error:
        sample(texts, tiny_tokenizer)
    assert error.value.kind == "corpus"


def test_lone_surrogates_do_not_stop_a_sample(tiny_tokenizer):
    assert sample([*SENTENCES, "a \ud800 surrogate in an otherwise ordinary text"], tiny_tokenizer, 11).documents == 11


def test_tokenising_can_be_cancelled(tiny_tokenizer):
    class Stop(Progress):
        def phase(self, phase, done, total, unit):
            raise Cancelled

    with pytest.raises(Cancelled):
        sample(SENTENCES, tiny_tokenizer, progress=Stop())


def test_arrays_and_back(tiny_tokenizer):
    made = sample(SENTENCES, tiny_tokenizer)
    arrays, values = made.to_arrays()
    again = Sample.from_arrays(arrays, json.loads(json.dumps(values)))
    assert (again.digest, again.corpus, again.max_length) == (made.digest, "the corpus", 64)
    assert (again.tokens == made.tokens).all() and (again.offsets == made.offsets).all()
    with pytest.raises(ValueError, match="digest"):
        Sample.from_arrays({**arrays, "tokens": arrays["tokens"] + 1}, values)
