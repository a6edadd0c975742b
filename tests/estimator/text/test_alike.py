"""Documents and pairs that belong together."""

from __future__ import annotations

import numpy as np

from estimator.text.alike import alike_documents, sharing
from estimator.text.pair_sample import PairSample


def test_near_copies_are_alike_and_other_texts_are_not() -> None:
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 1000, length) for length in rng.integers(8, 400, 60)]
    documents += [documents[3].copy(), np.append(documents[7], 5)]
    changed = documents[11].copy()
    changed[len(changed) // 2] += 1
    documents.append(changed)
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in documents])])
    units = alike_documents(np.concatenate(documents), offsets)
    assert (units[:60] == np.arange(60)).all()
    assert units[60:].tolist() == [3, 7, 11]


def test_documents_that_are_all_alike_stand_for_themselves() -> None:
    text = np.arange(40)
    assert alike_documents(np.tile(text, 5), np.arange(6) * 40).tolist() == [0, 1, 2, 3, 4]


def test_items_that_share_a_key_belong_together_but_not_by_a_key_of_most() -> None:
    assert sharing([["a"], ["b"], ["a", "c"], ["c"], ["d"], []]).tolist() == [0, 1, 0, 0, 2, 3]
    assert sharing([["all"], ["all"], ["all"], ["x"]]).tolist() == [0, 1, 2, 3]


def test_pairs_that_share_a_prompt_or_a_completion_are_one_unit() -> None:
    rng = np.random.default_rng(1)
    prompts = [rng.integers(0, 99, 6) for _ in range(8)]
    texts = [rng.integers(0, 99, 12) for _ in range(16)]
    prompts[2], texts[2 * 5] = prompts[0], texts[2 * 4 + 1]
    documents = [np.concatenate([prompts[pair // 2], texts[pair]]).astype(np.int32) for pair in range(16)]
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in documents])]).astype(np.int64)
    sample = PairSample(np.concatenate(documents), offsets, "set", "0" * 64, 64, starts=np.full(16, 6, dtype=np.int64))
    assert sample.units()[::2].tolist() == [0, 1, 0, 2, 3, 3, 4, 5]
    assert (sample.units()[::2] == sample.units()[1::2]).all()
