"""Document-level share of the demo's information: labels, and the same labels shuffled within each document.

    python -m benchmarks documents        (after ``ib-explorer demo`` or ``ib-explorer reproduce findings``)

A document repeats its words, and its states are similar, so a label is informative about its document and the document
about Z. The null shuffles labels over the whole sample, so this part remains in the corrected value. Prints corrected
I(X;Z) and I(Y;Z) of the labels, and of the same labels in random order within their documents; means over the layers,
one anchor draw.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from cache.locations import locations
from estimator.arrays import IntArray
from estimator.progress import Progress
from estimator.soft_entropy.information import Estimator
from estimator.soft_entropy.jackknife import document_groups
from estimator.soft_entropy.temperature import exact_temperature
from estimator.states.anchors import stack_anchors
from estimator.states.loading import load_model
from estimator.states.scores import compute_scores
from estimator.text.kinds import ngram_labels
from ib_explorer.options import demo_request
from ib_explorer.work.demo_run import demo_revisions
from ib_explorer.work.reproduction import demo_sample


def shuffled_within(documents: IntArray, rng: np.random.Generator) -> IntArray:
    """An order [positions] that is random within each of the ``documents`` [positions], which are ascending."""
    return np.lexsort((rng.random(len(documents)), documents))


def main() -> None:
    places, request = locations(), demo_request()
    sample = demo_sample(places.cache)
    documents = sample.document_of_position()
    order = shuffled_within(documents, np.random.default_rng(0))
    labels = ngram_labels(sample)
    mixed = [replace(one, ids=one.ids[order]) for one in labels]
    prepared = Estimator([*labels, *mixed], document_groups(documents))
    print("| checkpoint | labels | I(X;Z) | shuffled within documents | I(Y;Z) | shuffled within documents |")
    print("|---|---|--:|--:|--:|--:|")
    revisions = demo_revisions(places.cache / "runs")
    for revision in (revisions[0], revisions[-1]):
        model = load_model(revision, "cpu", "float32", Progress())
        layers = range(1, model.depth + 1)
        out = [torch.empty((1, sample.positions, request.anchors), dtype=torch.float16) for _ in layers]
        compute_scores(model, sample, stack_anchors(request.anchors, model.width, [0]), layers, out, Progress())
        temperature = exact_temperature(request.anchors, model.width)
        found = [prepared.measure(scores, temperature).information for scores in out]
        corrected = np.mean([[value.corrected for _, _, value in layer] for layer in found], axis=0)
        kinds = len(labels)
        values = {(one.side, one.granularity): corrected[[i, i + kinds]] for i, one in enumerate(labels)}
        for granularity in dict.fromkeys(one.granularity for one in labels):
            pairs = [*values["input", granularity], *values["output", granularity]]
            print(f"| {revision.name} | {granularity} | " + " | ".join(f"{value:.4f}" for value in pairs) + " |")


if __name__ == "__main__":
    main()
