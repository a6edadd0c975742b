"""The CUDA benchmark runs from end to end on a pretended card, so that the first real one is not spent on mistakes."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest
import torch

from benchmarks import gpu
from benchmarks.setting import random_model
from tests.pretended_cuda import DEVICE, pretend, pretend_cuda


def test_it_prints_every_part(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def on_the_card(shape: Any, length: int, _device: str, _dtype: str) -> Any:
        model = random_model(shape, length)
        return replace(model, model=pretend(model.model), device=DEVICE)

    monkeypatch.setattr(gpu, "random_model", on_the_card)
    monkeypatch.setitem(sys.modules, "soft_entropy.accumulator", None)  # draws its anchors with a card's generator
    monkeypatch.setattr(sys, "argv", ["gpu", "--shape", "1M", "--positions", "1000", "--draws", "1,2"])
    pretend_cuda(monkeypatch)
    gpu.main()
    said = capsys.readouterr().out
    assert said.startswith("a pretended card; torch ")
    for draws in ("1 draw ", "2 draws"):
        for where in (DEVICE, torch.device("cpu")):
            assert f"{draws}, scores on {where}: whole" in said
    apart = [float(line.rsplit(" ", 1)[1]) for line in said.splitlines() if "largest difference" in line]
    assert len(apart) == 2 and max(apart) < 1e-6
