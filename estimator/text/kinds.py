"""The built-in kinds of labels; other packages add theirs by the entry point ``ib_explorer.labels``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from estimator.measurement import Side
from estimator.text.labels import IntArray, LabelKind, LabelKinds, LabelSet, LabelText
from estimator.text.sample import Sample

NGRAM = "n-gram"
"""The family of token, bigram, trigram and quadgram."""
NGRAMS = ("token", "bigram", "trigram", "quadgram")


def _ngram(text: LabelText, width: int) -> Mapping[Side, IntArray]:
    """X = (t_{i-k+1} … t_i) and Y = (t_{i+1} … t_{i+k}), each encoded as the narrower label and one more token.

    The encoded number stays below positions × distinct tokens and cannot overflow, whatever the vocabulary.
    """
    offsets: dict[Side, int] = {"input": 1 - width, "output": width}
    sides: dict[Side, IntArray] = {}
    for side, offset in offsets.items():
        more = text.tokens[text.positions + offset]
        narrower = text.labels(NGRAMS[width - 2], side).ids if width > 1 else np.zeros_like(more)
        sides[side] = narrower * len(text.vocabulary) + more
    return sides


def _preference(text: LabelText) -> Mapping[Side, IntArray]:
    """0 in chosen and 1 in rejected completions, which alternate in a sample of pairs."""
    return {"input": text.per_document(np.arange(text.sample.documents) % 2)}


def _column(text: LabelText, argument: str) -> Mapping[Side, IntArray]:
    """The value of a column of the corpus, the same at every position of a document."""
    return {"input": text.per_document(text.sample.columns[argument])}


LABELS = LabelKinds(
    "granularity",
    "ib_explorer.labels",
    [
        *(
            LabelKind(
                name,
                f"{width} token{'s' * (width > 1)} that end at a position (X), or follow it (Y)",
                partial(_ngram, width=width),
                within=NGRAMS[width - 2] if width > 1 else None,
                family=NGRAM,
            )
            for width, name in enumerate(NGRAMS, 1)
        ),
        LabelKind(
            "preference",
            "chosen or rejected, on pairs of completions",
            _preference,
            titles={"input": "I(pref;Z)"},
            null="pairs",
            sample="pairs",
        ),
        LabelKind(
            "column",
            "one label per document, from a column of the corpus",
            _column,
            titles={"input": "I({argument};Z)"},
            null="documents",
            columns=("{argument}",),
            parameter="NAME",
        ),
    ],
)
"""All kinds of labels, in the order in which the screen cycles through them."""


def ngram_labels(sample: Sample, widest: str = NGRAMS[-1]) -> list[LabelSet]:
    """The label sets of a sample's n-grams up to the ``widest``: those of the input side, then those of the output."""
    return LabelText(sample, LABELS).label_sets(LABELS.chain(widest))
