"""Fixtures of jobs that are really run: a small text, and a runner on the CPU with a cache of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ib_explorer.work.runner import Runner
from tests.ib_explorer.runs import WORDS


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A corpus of 12 short documents."""
    path = tmp_path / "text.jsonl"
    lines = [" ".join(WORDS[(7 * i + j * (1 + i % 3)) % len(WORDS)] for j in range(40)) for i in range(12)]
    path.write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    return path


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path / "cache", "cpu")
