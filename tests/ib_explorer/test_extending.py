"""docs/extending.md: every example runs as an installed package, through the command line and on the screen."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cache import Cache
from estimator.errors import InputError
from estimator.registry import Registry
from estimator.text.kinds import LABELS
from estimator.text.labels import LabelText
from estimator.values import VALUES
from ib_explorer.tui.tabs import TABS
from ib_explorer.tui.widgets.headline import Headline
from ib_explorer.tui.widgets.point_table import PointTable
from ib_explorer.tui.widgets.readout import Readout
from ib_explorer.work.runner import Runner
from tests.ib_explorer.pilot import explorer, picture, settled, text_of
from tests.ib_explorer.runs import measure, request
from tests.ib_explorer.synthetic import MemoryCache, trajectory
from tests.packages import package

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = {title: text for title, text in re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", PAGE, flags=re.M | re.S)}


def example(title: str) -> tuple[str, str, dict[str, dict[str, str]]]:
    """The module's name, its code, and its entry points by group and name, each the attribute that it names."""
    code = re.search(r"```python\n(# (\w+)\.py\n.*?)```", SECTIONS[title], flags=re.S)
    declared = re.search(r"```toml\n(.*?)```", SECTIONS[title], flags=re.S)
    assert code is not None and declared is not None
    groups = tomllib.loads(declared[1])["project"]["entry-points"]
    attributes = {
        group: {name: where.split(":")[1] for name, where in found.items()} for group, found in groups.items()
    }
    return code[2], code[1], attributes


def entry(title: str) -> object:
    """The one entry of an example, made in this process."""
    _, code, declared = example(title)
    space: dict[str, object] = {"__name__": "example"}
    exec(code, space)
    ((attribute,),) = (found.values() for found in declared.values())
    return space[attribute]


@pytest.fixture
def added(request: pytest.FixtureRequest) -> Iterator[object]:
    """The example that the test names as an entry of its registry, for the time of the test."""
    registry, title = request.param
    made = registry.add(entry(title))
    yield made
    registry.remove(made.name)


