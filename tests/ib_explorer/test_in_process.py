"""Measuring in the process of a notebook, which hears of it only what it asks for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parents[2])
MEASURE = """
import sys
import ib_explorer
from estimator.request import MeasurementRequest
model, corpus, cache = sys.argv[1:]
asked = MeasurementRequest(
    model, "checkpoint-0" if model == "demo" else None, corpus, documents=4, max_length=16, anchors=10,
    anchor_seeds=(0,), device="cpu", loss=True,
)
(found,) = ib_explorer.measure(asked, cache_dir=cache).records
assert found.rows and found.bits_per_byte
"""


@pytest.mark.parametrize("model", ["gpt2", "demo"])
def test_measuring_in_a_process_writes_nothing_there(
    tmp_path: Path, tiny_model: Callable[[str], Path], text: Path, model: str
) -> None:
    named = "demo" if model == "demo" else str(tiny_model(model))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, named, str(text), str(tmp_path / "cache")],
        env=os.environ | {"PYTHONPATH": ROOT, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
