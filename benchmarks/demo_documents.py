"""Document part of the demo's information: what labels keep that are dealt anew within their documents.

    python -m benchmarks demo_documents        (after ``ib-explorer demo`` or ``ib-explorer reproduce findings``)

A document repeats its words, and its states are similar, so a label is informative about its document and the document
about Z. Prints corrected, document part and adjusted I(X;Z) and I(Y;Z) of the demo's first and last checkpoint, then
the adjusted increments of context with the differences of adjusted values that they estimate; means over the layers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import torch

from cache.locations import locations
from estimator.measurement import SIDES, Information, mean_if_known, mean_information
from estimator.progress import Progress
from estimator.soft_entropy.increments import Excess, increment_estimator
from estimator.soft_entropy.plane import ngram_estimator
from estimator.soft_entropy.temperature import exact_temperature
from estimator.states.anchors import stack_anchors
from estimator.states.loading import load_model
from estimator.states.scores import compute_scores
from estimator.text.kinds import LABELS, NGRAMS
from estimator.text.labels import LabelText
from ib_explorer.options import demo_request
from ib_explorer.work.demo_run import demo_revisions
from ib_explorer.work.reproduction import demo_sample

Values = dict[tuple[str, str], list[Information]]
"""Information of each layer, by granularity and side."""


def main() -> None:
    places, request = locations(), demo_request()
    sample, seeds = demo_sample(places.cache), request.anchor_seeds
    prepared = ngram_estimator(sample, ("frequency",))
    columns = [f"{name} {part}" for name in ("I(X;Z)", "I(Y;Z)") for part in ("corrected", "documents", "adjusted")]
    print(f"| checkpoint | labels | {' | '.join(columns)} |")
    print("|---|---|" + "--:|" * len(columns))
    contexts = increment_estimator(LabelText(sample, LABELS))
    measured: dict[str, Values] = {}
    increments: dict[str, list[Excess]] = {}
    revisions = demo_revisions(places.cache / "runs")
    for revision in (revisions[0], revisions[-1]):
        model = load_model(revision, "cpu", "float32", Progress())
        layers = range(1, model.depth + 1)
        out = [torch.empty((len(seeds), sample.positions, request.anchors), dtype=torch.float16) for _ in layers]
        compute_scores(model, sample, stack_anchors(request.anchors, model.width, seeds), layers, out, Progress())
        temperature = exact_temperature(request.anchors, model.width)
        values: Values = {}
        for scores in out:
            increments.setdefault(revision.name, []).extend(contexts.measure(scores, temperature))
            for labels, _, value in prepared.measure(scores, temperature).information:
                values.setdefault((labels.granularity, labels.side), []).append(value)
        measured[revision.name] = values
        for granularity in dict.fromkeys(name for name, _ in values):
            sides = [mean_information(values[granularity, side]) for side in ("input", "output")]
            numbers = [(one.corrected, one.document_part, one.adjusted) for one in sides]
            cells = " | ".join(f"{number:.4f}" for side in numbers for number in side)
            print(f"| {revision.name} | {granularity} | {cells} |")
    _compare(measured, increments)


def _compare(measured: Mapping[str, Values], increments: Mapping[str, list[Excess]]) -> None:
    """Print increments of orders 2 to 4, and the differences of the adjusted values of the two widths."""
    print("\n| checkpoint | side | order 2 | order 3 | order 4 |\n|---|---|--:|--:|--:|")
    for name, values in measured.items():
        for side in SIDES:
            cells = []
            for order, (narrow, wide) in enumerate(itertools.pairwise(NGRAMS), 2):
                found = [one for one in increments[name] if (one.side, one.order) == (side, order)]
                value = mean_if_known([one.adjusted for one in found])
                error = mean_if_known([one.adjusted_se for one in found])
                before, after = (mean_information(values[width, side]) for width in (narrow, wide))
                assert before.adjusted is not None and after.adjusted is not None
                assert before.adjusted_se is not None and after.adjusted_se is not None
                difference = after.adjusted - before.adjusted
                uncertain = math.hypot(before.adjusted_se, after.adjusted_se)
                cells.append(f"{value:.3f} ± {error:.3f}, {difference:.3f} ± {uncertain:.3f}")
            print(f"| {name} | {side} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
