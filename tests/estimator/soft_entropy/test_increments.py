"""Nested increments: found where they are, nowhere else, and equal to the definition by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from estimator.measurement import SIDES, Side
from estimator.soft_entropy.assignment import entropy, soft_assignments
from estimator.soft_entropy.increments import Excess, IncrementEstimator, Nesting, increment_estimator
from estimator.soft_entropy.information import Estimator
from estimator.soft_entropy.jackknife import document_groups
from estimator.text.kinds import LABELS, ngram_labels
from estimator.text.labels import LabelSet, LabelText, label_set
from estimator.text.sample import Sample

VOCABULARY = 5
DOCUMENTS, LENGTH = 200, 107


@pytest.fixture(scope="module")
def sample() -> Sample:
    """20,000 positions of independent, equally frequent tokens."""
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, DOCUMENTS * LENGTH).astype(np.int32)
    return Sample(tokens, np.arange(DOCUMENTS + 1, dtype=np.int64) * LENGTH, "synthetic", "0" * 64, LENGTH)


def _scores(codes: np.ndarray, seed: int, strength: float = 1.0, anchors: int = 50, width: int = 64) -> torch.Tensor:
    """Scores [1, positions, anchors] of states that show ``codes`` [positions] through noise, with a common mean."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((len(codes), width)) + rng.standard_normal(width)
    z += strength * rng.standard_normal((int(codes.max()) + 1, width))[codes]
    w = rng.standard_normal((anchors, width))
    unit = z / np.linalg.norm(z, axis=-1, keepdims=True)
    return torch.tensor(unit @ (w / np.linalg.norm(w, axis=-1, keepdims=True)).T, dtype=torch.float32)[None]


def _find(found: list[Excess], side: Side, order: int) -> Excess:
    return next(excess for excess in found if (excess.side, excess.order) == (side, order))


@pytest.mark.parametrize(("side", "order"), [("input", 1), ("input", 2), ("input", 3), ("output", 2), ("output", 4)])
def test_one_order_is_encoded_and_only_there_an_increment_is_found(sample: Sample, side: Side, order: int) -> None:
    """The sum of ``order`` independent tokens, modulo their number, is unknown while any one of them is."""
    positions = sample.position_index()
    offsets = [-step if side == "input" else step + 1 for step in range(order)]
    codes = sum(sample.tokens[positions + offset].astype(np.int64) for offset in offsets) % VOCABULARY
    scores = _scores(codes, order)
    found = increment_estimator(LabelText(sample, LABELS)).measure(scores, 0.1)
    truth = IncrementEstimator([label_set(codes)], document_groups(sample.document_of_position())).measure(scores, 0.1)
    here = _find(found, side, order)
    assert truth[0].adjusted is not None
    assert here.adjusted == pytest.approx(truth[0].adjusted, rel=0.1)
    assert 0.01 < here.increment < truth[0].increment + 3 * here.se
    for other in found:
        if other is not here:
            assert abs(other.increment) < 0.001, other
            assert abs(other.increment) < 4.5 * other.se, other
            assert other.adjusted is not None
            assert other.adjusted_se is not None
            assert abs(other.adjusted) < 4.5 * other.adjusted_se, other


def test_equals_the_definition_by_brute_force() -> None:
    """The mean over many shuffles within narrower labels of a group, each estimated from scratch in float64.

    Only positions count that a shuffle may change: those whose narrower label has several wider ones in its group.
    """
    rng = np.random.default_rng(5)
    narrow = np.minimum(rng.zipf(1.5, 900), 60)
    narrow_set = label_set(narrow)
    wide = label_set(narrow * 10 + np.minimum(rng.zipf(1.7, 900), 9), "bigram")
    group = np.arange(900) * 8 // 900
    scores = _scores(wide.ids % 7, 3, anchors=20)
    found = IncrementEstimator([narrow_set, wide], group, shuffles=60).measure(scores, 0.1)
    p = torch.softmax(scores[0].double() / 0.1, -1)
    strata = [np.flatnonzero((narrow == n) & (group == g)) for n, g in np.unique(np.stack([narrow, group]), axis=1).T]
    strata = [members for members in strata if len(set(wide.ids[members])) > 1]
    inside = np.concatenate(strata)
    often = [x for x in np.unique(wide.ids) if (wide.ids[inside] == x).sum() > 1]
    strata = [members for members in strata if np.isin(wide.ids[members], often).any()]
    rows = np.sort(np.concatenate(strata))

    def conditional(ids: np.ndarray) -> float:
        mine, states = ids[rows], p[rows]
        return float(sum((mine == x).sum() / 900 * entropy(states[mine == x].mean(0)) for x in np.unique(mine)))

    shuffled = []
    for _ in range(60):
        ids = wide.ids.copy()
        for members in strata:
            ids[members] = ids[rng.permutation(members)]
        shuffled.append(conditional(ids))
    expected = np.mean(shuffled) - conditional(wide.ids)
    error = np.std(shuffled, ddof=1) * math.sqrt(2 / 60)
    assert _find(found, "input", 2).increment == pytest.approx(expected, abs=4 * error)
    assert expected > 10 * error


def test_a_shuffle_keeps_the_narrower_label_and_the_counts() -> None:
    rng = np.random.default_rng(8)
    narrow = rng.integers(0, 12, 500)
    wide = label_set(narrow * 40 + np.minimum(rng.zipf(1.4, 500), 39))
    nesting = Nesting.prepare(wide, narrow, 2, shuffles=3)
    observed = torch.cat([nesting.tallies[0].order, nesting.tallies[0].single]).numpy()
    for tally in nesting.tallies[1:]:
        dealt = torch.cat([tally.order, tally.single]).numpy()
        assert (narrow[dealt] == narrow[observed]).all()
        assert (dealt != observed).any()
        assert sorted(dealt) == sorted(observed)


