"""Cost of the bound: seconds for the IB curve at 50 β, by vocabulary and label width.

    python -m benchmarks bound [vocabulary ...]        (default: 2000 and 10000)

Joints of real text: byte-pair tokens of the documentation strings of the running Python. Budget: 60 s on 2 cores for
tokens of a vocabulary of 10,000. Wall and processor time are printed, which reveals a busy machine.
"""

from __future__ import annotations

import dataclasses
import resource
import sys
import time

from estimator.bottleneck.held_out import held_out_joint
from estimator.bottleneck.joint import JointDistribution, joint_counts
from estimator.bottleneck.solver import DEFAULT_BETAS, information_bottleneck
from estimator.demo.recipe import Recipe
from estimator.demo.training import _train_tokenizer
from estimator.measurement import Granularity
from estimator.progress import Progress
from estimator.text.kinds import NGRAMS, ngram_labels
from estimator.text.sample import Sample, tokenise
from estimator.text.sources import open_corpus

DOCUMENTS, LENGTH = 4000, 512
WIDE_DOCUMENTS, WIDE_LENGTH = 64, 256
"""The demo's sample, on which the wider labels are timed."""


def sample_of(vocabulary: int, documents: int, length: int) -> Sample:
    """The documentation strings, tokenised with the given vocabulary size."""
    corpus = open_corpus("docstrings", Progress())
    # A tenth of the pieces only occur inside longer ones.
    recipe = dataclasses.replace(Recipe(), vocabulary=vocabulary * 11 // 10)
    tokenizer = _train_tokenizer(recipe, list(corpus.texts()))
    return tokenise(corpus, tokenizer, documents, length, Progress())


def report(name: str, joint: JointDistribution, granularity: Granularity) -> None:
    """Time one curve and print its line."""
    wall, processor = time.perf_counter(), time.process_time()
    curve = information_bottleneck(joint, granularity)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{name:24} N {curve.positions:8,}  |X| {curve.input_labels:7,}  one successor {curve.one_successor:4.0%}  "
        f"I(X;Y) {curve.mutual_information:6.3f} bits  {wall:6.1f} s  "
        f"(processor {processor:6.1f} s, at most {memory:.2f} GiB)",
        flush=True,
    )


def main() -> None:
    print(f"{len(DEFAULT_BETAS)} β")
    for vocabulary in map(int, sys.argv[1:] or ("2000", "10000")):
        x, y = ngram_labels(sample_of(vocabulary, DOCUMENTS, LENGTH), "token")
        report(f"V = {vocabulary:,}, token", joint_counts(x.ids, y.ids), "token")
    sample = sample_of(2000, WIDE_DOCUMENTS, WIDE_LENGTH)
    labels = ngram_labels(sample)
    inputs, outputs = labels[: len(NGRAMS)], labels[len(NGRAMS) :]
    for width, granularity in enumerate(NGRAMS):
        contexts, following = [narrow.ids for narrow in inputs[: width + 1]], outputs[width].ids
        report(f"demo, {granularity}", joint_counts(contexts[-1], following), granularity)
        held_out = held_out_joint(contexts, following, sample.document_of_position())
        report(f"demo, {granularity}, held out", held_out, granularity)


if __name__ == "__main__":
    main()