def example_of(registry: Registry, title: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("added", [(registry, title)], indirect=True, ids=[title])


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., str]:
    """Run the installed command with all examples installed; stdout."""
    for title in SECTIONS:
        package(tmp_path, *example(title))
    environment = os.environ | {
        "IB_EXPLORER_CACHE": str(tmp_path / "cache"),
        "XDG_STATE_HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
    }

    def run(*arguments: str) -> str:
        whole = [sys.executable, "-m", "ib_explorer", *arguments]
        done = subprocess.run(whole, env=environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_examples_are_about_twenty_lines_and_declare_every_group() -> None:
    groups = re.findall(r"`(ib_explorer\.\w+)` \|$", PAGE, flags=re.M)
    assert [group for title in SECTIONS for group in example(title)[2]] == groups
    assert max(len(example(title)[1].splitlines()) for title in SECTIONS) <= 25


def test_installed_packages_extend_the_command_line_the_cache_and_the_csv(
    command: Callable[..., str], tiny_model: Callable[[str], Path], tmp_path: Path
) -> None:
    model, sample = str(tiny_model("gpt2")), ["--documents", "6", "--max-length", "48", "--anchors", "20"]
    asked = ["measure", model, "--corpus", "fables", *sample, "--anchor-seeds", "0,1", "--layers", "1"]
    labels = ["--granularity", "token,word-length,column:animal"]
    rows = table(command(*asked, *labels, "--preset", "middle"))
    assert {row["granularity"] for row in rows} == {"token", "word-length", "column:animal"}
    assert {row["corpus"] for row in rows} == {"fables"}
    stored = {name for record in Cache(tmp_path / "cache").measurements.all() for name in _granularities(record)}
    assert {"word-length", "column:animal"} <= stored
    for row in rows:
        low = float(row["complexity_low"])
        high = float(row["complexity_high"]) + 2 * float(row["complexity_se"])
        assert float(row["complexity_middle"]) == pytest.approx((low + high) / 2, abs=1e-12)
        assert (row["expressivity_middle"] == "") == (row["granularity"] == "column:animal")
    assert list(rows[0])[-3:] == ["complexity_middle", "expressivity_middle", "optimality_middle"]
    again = table(command("export", "--granularity", "word-length"))
    assert [row["key"] for row in again if row["layer"] == "1"] == [
        row["key"] for row in rows if row["granularity"] == "word-length"
    ]
    picture = command("plot", "--granularity", "word-length", "--layer", "1", "--preset", "middle")
    assert picture.startswith("I(Y;Z)")
    curve = table(command("bound", "--tokenizer", model, "--corpus", "fables", *sample, "--kind", "half"))
    assert {row["bound"] for row in curve} == {"half"}
    usage = " ".join(command("measure", "--help").split())
    assert "word-length" in usage and "middle: the middle of the bracket" in usage and "fables" in usage


def _granularities(record: object) -> set[str]:
    return {row.granularity for row in record.rows}


@example_of(LABELS, "A kind of labels")
def test_word_lengths_are_those_of_the_tokens_and_are_measured_anew_when_they_change(
    added: object, runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(tiny_model("gpt2"), text, granularities=("word-length",))
    ((event, found),) = measure(runner, asked)
    assert not event.cached and {row.granularity for row in found.rows} == {"word-length"}
    (label_text,) = runner._samples._texts.values()
    labels = label_text.labels(added, "output")
    tokenizer = label_text._tokenizer()
    following = label_text.sample.tokens[label_text.positions + 1]
    lengths = np.array([len(tokenizer.decode([int(token)]).strip()) for token in following])
    assert (np.unique(lengths)[labels.ids] == lengths).all()
    assert measure(runner, asked)[0][0].cached

    def other(text: LabelText) -> dict[str, np.ndarray]:
        return {side: -values for side, values in added.label(text).items()}

    LABELS.remove(added.name)
    LABELS.add(type(added)(added.name, added.help, other))
    ((event, changed),) = measure(Runner(runner._cache.root, "cpu"), asked)
    assert not event.cached and changed.key != found.key


def test_a_kind_that_is_not_there_is_refused_by_what_there_is(tmp_path: Path) -> None:
    for wrong in ("word-length", "column", "column:", "token:1"):
        with pytest.raises(InputError, match="choose from token, bigram, trigram, quadgram, preference, column:NAME"):
            request("model", tmp_path, granularities=(wrong,))


@example_of(VALUES, "A value of a measurement")
async def test_a_value_is_stepped_to_and_shown(added: object) -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: app.scene.point is not None)
        before = app.scene.point
        await pilot.press("p", "p", "p")
        assert app.state.view.preset == "middle"
        side = app.scene.point.measurement.complexity
        assert app.scene.point.x == sum(side.bracket) / 2 != before.x
        readout = text_of(app, Readout)
        assert readout.splitlines()[2].rstrip().endswith("middle") and f"{app.scene.point.x:.4f}" in readout
        await pilot.press("D")
        await settled(pilot)
        points = app.screen.query_one(PointTable)
        assert f"{app.scene.point.x:.4f}" in points.render_line(1 + points.cursor_row).text


@example_of(LABELS, "A kind of labels")
async def test_labels_are_stepped_to_where_they_are_measured(added: object) -> None:
    relabelled = [
        replace(
            record, key=f"{record.key} {added.name}", rows=tuple(replace(row, granularity=added.name) for row in rows)
        )
        for record in trajectory()
        if (rows := record.select(granularity="token"))
    ]
    async with explorer(MemoryCache([*trajectory(), *relabelled])) as (app, pilot):
        await settled(pilot, lambda: app.scene.point is not None)
        await pilot.press("G")
        assert app.state.view.granularity == "word-length" and app.scene.point is not None
        assert picture(app).startswith("I(Y;Z)") and "word-length" in text_of(app, Headline)


@example_of(TABS, "A tab of the screen")
async def test_a_tab_is_opened_by_its_key_and_follows(added: object) -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: app.scene.point is not None)
        await pilot.press("O")
        await settled(pilot)
        shown = app.screen.query_one("Counts")
        assert str(shown.content) == "6 checkpoints, 6 points"
        await pilot.press("l")
        await settled(pilot)
        assert str(shown.content) == "6 checkpoints, 18 points"
