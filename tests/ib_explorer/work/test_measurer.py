"""Labels that are sorted once for views used in turn."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from ib_explorer.work import measurer as measuring
from ib_explorer.work.measurer import LABELS_KEPT, Measurer
from tests.ib_explorer.synthetic import REQUEST


def test_the_labels_of_views_used_in_turn_are_sorted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(_sample: object, _weights: object, _device: object, least: int) -> SimpleNamespace:
        made.append(least)
        return SimpleNamespace(nbytes=LABELS_KEPT if least == 9 else LABELS_KEPT // 3)

    monkeypatch.setattr(measuring, "ngram_estimator", make)
    measurer = Measurer(None)

    def ask(*least: int) -> None:
        for one in least:
            request = replace(REQUEST, min_count=one)
            measurer._estimator(SimpleNamespace(request=request, sample=SimpleNamespace(digest="text"), device="cpu"))

    ask(1, 2, 1, 3, 1)
    assert made == [1, 2, 3]
    ask(4, 1, 3)  # the one used longest ago, 2, is let go
    assert made == [1, 2, 3, 4]
    ask(9, 9)  # large ones stay alone
    assert made == [1, 2, 3, 4, 9]
    ask(1)
    assert made[-1] == 1
