"""Document part of the demo's information: what labels keep that are dealt anew within their documents.

    python -m benchmarks documents        (after ``ib-explorer demo`` or ``ib-explorer reproduce findings``)

A document repeats its words, and its states are similar, so a label is informative about its document and the document
about Z. Prints corrected, document part and adjusted I(X;Z) and I(Y;Z) of the demo's first and last checkpoint; means
over the layers.
"""

from __future__ import annotations

import torch

from cache.locations import locations
from estimator.measurement import Information, mean_information
from estimator.progress import Progress
from estimator.soft_entropy.plane import ngram_estimator
from estimator.soft_entropy.temperature import exact_temperature
from estimator.states.anchors import stack_anchors
from estimator.states.loading import load_model
from estimator.states.scores import compute_scores
from ib_explorer.options import demo_request
from ib_explorer.work.demo_run import demo_revisions
from ib_explorer.work.reproduction import demo_sample


def main() -> None:
    places, request = locations(), demo_request()
    sample, seeds = demo_sample(places.cache), request.anchor_seeds
    prepared = ngram_estimator(sample, ("frequency",))
    columns = [f"{name} {part}" for name in ("I(X;Z)", "I(Y;Z)") for part in ("corrected", "documents", "adjusted")]
    print(f"| checkpoint | labels | {' | '.join(columns)} |")
    print("|---|---|" + "--:|" * len(columns))
    revisions = demo_revisions(places.cache / "runs")
    for revision in (revisions[0], revisions[-1]):
        model = load_model(revision, "cpu", "float32", Progress())
        layers = range(1, model.depth + 1)
        out = [torch.empty((len(seeds), sample.positions, request.anchors), dtype=torch.float16) for _ in layers]
        compute_scores(model, sample, stack_anchors(request.anchors, model.width, seeds), layers, out, Progress())
        temperature = exact_temperature(request.anchors, model.width)
        values: dict[tuple[str, str], list[Information]] = {}
        for scores in out:
            for labels, _, value in prepared.measure(scores, temperature).information:
                values.setdefault((labels.granularity, labels.side), []).append(value)
        for granularity in dict.fromkeys(name for name, _ in values):
            sides = [mean_information(values[granularity, side]) for side in ("input", "output")]
            numbers = [(one.corrected, one.document_part, one.adjusted) for one in sides]
            cells = " | ".join(f"{number:.4f}" for side in numbers for number in side)
            print(f"| {revision.name} | {granularity} | {cells} |")


if __name__ == "__main__":
    main()
