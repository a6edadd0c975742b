from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Static, TabbedContent

from estimator.registry import Registry
from ib_explorer.tui.keymap import keys
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.screens.help_screen import help_text
from ib_explorer.tui.tabs import TABS, Tab
from ib_explorer.tui.widgets.point_table import PointTable
from tests.ib_explorer.pilot import explorer, settled, step
from tests.ib_explorer.synthetic import STEPS, MemoryCache, trajectory
from tests.packages import package

PACKAGE = """
from textual.widgets import Static
from ib_explorer.tui.tabs import Tab

class Widest(Static):
    def show(self, scene):
        self.update(f"of {len(scene.checkpoints)} checkpoints number {scene.at}")

WIDEST = Tab("widest", "Widest", "Z", "which one it is", Widest)
"""


class Loss(Static, can_focus=True):
    """Writes the step, and how often it was scrolled."""

    scrolled = 0

    def show(self, scene: Scene) -> None:
        """Write the scene's step."""
        self.update(f"step {scene.state.place.checkpoint.step}" if scene.state.place else "nothing")

    def scroll_pages(self, steps: int) -> None:
        """Count."""
        self.scrolled += steps


@pytest.fixture
def loss() -> Iterator[Tab]:
    yield TABS.add(Tab("loss", "Loss", "Z", "the loss over training", Loss))
    TABS.remove("loss")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with a tab is installed, and one with a tab that cannot be loaded."""
    package(tmp_path, "widest_tab", PACKAGE, {"ib_explorer.tabs": {"widest": "WIDEST"}})
    package(tmp_path, "spoilt_tab", "raise RuntimeError('gone off')\n", {"ib_explorer.tabs": {"spoilt": "SPOILT"}})
    monkeypatch.syspath_prepend(tmp_path)
    fresh = Registry(TABS.kind, TABS.group, [TABS[name] for name in ("plane", "layers", "compare", "table")])
    monkeypatch.setattr(TABS, "__dict__", vars(fresh))  # as a new process finds it


async def test_a_tab_that_is_added_is_opened_by_its_key_and_follows_the_cursor(loss: Tab) -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        titles = [tab.label_text for tab in app.screen.query("#tabs Tab").results()]
        assert titles == ["Plane", "Training", "Layers", "Compare", "Table", "Loss"]
        await pilot.press("Z")
        widget = app.screen.query_one(Loss)
        await settled(pilot, lambda: str(widget.content) == "step 256")
        assert widget.size.height > 10  # it fills the tab
        await pilot.press("k")
        assert str(widget.content) == f"step {STEPS[-2]}"
        await pilot.press("P", "k")
        assert str(widget.content) == f"step {STEPS[-2]}"  # only the open tab is brought up to date
        assert app.screen.query_one(TabbedContent).active == TABS["plane"].pane


async def test_focus_and_pages_are_those_of_the_tabs_widget(loss: Tab) -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("pagedown", "Z", "pagedown", "pagedown", "pageup")
        widget = app.screen.query_one(Loss)
        assert app.focused is widget and widget.scrolled == 1
        await pilot.press("D")
        assert app.focused is app.screen.query_one(PointTable)
        await pilot.press("Y", "pagedown")
        assert app.focused is None and widget.scrolled == 1


def test_the_help_has_the_key_of_a_tab(loss: Tab) -> None:
    line = next(line for line in help_text(keys()).plain.splitlines() if loss.text in line)
    assert line.split()[0] == loss.key


async def test_a_tab_is_in_the_command_palette(loss: Tab) -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        command = next(one for one in app.get_system_commands(app.screen) if one.title == loss.text)
        await command.callback()
        await settled(pilot, lambda: app.screen.query_one(TabbedContent).active == loss.pane)


@pytest.mark.usefixtures("installed")
async def test_an_installed_package_adds_a_tab_and_one_that_cannot_be_loaded_is_logged() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("Z")
        widget = app.screen.query_one("Widest", Static)
        await settled(pilot, lambda: str(widget.content) == "of 6 checkpoints number 5")
        await pilot.press("k")
        assert str(widget.content) == "of 6 checkpoints number 4"
        assert "which one it is" in help_text(keys()).plain
        assert "spoilt" in app.state.log[0].text and "gone off" in app.state.log[0].text
