"""The digest that says which anchors a value was measured with."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from estimator.states import anchors
from estimator.states.anchors import anchors_digest, stack_anchors


def test_the_digest_is_that_of_the_anchors_in_single_precision():
    drawn = stack_anchors(5, 64, (0, 3))
    assert anchors_digest(5, (0, 3)) == hashlib.sha256(drawn.astype(np.dtype("<f4")).tobytes()).hexdigest()
    assert anchors_digest(5, (3, 0)) != anchors_digest(5, (0, 3)) != anchors_digest(4, (0, 3))


def test_the_digest_draws_once_per_process(monkeypatch: pytest.MonkeyPatch):
    drawn = []
    monkeypatch.setattr(anchors, "stack_anchors", lambda *asked: drawn.append(asked) or stack_anchors(*asked))
    anchors_digest.cache_clear()
    assert len({anchors_digest(5, (0, 3)) for _ in range(3)}) == len(drawn) == 1
