"""The plan of a sweep in one sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ib_explorer.plan import SweepPlan

PLAN = SweepPlan(
    checkpoints=16,
    measured=4,
    fetch=464 * 10**9,
    is_estimated=False,
    at_most=60 * 10**9,
    free=1_200 * 10**9,
    scores=3_400 * 10**6,
    score_budget=20 * 10**9,
)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {},
            "16 checkpoints, 464.0 GB to fetch, at most 60.0 GB at a time, 4 are measured, 12 to go; 1.2 TB free; "
            "scores 3.4 GB each, 20.0 GB keep 5 of 16.",
        ),
        (
            {"measured": 0, "is_estimated": True, "scores": 0},
            "16 checkpoints, about 464.0 GB to fetch, at most 60.0 GB at a time; 1.2 TB free.",
        ),
        (
            {"checkpoints": 1, "measured": 0, "fetch": 29 * 10**9, "scores": 10**9},
            "1 checkpoint, 29.0 GB to fetch; 1.2 TB free; scores 1.0 GB each, 20.0 GB keep 1 of 1.",
        ),
        (
            {"measured": 1, "fetch": 0, "scores": 0},
            "16 checkpoints, nothing to fetch, 1 is measured, 15 to go; 1.2 TB free.",
        ),
        (
            {"measured": 0, "fetch": 0, "is_estimated": True, "scores": 0},
            "16 checkpoints, an unknown amount to fetch; 1.2 TB free.",
        ),
        (
            {"measured": 0, "at_most": None, "scores": 0},
            "16 checkpoints, 464.0 GB to fetch and keep; 1.2 TB free.",
        ),
    ],
)
def test_sentences(changes: dict[str, int], sentence: str) -> None:
    assert replace(PLAN, **changes).sentence == sentence
