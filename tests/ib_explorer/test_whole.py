"""The whole way as users go it: the installed command, its worker process, a loopback hub, real models and files."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.loopback_hub import LoopbackHub, Repository, folder_files, loopback_hub

ROOT = str(Path(__file__).parents[2])
SETTINGS = ["--documents", "6", "--max-length", "48", "--anchors", "20", "--anchor-seeds", "0,1"]


def explorer(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    home = {"IB_EXPLORER_CACHE": str(tmp_path / "cache"), "XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": ROOT}
    command = [sys.executable, "-m", "ib_explorer", *arguments]
    return subprocess.run(command, env=os.environ | home | environment, capture_output=True, text=True, timeout=100)


@pytest.fixture
def hub(tiny_model: Callable[[str], Path]) -> object:
    """A hub with a model of three checkpoints and a dataset of two splits."""
    with loopback_hub() as served:
        model = served.models["org/tiny"] = Repository()
        for branch, family in (
            ("stage1-step1000-tokens3B", "gpt2"),
            ("stage1-step10-tokens1B", "llama"),
            ("main", "olmo2"),
        ):
            model.commit(folder_files(tiny_model(family)), branch=branch)
        texts = served.datasets["org/texts"] = Repository()
        words = [
            f"the model number {i} keeps {i % 3} of what it reads and forgets the rest of text {i}" for i in range(9)
        ]
        texts.commit(
            {"validation.jsonl": "".join(json.dumps({"text": w}) + "\n" for w in words).encode()}, branch="main"
        )
        yield served


def test_checkpoints_of_a_hub_model_on_a_hub_text(tmp_path: Path, hub: LoopbackHub) -> None:
    online = hub.environment(tmp_path / "hub")
    asked = ["measure", "org/tiny@stage1", "--corpus", "org/texts::validation", *SETTINGS]
    done = explorer(tmp_path, *asked, **online)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["step"] for row in rows if row["layer"] == "mean" and row["granularity"] == "token"] == ["10", "1000"]
    assert {row["commit"] for row in rows} <= set(hub.models["org/tiny"].commits)
    assert all(0 <= float(row["complexity"]) <= float(row["ceiling"]) for row in rows)

    # The same again: no weights are asked for, and from the cache without torch the same rows come out.
    hub.requests.clear()
    again = explorer(tmp_path, *asked, **online)
    assert again.stdout == done.stdout
    assert not [asked_for for asked_for in hub.requests if "safetensors" in asked_for]
    exported = explorer(tmp_path, "export", "--model", "org/tiny")
    assert sorted(exported.stdout.splitlines()) == sorted(done.stdout.splitlines())


def test_what_the_hub_does_not_have_is_said_in_a_sentence(tmp_path: Path, hub: LoopbackHub) -> None:
    online = hub.environment(tmp_path / "hub")
    for arguments, words in [
        (["measure", "org/none"], "org/none"),
        (["measure", "org/tiny@stage9"], "stage9"),
        (["measure", "org/tiny", "--corpus", "org/nothing"], "org/nothing"),
    ]:
        failed = explorer(tmp_path, *arguments, *SETTINGS, **online)
        assert (failed.returncode, failed.stdout) == (2, "")
        assert words in failed.stderr.splitlines()[-1]
        assert "Traceback" not in failed.stderr


def test_a_run_folder_on_a_text_file_plots_and_exports(tmp_path: Path, tiny_model: Callable[[str], Path]) -> None:
    run = tmp_path / "run"
    for step, family in ((5, "gpt2"), (50, "qwen2")):
        target = run / f"checkpoint-{step}"
        target.parent.mkdir(exist_ok=True)
        target.symlink_to(tiny_model(family), target_is_directory=True)
    text = tmp_path / "text.txt"
    text.write_text(
        "\n\n".join(f"Paragraph {i}: what is kept of {i * i} words, and what is forgotten?" * 3 for i in range(300))
    )
    path = tmp_path / "out.csv"
    asked = ["measure", f"{run}@all", "--corpus", str(text), "--csv", str(path), "--layers", "0,1-3", *SETTINGS]
    done = explorer(tmp_path, *asked)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(path)
    rows = list(csv.DictReader(path.open()))
    assert {row["site"] for row in rows} >= {"embedding", "block", "final_norm"}
    plotted = explorer(tmp_path, "plot", "--model", str(run))
    assert plotted.returncode == 0, plotted.stderr
    assert "I(X;Z)" in plotted.stdout and "diagonal" in plotted.stdout
