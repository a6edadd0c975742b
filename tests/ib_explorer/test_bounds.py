"""A bound that no module of the program knows: on the command line, in the worker, in the cache and on the screen."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from estimator.bottleneck.bounds import BOUNDS, RAW, Bound, Curve
from ib_explorer.tui.widgets.readout import Readout
from ib_explorer.tui.widgets.view_panel import ViewPanel
from ib_explorer.work.runner import Runner
from ib_explorer.worker import messages
from tests.ib_explorer.pilot import explorer, picture, settled, text_of
from tests.ib_explorer.runs import request, run
from tests.ib_explorer.synthetic import REQUEST, STEPS, MemoryCache, ScriptedClient, measuring
from tests.packages import package

ROOT = str(Path(__file__).parents[2])

PACKAGE = """
import os

from estimator.bottleneck.bounds import RAW, Bound, Curve
from estimator.curve import BoundCurve


def half(curve):
    return tuple((rate, relevance / 2) for rate, relevance in curve.corners())


def solve(labels, progress):
    with open(os.environ["SOLVED"], "a") as log:
        log.write(f"{len(labels.inputs)} {len(labels.outputs)} {labels.document.max()}\\n")
    return BoundCurve("?", (0.0, 2.0), (0.0, 1.0), (None, None), 2.0, 1.0, 0, 0, 0, 0.0)


HALF = Bound("half", "half the IB curve", "half of what the IB curve allows", half, RAW)
OWN = Bound("own", "a line of its own", "what its package computes", BoundCurve.corners, Curve("own", "own", solve))
"""


@pytest.fixture
def added() -> Iterator[list[str]]:
    """Bounds that this process adds, one of the raw curve and one of a curve of its own; what was computed of it."""
    solved: list[str] = []

    def solve(labels, progress):
        solved.append(labels.inputs[-1].granularity)
        return replace(RAW.solve(labels, progress), relevance=(0.0, 0.0), rate=(0.0, 1.0), beta=(None, None))

    line = lambda curve: tuple((rate, relevance / 2) for rate, relevance in curve.corners())  # noqa: E731
    BOUNDS.add(Bound("half", "half the IB curve", "half of what the IB curve allows", line, RAW))
    BOUNDS.add(Bound("own", "a line of its own", "what it computes", line, Curve("own", "own", solve)))
    yield solved
    BOUNDS.remove("half")
    BOUNDS.remove("own")


def test_a_package_adds_bounds_to_the_command_line_the_worker_and_the_cache(
    tmp_path: Path, tiny_model: Callable[[str], Path], text: Path
) -> None:
    package(tmp_path, "borders", PACKAGE, {"ib_explorer.bounds": {"half": "HALF", "own": "OWN"}})
    log = tmp_path / "solved"
    settings = {
        "IB_EXPLORER_CACHE": str(tmp_path / "cache"),
        "XDG_STATE_HOME": str(tmp_path),
        "SOLVED": str(log),
        "PYTHONPATH": os.pathsep.join([ROOT, str(tmp_path)]),
    }

    def command(*arguments: str) -> str:
        command = [sys.executable, "-m", "ib_explorer", *arguments]
        done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return done.stdout

    sample = ["--corpus", str(text), "--documents", "12", "--max-length", "48", "--anchors", "20"]
    asked = ["bound", "--tokenizer", str(tiny_model("gpt2")), *sample, "--granularity", "bigram"]
    kinds = [word for kind in ("ib", "half", "own") for word in ("--kind", kind)]
    rows = list(csv.DictReader(io.StringIO(command(*asked, *kinds))))
    lines = {
        name: [(float(row["rate_bits"]), float(row["relevance_bits"])) for row in rows if row["bound"] == name]
        for name in ("ib", "half", "own")
    }
    assert lines["half"] == [(rate, relevance / 2) for rate, relevance in lines["ib"]]
    assert lines["own"] == [(0, 0), (2, 1)]
    assert {(row["bound"], row["conditionals"]) for row in rows} == {("ib", "raw"), ("half", "raw"), ("own", "own")}
    assert len({row["positions"] for row in rows}) == len({row["input_labels"] for row in rows}) == 1

    held_out = list(csv.DictReader(io.StringIO(command(*asked, *kinds, "--held-out"))))
    assert {(row["bound"], row["conditionals"]) for row in held_out} == {
        ("ib", "held-out"),
        ("half", "held-out"),
        ("own", "own"),
    }
    assert [row for row in held_out if row["bound"] == "own"] == [row for row in rows if row["bound"] == "own"]
    # The twelve documents are three units of near copies.
    assert log.read_text() == "2 2 2\n"  # of two runs: the second one read it from the cache

    command("measure", str(tiny_model("gpt2")), *sample, "--anchor-seeds", "0")
    for name, title in (("half", "half the IB curve"), ("own", "a line of its own")):
        assert title in command("plot", "--granularity", "bigram", "--bound", name)
    usage = " ".join(command("bound", "--help").split())
    assert "|half|own]" in usage and "own: what its package computes" in usage


def test_a_curve_is_computed_once_for_all_bounds_that_share_it(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, added: list[str]
) -> None:
    asked = request(tiny_model("gpt2"), text)
    names = ("own", "ib", "own", "half", "dpi")
    found = [run(runner, messages.ComputeBound(1, asked, "bigram", name)) for name in names]
    own, raw, again, half, dpi = (event.key for (event,) in found if isinstance(event, messages.BoundReady))
    assert own == again != raw == half == dpi
    assert added == ["bigram"]
    curve = runner._cache.curves.load(own)
    assert curve is not None and (curve.conditionals, curve.relevance) == ("own", (0, 0))


async def test_a_key_steps_to_added_bounds_and_has_only_new_curves_computed(added: list[str]) -> None:
    cache = MemoryCache()
    client = ScriptedClient(measuring(cache))
    asked = lambda: [job.bound for job in client.jobs if isinstance(job, messages.ComputeBound)]  # noqa: E731
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == len(STEPS) and bool(app.state.curves))
        await pilot.press("b", "b")
        await settled(pilot, lambda: app._settling is None)
        assert app.state.view.bound == "half"
        assert "half the IB curve" in picture(app) and "half" in text_of(app, ViewPanel)
        assert text_of(app, Readout).splitlines()[-1].startswith("IB curve ")
        await pilot.press("b")
        await settled(pilot, lambda: app.scene.curve is not None)
        assert "a line of its own" in picture(app) and "own" in text_of(app, ViewPanel)
        assert text_of(app, Readout).splitlines()[-1].startswith("own ")
        assert asked() == ["ib", "held-out", "own"]
        await pilot.press("question_mark")
        await settled(pilot, lambda: len(app.screen_stack) == 2)
        said = str(app.screen.query("Static").first().content)
        assert "half of what the IB curve allows" in said and "what it computes" in said
