"""Computations of ``ib-explorer reproduce``, in a separate process: ``python -m … digits`` prints JSON.

Errors that a user can fix are one sentence on stderr and exit code 2.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from estimator.checkpoints.tokenizer import load_tokenizer
from estimator.errors import InputError
from estimator.progress import Progress
from estimator.soft_entropy.assignment import entropy, soft_assignments
from estimator.soft_entropy.information import Estimator
from estimator.soft_entropy.jackknife import document_groups
from estimator.soft_entropy.plane import ngram_estimator
from estimator.soft_entropy.temperature import exact_temperature, leading_order_temperature
from estimator.states.anchors import stack_anchors
from estimator.text.labels import label_set
from estimator.text.sample import Sample, tokenise
from estimator.text.sources import open_corpus
from ib_explorer.options import demo_request
from ib_explorer.work.demo_run import RECIPE, demo_revisions


def digits() -> dict[str, float]:
    """The published example on scikit-learn's digits, with the published anchors and temperature.

    Raises :class:`InputError` (``"extra"``) when scikit-learn is missing.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InputError(
            "extra", "scikit-learn, which has the digits, is not installed: install ib-explorer[reproduce]."
        ) from error
    images, labels = load_digits(return_X_y=True)
    anchors = torch.randn(100, 64, generator=torch.Generator().manual_seed(0))
    states = torch.nn.functional.normalize(torch.tensor(images, dtype=torch.float32), dim=-1)
    scores = states @ torch.nn.functional.normalize(anchors, dim=-1).T
    temperature = leading_order_temperature(100, 64)
    groups = document_groups(np.arange(len(labels)))
    found = Estimator([label_set(labels)], groups).measure(scores[None], temperature)
    p, _ = soft_assignments(scores, temperature)
    conditional = {f"H(Z|{digit})": float(entropy(p[labels == digit].mean(0))) for digit in range(10)}
    return {
        "H(Z)": found.entropy,
        "I(digit;Z)": found.information[0][2].plugin,
        # As published: the marginal by frequency, the conditionals equally.
        "I(digit;Z), digits weighed equally": found.entropy - sum(conditional.values()) / len(conditional),
        **conditional,
    }


def references(sample: Sample, width: int, seed: int = 0) -> dict[str, dict[str, dict[str, Any]]]:
    """Information of states that are pure noise, that know their document only, and that know the next token only.

    By state and granularity: the parts of ``input`` and ``output`` information, with the ``ceiling`` and the
    ``covariance`` of :class:`estimator.measurement.Measurement`. States are normal vectors of size ``width``, one for
    each position, document or token; anchors and temperature are the defaults.
    """
    request = demo_request()
    rng = np.random.Generator(np.random.PCG64(seed))
    following = np.unique(sample.tokens[sample.position_index() + 1], return_inverse=True)[1]
    same = {
        "pure noise": np.arange(sample.positions),
        "document only": sample.document_of_position(),
        "next token only": following,
    }
    # Distinct from the anchor seeds: states drawn with an anchors' seed would equal the anchors.
    anchors = stack_anchors(request.anchors, width, [10_000 + s for s in request.anchor_seeds])
    prepared, temperature = ngram_estimator(sample, ("frequency",)), exact_temperature(request.anchors, width)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, of in same.items():
        states = rng.standard_normal((int(of.max()) + 1, width))
        states /= np.linalg.norm(states, axis=1, keepdims=True)
        scores = torch.from_numpy(np.einsum("pd,rad->rpa", states, anchors, optimize=True)).float()[:, of]
        layer = prepared.measure(scores, temperature)
        for labels, weights, value in layer.information:
            row = found.setdefault(name, {}).setdefault(labels.granularity, {})
            row |= {labels.side: asdict(value), "ceiling": layer.ceiling}
            row["covariance"] = layer.covariance(labels.granularity, weights)
    return found


def demo_sample(cache_dir: Path) -> Sample:
    """The demo's text sample, tokenised for the demo model, which must have been trained."""
    request = demo_request()
    tokenizer = load_tokenizer(demo_revisions(cache_dir / "runs")[0])
    corpus = open_corpus(request.corpus, Progress())
    return tokenise(corpus, tokenizer, request.documents, request.max_length, Progress())


def main() -> int:
    """Print the requested values as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("digits", "references"))
    parser.add_argument("--cache-dir", type=Path)
    arguments = parser.parse_args()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of libraries must not mix with the JSON
    try:
        found = digits() if arguments.what == "digits" else references(demo_sample(arguments.cache_dir), RECIPE.width)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found), file=out, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
