"""The plan of what a measurement holds in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from estimator.errors import MeasurementError
from estimator.soft_entropy import memory
from estimator.soft_entropy.memory import SHARE, MemoryPlan, estimate_bytes, plan_memory, score_bytes

POSITIONS, DRAWS, ANCHORS = 1_000_000, 4, 100
SCORES, ESTIMATE = score_bytes(POSITIONS, DRAWS, ANCHORS), estimate_bytes(POSITIONS, ANCHORS)


def _plan(monkeypatch: pytest.MonkeyPatch, free: float, cores: int = 2, **changes: Any) -> MemoryPlan:
    monkeypatch.setattr(memory, "free_memory", lambda *_: int(free / SHARE) + 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    sizes: dict[str, Any] = {"layers": 33, "labels": 0, "on_disk": False, "device": torch.device("cpu")}
    return plan_memory(positions=POSITIONS, draws=DRAWS, anchors=ANCHORS, **(sizes | changes))


def test_room_for_everything_takes_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = _plan(monkeypatch, 33 * SCORES + 2 * ESTIMATE)
    assert (plan.layers_at_once, plan.estimates, plan.passes) == (33, 2, 1)


def test_little_room_is_shared_between_scores_and_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = _plan(monkeypatch, 10 * SCORES + 2 * ESTIMATE)
    assert (plan.layers_at_once, plan.estimates, plan.passes) == (8, 2, 5)
    assert plan.on_device == 10 * SCORES + 2 * ESTIMATE
    assert str(plan).endswith("scores of 10 of 33 layers 8 GB); 5 forward passes.")
    many = _plan(monkeypatch, 10 * SCORES, cores=64)
    assert many.estimates * ESTIMATE <= 5 * SCORES
    assert many.on_device <= 10 * SCORES


def test_the_least_room_holds_a_layer_and_the_one_before_and_less_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = _plan(monkeypatch, 2 * SCORES + ESTIMATE)
    assert (plan.layers_at_once, plan.estimates, plan.passes) == (1, 1, 33)
    assert plan.on_device == 2 * SCORES + ESTIMATE
    assert _plan(monkeypatch, SCORES + ESTIMATE, layers=1).on_device == SCORES + ESTIMATE
    with pytest.raises(
        MeasurementError, match=r"1,000,000 positions needs 2\.1 GB of memory on cpu .* lower --documents"
    ):
        _plan(monkeypatch, 2 * SCORES + ESTIMATE - 10)


def test_scores_on_disk_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = _plan(monkeypatch, 2.5 * ESTIMATE, on_disk=True, labels=7_000_000)
    assert (plan.layers_at_once, plan.estimates, plan.passes) == (0, 1, 1)
    assert plan.on_device == ESTIMATE + 7_000_000
    assert "scores on disk 26.4 GB" in str(plan)


def test_a_card_holds_all_scores_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    card = torch.device("cuda", 0)
    both = {"device": card, "labels": 1000, "layers": 4}
    plan = _plan(monkeypatch, 8 * SCORES * SHARE, **both)
    assert (plan.holder, plan.layers_at_once, plan.passes, plan.estimates) == (card, 4, 1, 1)
    assert plan.on_device == 4 * SCORES + estimate_bytes(POSITIONS, ANCHORS, card) + 1000
    assert _plan(monkeypatch, 8 * SCORES * SHARE, **both, on_disk=True) == plan  # they go there afterwards
    less = _plan(monkeypatch, 8 * SCORES * SHARE - 10, **both)
    assert (less.holder.type, less.layers_at_once) == ("cpu", 4)
    assert less.on_device == estimate_bytes(POSITIONS, ANCHORS, card, copied=True) + 1000
    assert "scores of 4 of 4 layers 3.2 GB on cpu" in str(less)
    assert "scores on disk" in str(_plan(monkeypatch, 8 * SCORES * SHARE - 10, **both, on_disk=True))


def test_the_limit_of_a_container_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    without = memory.free_memory()
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    assert memory.free_memory() == 2_000_000 < without
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_memory() > 2_000_000
