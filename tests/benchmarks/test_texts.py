"""Simulated texts with documents: their truth is a truth, and the adjusted value and the bracket come near it."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import ranking, texts
from benchmarks.documents import STATES
from benchmarks.texts import Setting, World
from estimator.measurement import SIDES

LABELS = 40


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "DRAWS", 1)
    monkeypatch.setattr(texts, "TRUTH_POSITIONS", 256)


def world(state: str, burst: float = 0.05) -> World:
    return World(Setting(32, 64, LABELS, burst, **STATES[state]), 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("burst", [0.0, 0.05])
def test_bursty_labels_repeat_within_their_document_as_often_as_said(burst: float) -> None:
    many = World(Setting(2000, 2, LABELS, burst), 1)
    text = many.text(np.random.default_rng(2))
    first, second = (text.labels[side][text.place == 0] for side in SIDES)
    chance = float((many.frequencies**2).sum())
    expected = burst + (1 - burst) * chance
    assert np.mean(first == second) == pytest.approx(expected, abs=4 * np.sqrt(expected / 2000))


def test_the_output_label_is_the_next_input_label() -> None:
    text = world("token").text(np.random.default_rng(2))
    inside = text.document[:-1] == text.document[1:]
    np.testing.assert_array_equal(text.labels["output"][:-1][inside], text.labels["input"][1:][inside])


@pytest.mark.parametrize(("state", "side"), [("document", "input"), ("place", "output"), ("token", "output")])
def test_what_says_nothing_in_a_new_document_has_no_information(state: str, side: str) -> None:
    without_burst = world(state, 0.0)
    rng = np.random.default_rng(3)
    ids = without_burst.text(rng).labels[side]
    assert without_burst.truth(rng).information(side, ids) == pytest.approx(0, abs=4e-3)


def test_the_truth_does_not_depend_on_how_many_positions_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    own = world("token, document")
    ids = own.text(np.random.default_rng(3)).labels["input"]
    short = own.truth(np.random.default_rng(4)).information("input", ids)
    monkeypatch.setattr(texts, "TRUTH_POSITIONS", 2048)
    assert own.truth(np.random.default_rng(5)).information("input", ids) == pytest.approx(short, abs=3e-3)


@pytest.mark.parametrize("state", STATES)
def test_the_bracket_holds_the_truth_of_a_new_document(state: str) -> None:
    own, rng = world(state), np.random.default_rng(6)
    truth, text = own.truth(rng), own.text(rng)
    layer = own.measure(text, rng)
    assert layer.ceiling == pytest.approx(truth.of_context(text.labels["input"]), abs=0.02)
    for labels, _, value in layer.information:
        expected = truth.information(labels.side, text.labels[labels.side])
        assert value.bracket[0] <= expected <= value.bracket[1]
        assert value.adjusted == pytest.approx(expected, abs=0.03)


def test_pairs_ranked_wrongly_are_counted() -> None:
    assert ranking.wrong([1, 2, 3], [1, 2, 3]) == 0
    assert ranking.wrong([3, 2, 1], [1, 2, 3]) == 1
    assert ranking.wrong([1, 3, 2], [1, 2, 3]) == pytest.approx(1 / 3)


def test_models_of_one_text_differ_only_in_what_they_encode() -> None:
    alike, own = ([ranking.draw(number, own_text=own) for number in range(8)] for own in (False, True))
    for name in ("documents", "length", "labels", "burst"):
        assert len({getattr(one, name) for one in alike}) == 1 < len({getattr(one, name) for one in own})
    assert [one.token for one in alike] == [one.token for one in own]
