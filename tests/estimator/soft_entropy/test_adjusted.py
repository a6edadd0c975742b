"""Labels dealt within documents, adjusted values and the lower end of the bracket, on states of known information."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from estimator.measurement import Information
from estimator.soft_entropy.dealing import DEALS, dealt_within, turns
from estimator.soft_entropy.information import Estimator, LayerInformation
from estimator.soft_entropy.jackknife import document_groups
from estimator.soft_entropy.plane import ngram_estimator, with_monotone_low
from estimator.text.labels import label_set
from estimator.text.sample import Sample

DOCUMENTS, LENGTH, WIDTH, TEMPERATURE = 48, 60, 32, 0.1


def _sample(seed: int, documents: int = DOCUMENTS) -> Sample:
    """Documents that prefer words of their own, so that their labels repeat."""
    rng = np.random.default_rng(seed)
    common = np.minimum(rng.zipf(1.3, documents * LENGTH), 300)
    own = 300 + np.repeat(rng.integers(0, 200, documents), LENGTH) + rng.integers(0, 3, documents * LENGTH)
    tokens = np.where(rng.random(documents * LENGTH) < 0.3, own, common).astype(np.int32)
    return Sample(tokens, np.arange(documents + 1) * LENGTH, "made up", "0" * 64, LENGTH)


def _scores(of: np.ndarray, seed: int, draws: int = 4) -> torch.Tensor:
    """Cosines of states with one random direction for each value of ``of`` [positions]."""
    rng = np.random.default_rng(seed)
    z, w = rng.standard_normal((int(of.max()) + 1, WIDTH)), rng.standard_normal((draws, 50, WIDTH))
    z, w = (each / np.linalg.norm(each, axis=-1, keepdims=True) for each in (z, w))
    return torch.tensor(np.einsum("pd,rad->rpa", z, w)[:, of], dtype=torch.float32)


def _values(found: LayerInformation) -> dict[tuple[str, str], Information]:
    return {(labels.granularity, labels.side): value for labels, _, value in found.information}


def test_dealing_keeps_the_labels_of_each_document() -> None:
    documents = np.array([0, 1, 0, 2, 1, 0, 2, 2, 0])
    for dealt in dealt_within(documents):
        assert sorted(dealt) == list(range(9))
        assert (documents[dealt] == documents).all()
    assert sorted(deal for draw in range(DEALS) for deal in turns(draw, DEALS)) == list(range(DEALS))
    assert [len(turns(0, draws)) for draws in (1, 2, 3, 4, 8)] == [2, 2, 2, 1, 1]


def test_the_null_within_documents_is_what_shuffled_labels_give() -> None:
    sample = _sample(1)
    document = sample.document_of_position()
    labels = label_set(sample.tokens[sample.position_index()])
    rng = np.random.default_rng(2)
    scores = _scores(
        np.where(rng.random(len(document)) < 0.7, document, DOCUMENTS + rng.integers(0, 400, len(document))), 3, 1
    )
    group = document_groups(document)
    value = Estimator([labels], group, document).measure(scores, TEMPERATURE).information[0][2]
    shuffled = []
    for _ in range(20):
        order = np.lexsort((rng.random(len(document)), document))
        mixed = Estimator([label_set(labels.ids[order])], group, document).measure(scores, TEMPERATURE)
        shuffled.append(mixed.information[0][2].plugin)
    scatter = np.std(shuffled, ddof=1)
    assert value.within == pytest.approx(np.mean(shuffled), abs=4 * scatter * (1 / 2 + 1 / 20) ** 0.5)
    assert value.within - value.null == value.document_part > 10 * scatter


def test_states_that_know_their_document_only_have_no_information() -> None:
    sample = _sample(4)
    found = ngram_estimator(sample, ("frequency", "uniform"), min_count=2).measure(
        _scores(sample.document_of_position(), 5), TEMPERATURE
    )
    assert {weights for _, weights, _ in found.information} == {"frequency", "uniform"}
    for labels, weights, value in found.information:
        assert value.adjusted == pytest.approx(0, abs=1e-5), labels.granularity
        assert value.low <= 0 and value.is_adjusted_zero
        assert value.document_part == pytest.approx(value.corrected, abs=1e-5)
        assert (labels.granularity, weights) != ("token", "frequency") or value.corrected > 0.02


def test_states_that_are_a_function_of_the_label_have_all_of_it() -> None:
    """Layer 0 of a model without positions: adjusted values are the ceiling for every label that contains the token."""
    sample = _sample(6)
    found = ngram_estimator(sample, ("frequency",)).measure(
        _scores(sample.tokens[sample.position_index()], 7), TEMPERATURE
    )
    for (granularity, side), value in _values(found).items():
        if side == "input":
            assert value.adjusted == pytest.approx(found.ceiling, abs=1e-5), granularity
        assert value.low <= value.bracket[1] and value.high >= value.adjusted


def test_noise_has_none() -> None:
    sample = _sample(8)
    prepared = ngram_estimator(sample, ("frequency",))
    z = []
    for seed in range(12):
        found = prepared.measure(_scores(np.arange(sample.positions), 10 + seed), TEMPERATURE)
        z += [value.adjusted / value.adjusted_se for value in _values(found).values()]
    assert abs(np.mean(z)) < 0.5 and np.abs(z).max() < 4


def test_the_low_end_never_falls_with_the_width() -> None:
    sample = _sample(9)
    found = ngram_estimator(sample, ("frequency",)).measure(
        _scores(sample.tokens[sample.position_index()], 9), TEMPERATURE
    )
    before, after = _values(found), _values(with_monotone_low(found))
    for side in ("input", "output"):
        lows = [after[granularity, side].low for granularity in ("token", "bigram", "trigram", "quadgram")]
        assert lows == sorted(lows) and lows[0] == before["token", side].low
    assert before["quadgram", "input"].low < after["quadgram", "input"].low


def test_labels_that_never_repeat_have_no_adjusted_value() -> None:
    scores = _scores(np.arange(200), 1)
    value = Estimator([label_set(np.arange(200))], np.arange(200) // 20).measure(scores, TEMPERATURE).information[0][2]
    assert value.adjusted is None and value.adjusted_se is None and value.is_adjusted_zero
    assert value.corrected == pytest.approx(0, abs=1e-6)


def test_states_that_are_all_equal_have_no_ratio() -> None:
    sample = _sample(11)
    found = ngram_estimator(sample, ("frequency",)).measure(
        _scores(np.zeros(sample.positions, dtype=np.int64), 1), TEMPERATURE
    )
    assert found.ceiling < 1e-5
    assert all(value.is_zero and value.is_adjusted_zero for value in _values(found).values())


def test_copies_of_a_document_are_dealt_and_left_out_together() -> None:
    sample = _sample(12, 30)
    tokens = np.concatenate([sample.tokens, sample.tokens[:LENGTH], sample.tokens[:LENGTH]])
    tokens[-1] += 1
    copied = Sample(tokens, np.arange(33) * LENGTH, "made up", "0" * 64, LENGTH)
    units = copied.units()
    assert (units[:30] == np.arange(30)).all() and units[30] == units[31] == 0
    group = document_groups(units[copied.document_of_position()])
    document = copied.document_of_position()
    assert len({*group[(document == 0) | (document >= 30)]}) == 1


def test_positions_without_documents_have_the_errors_that_shuffling_has() -> None:
    """Independent positions: dealt labels leave out the positions that the others leave out, and add little error."""
    rng = np.random.default_rng(13)
    clusters = rng.integers(0, 10, 1600)
    scores = _scores(clusters, 14)
    labels = [label_set(clusters % 2, "half"), label_set(rng.integers(0, 10, 1600), "chance")]
    for _, _, value in Estimator(labels, np.arange(1600) // 100).measure(scores, TEMPERATURE).information:
        within_se = (value.plugin - value.within - value.low) / 2
        assert 0.7 < within_se / value.se < 1.5
        assert 0.7 < value.adjusted_se / value.se < 1.6
