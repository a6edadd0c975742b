"""Labels that whole documents carry: chosen and rejected completions of pairs, and columns of the corpus."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from estimator.errors import InputError
from estimator.measurement import Information, Weights
from estimator.soft_entropy.documents import DocumentEstimator
from estimator.soft_entropy.information import LayerInformation
from estimator.soft_entropy.jackknife import document_groups
from estimator.soft_entropy.plane import label_estimator
from estimator.text.kinds import LABELS
from estimator.text.labels import LabelText, label_set
from estimator.text.pair_sample import PairSample
from estimator.text.sample import Sample

BOTH: tuple[Weights, ...] = ("frequency", "uniform")


def pair_sample(pairs: int, seed: int, lengths: tuple[int, int] = (10, 40)) -> PairSample:
    """Pairs with 5 tokens of prompt and completions of random length; the tokens do not matter."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(*lengths, 2 * pairs) + 5
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    tokens = rng.integers(0, 50, offsets[-1]).astype(np.int32)
    return PairSample(tokens, offsets, "set", "0" * 64, 64, starts=np.full(2 * pairs, 5, dtype=np.int64))


def text_sample(topics: np.ndarray, seed: int, lengths: tuple[int, int] = (18, 48)) -> Sample:
    """Documents of random length, each with its topic in the column of that name."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(*lengths, len(topics)))]).astype(np.int64)
    tokens = rng.integers(0, 50, offsets[-1]).astype(np.int32)
    return Sample(tokens, offsets, "set", "0" * 64, 64, columns={"topic": topics.astype(np.int64)})


def scores(z: np.ndarray, seed: int, anchors: int = 40) -> torch.Tensor:
    w = np.random.default_rng(1000 + seed).standard_normal((2, anchors, z.shape[1]))
    unit = z / np.linalg.norm(z, axis=-1, keepdims=True)
    return torch.tensor(np.einsum("pd,rad->rpa", unit, w / np.linalg.norm(w, axis=-1, keepdims=True)).astype("f4"))


def own_style(sample: Sample, rng: np.random.Generator, width: int = 32) -> np.ndarray:
    """States in which every document has a direction of its own: tokens of one text resemble each other."""
    document = sample.document_of_position()
    return rng.standard_normal((sample.positions, width)) + rng.standard_normal((sample.documents, width))[document]


def measured(
    sample: Sample, z: torch.Tensor, *, weights: tuple[Weights, ...] = ("frequency",), min_count: int = 5
) -> LayerInformation:
    name = "preference" if isinstance(sample, PairSample) else "column:topic"
    prepared = label_estimator(LabelText(sample, LABELS), LABELS.family([name]), weights, min_count=min_count)
    return prepared.measure(z, 0.1)


def values(found: LayerInformation) -> dict[Weights, Information]:
    return {weights: value for _, weights, value in found.information}


@pytest.mark.parametrize("pairs", [2, 3, 40, 400])
def test_pairs_are_never_split_between_groups(pairs: int) -> None:
    sample = pair_sample(pairs, pairs, (1, 200))
    pair = sample.units()[sample.document_of_position()]
    group = document_groups(pair)
    assert (np.diff(group) >= 0).all()
    assert 2 <= len(np.unique(group)) <= 16
    assert len(np.unique(np.stack([pair, group]), axis=1).T) == pairs


def test_identical_completions_tell_nothing() -> None:
    rng = np.random.default_rng(1)
    one = pair_sample(60, 1, (20, 21))
    z = own_style(one, rng).reshape(60, 2, 20, -1)
    z[:, 1] = z[:, 0]
    for information in values(measured(one, scores(z.reshape(2400, -1), 1), weights=BOTH)).values():
        assert information.plugin == pytest.approx(0, abs=1e-9)
        assert information.corrected == pytest.approx(0, abs=1e-9)
        assert information.is_zero


@pytest.mark.parametrize("in_pairs", [True, False], ids=["pairs", "documents"])
def test_documents_that_differ_only_in_style_of_their_own_tell_nothing(in_pairs: bool) -> None:
    """Piles of different texts differ: labels shuffled over tokens would call that information."""
    z_scores = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sample = pair_sample(40, seed) if in_pairs else text_sample(rng.integers(0, 3, 80), seed)
        information = values(measured(sample, scores(own_style(sample, rng), seed)))["frequency"]
        z_scores.append(information.corrected / information.se)
        assert information.null > 5e-4
    assert abs(np.mean(z_scores)) < 4 / np.sqrt(20)
    assert 0.3 < np.std(z_scores) < 1.6


def test_a_marker_in_the_chosen_ones_is_found() -> None:
    """One more direction at every second token of chosen completions; found although texts have styles of their own."""
    sample = pair_sample(120, 3)
    rng = np.random.default_rng(3)
    z = own_style(sample, rng)
    marked = (sample.document_of_position() % 2 == 0) & (np.arange(sample.positions) % 2 == 0)
    z[marked] += 2 * rng.standard_normal(z.shape[1])
    found = measured(sample, scores(z, 3))
    information = values(found)["frequency"]
    assert information.corrected > 5 * information.se
    assert information.corrected <= information.high < found.ceiling < found.entropy
    assert (information.labels, information.singletons) == (2, 0.0)


def test_a_topic_is_found() -> None:
    rng = np.random.default_rng(4)
    topics = rng.integers(0, 4, 120)
    sample = text_sample(topics, 4)
    z = own_style(sample, rng) + 2 * rng.standard_normal((4, 32))[topics][sample.document_of_position()]
    information = values(measured(sample, scores(z, 4)))["frequency"]
    assert information.corrected > 5 * information.se
    assert information.labels == 4


@pytest.mark.parametrize("in_pairs", [True, False], ids=["pairs", "documents"])
def test_plugin_is_the_definition(in_pairs: bool) -> None:
    topics = np.arange(20) % 3
    sample = pair_sample(10, 5) if in_pairs else text_sample(topics, 5)
    z = scores(own_style(sample, np.random.default_rng(5)), 5)[:1]
    p = torch.softmax(z[0].double() / 0.1, -1).numpy()
    label = (np.arange(20) % 2 if in_pairs else topics)[sample.document_of_position()]

    def h(q: np.ndarray) -> float:
        return float(-(q * np.log(q)).sum() / np.log(len(q)))

    means = np.stack([p[label == side].mean(0) for side in range(label.max() + 1)])
    each = [h(mean) for mean in means]
    shares = {"frequency": np.bincount(label) / len(label), "uniform": np.full(len(each), 1 / len(each))}
    for weights, information in values(measured(sample, z, weights=BOTH)).items():
        assert information.plugin == pytest.approx(h(shares[weights] @ means) - float(shares[weights] @ each), abs=1e-6)


def test_rare_labels_have_no_part_in_uniform_weights() -> None:
    topics = np.array([0, 1] * 20 + [2])
    sample = text_sample(topics, 6, (18, 19))  # 11 positions a document
    z = scores(own_style(sample, np.random.default_rng(6)), 6)
    label = topics[sample.document_of_position()]
    p = torch.softmax(z.double() / 0.1, -1).numpy()

    def h(q: np.ndarray) -> float:
        return float(-(q * np.log(q)).sum() / np.log(len(q)))

    classes = [(q[label == 0].mean(0), q[label == 1].mean(0)) for q in p]
    expected = np.mean([h((one + other) / 2) - (h(one) + h(other)) / 2 for one, other in classes])
    assert values(measured(sample, z, weights=("uniform",), min_count=12))["uniform"].plugin == pytest.approx(
        expected, abs=1e-6
    )
    with pytest.raises(InputError, match="No label of this sample occurs 1000 times"):
        measured(sample, z, weights=("uniform",), min_count=1000)


def test_one_label_for_all_is_refused() -> None:
    with pytest.raises(InputError, match="same column:topic label"):
        measured(text_sample(np.zeros(10), 7), torch.zeros(0))


def test_labels_that_differ_within_a_document_are_refused() -> None:
    sample = text_sample(np.arange(10), 8)
    with pytest.raises(ValueError, match="the same at all positions"):
        DocumentEstimator(sample.document_of_position(), label_set(np.arange(sample.positions)))


def test_pairs_that_share_texts_do_not_pass_for_information() -> None:
    """Best of n without signal: twelve prompts four times each, whose answers belong to one text of the chosen side."""
    beyond = {"together": 0, "apart": 0}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        sample = pair_sample(48, seed, (20, 21))
        style = np.repeat(rng.standard_normal((12, 2, 32)), 4, axis=0).reshape(96, 32)
        z = rng.standard_normal((sample.positions, 32)) + style[sample.document_of_position()]
        document, labels = sample.document_of_position(), label_set(sample.document_of_position() % 2)
        units = {"together": np.repeat(np.arange(48) // 4, 2), "apart": np.repeat(np.arange(48), 2)}
        for name, unit in units.items():
            prepared = DocumentEstimator(document, labels, in_pairs=True, unit=unit)
            value = prepared.measure(scores(z, seed), 0.1).information[0][2]
            beyond[name] += abs(value.corrected) > 2 * value.se
    assert beyond["together"] <= 4 < beyond["apart"]


def test_longer_completions_do_not_move_the_null() -> None:
    """Three times as long and without signal: the corrected value is 0 with either weighting."""
    z_scores: dict[Weights, list[float]] = {weights: [] for weights in BOTH}
    for seed in range(30):
        rng = np.random.default_rng(seed)
        sizes = np.tile([15, 45], 60) + 5
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        tokens = rng.integers(0, 50, offsets[-1]).astype(np.int32)
        sample = PairSample(tokens, offsets, "set", "0" * 64, 64, starts=np.full(120, 5, dtype=np.int64))
        topic = np.repeat(rng.standard_normal((60, 32)), 2, axis=0)[sample.document_of_position()]
        found = values(measured(sample, scores(rng.standard_normal(topic.shape) + topic, seed), weights=BOTH))
        for weights, value in found.items():
            z_scores[weights].append(value.corrected / value.se)
    for found in z_scores.values():
        assert abs(np.mean(found)) < 4 / np.sqrt(30)


def lopsided(sizes: tuple[int, int], seed: int, pairs: int = 60) -> PairSample:
    """Pairs of completions of these sizes after 5 tokens of prompt."""
    offsets = np.concatenate([[0], np.cumsum(np.tile(sizes, pairs) + 5)]).astype(np.int64)
    tokens = np.random.default_rng(seed).integers(0, 50, offsets[-1]).astype(np.int32)
    return PairSample(tokens, offsets, "set", "0" * 64, 64, starts=np.full(2 * pairs, 5, dtype=np.int64))


def drifting(sample: PairSample, rng: np.random.Generator) -> np.ndarray:
    """States that know only how far from the prompt they are."""
    far = sample.position_index() - (sample.offsets[:-1] + sample.starts)[sample.document_of_position()]
    return rng.standard_normal((sample.positions, 32)) + far[:, None] / 10 * rng.standard_normal(32)


def test_what_length_alone_gives_is_said_and_is_no_part_of_the_corrected_value() -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        sample = lopsided((15, 45), seed)
        for value in values(measured(sample, scores(drifting(sample, rng), seed), weights=BOTH)).values():
            assert value.length is not None and value.length > 0.002
            assert value.null == pytest.approx(value.length, rel=0.2)
            assert abs(value.corrected) < 4 * value.se


def test_pairs_of_equal_length_and_documents_owe_nothing_to_length() -> None:
    rng = np.random.default_rng(2)
    sample = lopsided((30, 30), 2)
    for value in values(measured(sample, scores(drifting(sample, rng), 2), weights=BOTH)).values():
        assert value.length == 0.0
    topics = rng.integers(0, 3, 80)
    texts = text_sample(topics, 2)
    assert values(measured(texts, scores(own_style(texts, rng), 2)))["frequency"].length is None
