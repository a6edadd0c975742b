"""How long the Information Bottleneck curve takes: prints seconds for 50 β at vocabularies of 2,000 and 10,000.

The text is made up: tokens by Zipf's law, each followed by a token of a class that its own class prefers, or by any.
"""

from __future__ import annotations

import resource
import time

import numpy as np

from estimator.bound import DEFAULT_BETAS, Joint, information_bottleneck, joint_counts

CLASSES = 50
PREFERRED = 0.6


def zipf_bigrams(vocabulary: int, positions: int, seed: int = 0) -> Joint:
    """The joint counts of ``positions`` made-up bigrams over at most ``vocabulary`` tokens."""
    rng = np.random.default_rng(seed)
    weights = 1 / (np.arange(vocabulary) + 2.7) ** 1.05
    weights /= weights.sum()
    classes = rng.integers(0, CLASSES, vocabulary)
    preferences = rng.dirichlet(np.full(CLASSES, 0.1), size=CLASSES).cumsum(axis=1)
    x, y = rng.choice(vocabulary, size=(2, positions), p=weights)
    following = (rng.random(positions)[:, None] > preferences[classes[x]]).sum(axis=1).clip(max=CLASSES - 1)
    preferred = rng.random(positions) < PREFERRED
    for chosen in range(CLASSES):
        places, tokens = np.flatnonzero(preferred & (following == chosen)), np.flatnonzero(classes == chosen)
        y[places] = rng.choice(tokens, size=len(places), p=weights[tokens] / weights[tokens].sum())
    return joint_counts(x, y)


def main() -> None:
    """Print one line for each vocabulary."""
    for vocabulary, positions in ((2_000, 100_000), (10_000, 300_000)):
        joint = zipf_bigrams(vocabulary, positions)
        start = time.perf_counter()
        curve = information_bottleneck(joint, "token")
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(
            f"V = {vocabulary:6,}  {positions:,} positions, {joint.counts.nnz:,} pairs, {len(DEFAULT_BETAS)} β: "
            f"{seconds:5.1f} s, {len(curve.rate)} points, peak {peak:.0f} MiB"
        )


if __name__ == "__main__":
    main()
