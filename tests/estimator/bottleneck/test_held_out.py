"""Held-out p(y|x) against what made the data: rules that hold everywhere, accidents, and noise."""

from __future__ import annotations

import numpy as np
import pytest

from estimator.bottleneck.held_out import HeldOutJoint, held_out_joint
from estimator.bottleneck.joint import Joint, joint_counts
from estimator.bottleneck.solver import Bottleneck, Decoders, information_bottleneck
from estimator.errors import InputError


def chain(positions: int, symbols: int, follow: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of which a share ``follow`` is decided by the one before, in documents of 50."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, symbols, positions)
    for at in range(1, positions):
        if rng.random() < follow:
            tokens[at] = (3 * tokens[at - 1] + 1) % symbols
    return tokens, np.arange(positions) // 50


def joints(tokens: np.ndarray, document: np.ndarray, width: int) -> tuple[Joint, HeldOutJoint]:
    """Raw and held-out joint of contexts of ``width`` tokens with the token after them."""
    y, contexts, context = tokens[4:], [], np.zeros(len(tokens) - 4, dtype=np.int64)
    for step in range(width):
        context = context * (tokens.max() + 1) + tokens[3 - step : -1 - step]
        contexts.append(context)
    return joint_counts(contexts[-1], y), held_out_joint(contexts, y, document[4:])


def dense(joint: HeldOutJoint) -> np.ndarray:
    return (joint.mixture @ joint.conditionals).toarray()


@pytest.mark.parametrize("width", [1, 2, 4])
def test_every_conditional_is_a_distribution_and_information_is_that_of_the_dense_joint(width: int) -> None:
    _, joint = joints(*chain(2000, 12, 0.6), width)
    conditionals = dense(joint)
    np.testing.assert_allclose(conditionals.sum(1), 1, atol=1e-12)
    together = conditionals * joint.input_weights[:, None]
    np.testing.assert_allclose(together.sum(0), joint.output_weights, atol=1e-12)
    independent = np.outer(joint.input_weights, joint.output_weights)
    expected = (together * np.log2(np.where(together > 0, together / independent, 1))).sum()
    assert joint.mutual_information == pytest.approx(expected, abs=1e-9)


def test_noise_keeps_no_information_where_the_raw_joint_is_nearly_deterministic() -> None:
    raw, held = joints(*chain(4000, 20, 0.0), 3)
    assert raw.one_successor > 0.6 and raw.mutual_information > 2
    assert held.mutual_information < 0.05 and held.trust < 0.05
    curve = information_bottleneck(held, "trigram")
    assert max(curve.relevance) < 0.05


def test_a_rule_that_holds_everywhere_keeps_most_of_its_information_at_every_width() -> None:
    tokens, document = chain(6000, 20, 0.7)
    p = np.full((20, 20), 0.3 / 20)
    p[np.arange(20), (3 * np.arange(20) + 1) % 20] += 0.7
    truth = np.log2(20) + (p * np.log2(p)).sum(1).mean()
    found = [joints(tokens, document, width)[1].mutual_information for width in (1, 2, 4)]
    assert all(0.75 * truth < information < truth for information in found), (found, truth)
    assert joints(tokens, document, 4)[0].mutual_information > truth + 1


def test_what_only_one_document_says_is_not_believed() -> None:
    rng = np.random.default_rng(3)
    document = np.repeat(np.arange(20), 100)
    x = rng.integers(0, 10, 2000) + 10 * document  # contexts of their own in every document
    held = held_out_joint([x], rng.integers(0, 10, 2000), document)
    assert held.trust == 0
    assert held.mutual_information == pytest.approx(0, abs=1e-9)


def test_the_factored_iteration_is_the_dense_one() -> None:
    _, joint = joints(*chain(1500, 9, 0.5), 2)
    p_y_x, p_x, beta = dense(joint), joint.input_weights, 4.0
    decoders = Decoders.seeded(joint, 6)
    p_t, p_y_t = np.exp(decoders.log_weights), np.exp(decoders.log_conditionals.T)
    for _ in range(20):
        q = p_t * np.exp(beta * p_y_x @ np.log(p_y_t).T)
        q /= q.sum(1, keepdims=True)
        p_t = p_x @ q
        p_y_t = (q * p_x[:, None]).T @ p_y_x / p_t[:, None]
        iteration = Bottleneck(joint, block=7).iterate(decoders, beta)
        decoders = iteration.decoders
        assert iteration.rate == pytest.approx((p_x[:, None] * q * np.log2(q / p_t)).sum(), abs=1e-10)
        relevance = (p_t[:, None] * p_y_t * np.log2(p_y_t / joint.output_weights)).sum()
        assert iteration.relevance == pytest.approx(relevance, abs=1e-10)


def test_names_of_labels_do_not_matter() -> None:
    tokens, document = chain(1000, 8, 0.5)
    x, y = tokens[:-1], tokens[1:]
    one = held_out_joint([x], y, document[1:])
    other = held_out_joint([2**40 - x], -(2**50) * y, document[1:])
    assert one.mutual_information == pytest.approx(other.mutual_information, abs=1e-12)


def test_one_half_without_positions_is_refused() -> None:
    with pytest.raises(InputError, match="2 documents"):
        held_out_joint([np.arange(5)], np.arange(5), np.zeros(5, dtype=np.int64))