def test_positions_that_no_shuffle_changes_are_left_out() -> None:
    """One continuation only (label 0), or none seen twice (label 1): such narrower labels cannot tell."""
    narrow = np.array([0] * 6 + [1] * 3 + [2] * 4)
    wide = label_set(np.array([0] * 6 + [1, 2, 3] + [4, 4, 5, 5]))
    nesting = Nesting.prepare(wide, narrow, 2, shuffles=2)
    assert nesting.share == pytest.approx(4 / 13)
    assert sorted(nesting.tallies[1].order.tolist()) == [9, 10, 11, 12]
    settled = label_set(np.arange(100) % 5)
    scores = _scores(settled.ids, 1)
    (_, second) = IncrementEstimator([settled, settled], np.arange(100) // 25).measure(scores, 0.1)
    assert (second.increment, second.se, second.share) == (0.0, 0.0, 0.0)
    assert second.adjusted is None


def test_the_error_is_that_of_repeated_samples() -> None:
    """Unrelated labels, drawn again and again: increments scatter around 0 as their errors say."""
    rng = np.random.default_rng(12)
    found = []
    for seed in range(20):
        narrow = rng.integers(0, 10, 1000)
        sets = [label_set(narrow), label_set(narrow * 20 + rng.integers(0, 20, 1000))]
        scores = _scores(narrow, seed, anchors=20)
        found.append(IncrementEstimator(sets, np.arange(1000) // 125).measure(scores, 0.1)[1])
    ratio = np.array([excess.increment / excess.se for excess in found])
    assert abs(ratio.mean()) < 4 / math.sqrt(20)
    assert 0.3 < ratio.std() < 1.8


def test_chunks_and_the_order_of_shuffling_do_not_matter(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [labels for labels in ngram_labels(sample, "bigram") if labels.side == "output"]
    group = document_groups(sample.document_of_position())
    scores = _scores(labels[0].ids, 4, anchors=10)
    before = IncrementEstimator(labels, group).measure(scores, 0.1)
    monkeypatch.setattr("estimator.soft_entropy.increments._ROWS", 777)
    after = IncrementEstimator(labels, group).measure(scores, 0.1)
    assert after[1].increment == pytest.approx(before[1].increment, abs=1e-12)
    p, rows = soft_assignments(scores[0], 0.1)
    nesting = Nesting.prepare(labels[1], labels[0].ids, 2)
    sums = nesting.scatter(p, rows, torch.from_numpy(group), int(group.max()) + 1)
    marginal = [float(entropy(p[labels[1].ids == x].mean(0))) * n for x, n in enumerate(labels[1].counts)]
    assert float(sums[1].sum()) == pytest.approx(-sum(marginal), rel=1e-6)
    assert float(sums[0].sum()) == pytest.approx(-float(rows.double().sum()), rel=1e-6)


def test_what_differs_between_documents_is_no_increment() -> None:
    """States that know their document only, and second tokens that differ between documents."""
    rng = np.random.default_rng(4)
    document = np.repeat(np.arange(40), 100)
    narrow = rng.integers(0, 6, 4000)
    wide = narrow * 1000 + document % 20 * 3 + rng.integers(0, 3, 4000)
    sets = [label_set(narrow), label_set(wide)]
    group = document * 10 // 40
    scores = _scores(document, 3)
    found = IncrementEstimator(sets, group, document).measure(scores, 0.1)[1]
    assert abs(found.increment) < 4 * found.se
    over_all = IncrementEstimator(sets, group, np.zeros(4000, np.int64)).measure(scores, 0.1)[1]
    assert over_all.increment > 0.01  # the test can fail: shuffled over documents, there is one


def test_an_increment_is_the_difference_of_adjusted_values(sample: Sample) -> None:
    """States that show half of what the second token is: the third and fourth add nothing."""
    positions = sample.position_index()
    tokens = sample.tokens.astype(np.int64)
    codes = tokens[positions] * 2 + tokens[positions - 1] % 2
    scores = _scores(codes, 7)
    text = LabelText(sample, LABELS)
    found = increment_estimator(text).measure(scores, 0.1)
    group = document_groups(text.unit_of_position)
    values = Estimator(text.label_sets(LABELS.chain("bigram")), group, text.unit_of_position).measure(scores, 0.1)
    token, bigram = (values.find(name, "input", "frequency") for name in ("token", "bigram"))
    assert token is not None
    assert bigram is not None
    second = _find(found, "input", 2)
    assert token.adjusted is not None
    assert bigram.adjusted is not None
    assert second.adjusted == pytest.approx(bigram.adjusted - token.adjusted, rel=0.1)
    assert _find(found, "input", 1).adjusted == pytest.approx(token.adjusted, rel=1e-6)


def test_labels_that_are_not_nested_are_refused() -> None:
    with pytest.raises(ValueError, match="nested"):
        IncrementEstimator([label_set([0, 0, 1]), label_set([0, 1, 1])][::-1], np.arange(3))


def test_sides_are_told_apart(sample: Sample) -> None:
    found = increment_estimator(LabelText(sample, LABELS)).measure(
        _scores(np.arange(sample.positions) % 3, 2, anchors=8), 0.2
    )
    assert [(excess.side, excess.order) for excess in found] == [(side, k) for side in SIDES for k in (1, 2, 3, 4)]
    assert isinstance(ngram_labels(sample)[0], LabelSet)
