from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from ib_explorer.worker import measuring
from ib_explorer.worker.measuring import ESTIMATORS, Measurer
from tests.ib_explorer.synthetic import REQUEST


def test_the_labels_of_views_used_in_turn_are_sorted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(
        measuring, "sample_estimator", lambda sample, weights, device, least: made.append(least) or object()
    )
    measurer = Measurer(None)

    def ask(least: int) -> None:
        request = replace(REQUEST, min_count=least)
        measurer._estimator(SimpleNamespace(request=request, sample=SimpleNamespace(digest="text"), device="cpu"))

    for least in (1, 2, 1, 3, 1):
        ask(least)
    assert made == [1, 2, 3] and len(made) == ESTIMATORS
    ask(4)  # the one used longest ago, 2, is let go
    ask(1)
    ask(3)
    assert made == [1, 2, 3, 4]
    ask(2)
    assert made[-1] == 2
