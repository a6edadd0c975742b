"""The main screen: models and view on the left; the plane, readout and jobs on the right."""

from __future__ import annotations

from typing import ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.geometry import Region
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer, Static, TabbedContent, TabPane

from ib_explorer.tui.scene import Scene
from ib_explorer.tui.tabs import TABS, ShowsScene
from ib_explorer.tui.widgets.checkpoint_tree import CheckpointTree
from ib_explorer.tui.widgets.headline import Headline
from ib_explorer.tui.widgets.jobs_panel import JobsPanel
from ib_explorer.tui.widgets.notice import Notice
from ib_explorer.tui.widgets.readout import Readout
from ib_explorer.tui.widgets.sheet_line import SheetLine
from ib_explorer.tui.widgets.view_panel import ViewPanel

ROOMY = (100, 32)
"""Width below which the side panel is a drawer, and height below which borders are dropped."""
FLAT = 24
"""Height up to which the readout takes two lines."""
SMALLEST = (60, 16)


class MainScreen(Screen[None]):
    """Shows one scene; the stylesheet determines what fits the terminal."""

    class TabChosen(Message):
        """The user clicked the title of a tab."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    AUTO_FOCUS = ""
    scene: Scene | None = None
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "unfocus", "back to the plane", show=False)]

    def compose(self) -> ComposeResult:
        """The layout."""
        yield Static(f"ib-explorer needs a window of at least {SMALLEST[0]}×{SMALLEST[1]}.", id="too-small")
        yield Headline(id="headline")
        with Horizontal(id="body"):
            with Vertical(id="side"):
                yield CheckpointTree(id="tree")
                yield ViewPanel(id="view")
            with Vertical(id="main"):
                with TabbedContent(id="tabs"):
                    for tab in TABS.values():
                        with TabPane(tab.title, id=tab.pane):
                            yield tab.widget()
                yield SheetLine(id="sheet-line")
                yield Notice(id="notice")
                yield Readout(id="readout")
                yield JobsPanel(id="jobs")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Set the panels' titles."""
        self.query_one("#tree").border_title = "models & checkpoints"
        self.query_one("#view").border_title = "view"
        self.query_one("#jobs").border_title = "jobs · log"
        self.query_one("#tabs ContentTabs").can_focus = False

    def on_resize(self, event: events.Resize) -> None:
        """Select the layout for the size: full, with a drawer, or only a notice."""
        width, height = event.size
        self.set_class(width < ROOMY[0], "narrow")
        self.set_class(height < ROOMY[1], "short")
        self.set_class(height <= FLAT, "flat")
        self.set_class(width < SMALLEST[0] or height < SMALLEST[1], "tiny")

    def show(self) -> None:
        """Show the scene in all panels and in the open tab."""
        if self.scene is not None:
            self.query_one(Headline).show(self.scene)
            self.query_one(Notice).show(self.scene)
            self.query_one(CheckpointTree).show(self.scene)
            self.query_one(ViewPanel).show(self.scene)
            self.query_one(Readout).show(self.scene)
            self.query_one(JobsPanel).show(self.scene)
            self._open(self.scene.state.tab)
            cast(ShowsScene, self._open_tab).show(self.scene)
            sheet = TABS[self.scene.state.tab].sheet
            self.query_one(SheetLine).show(None if sheet is None else sheet(self.scene))

    def _open(self, name: str) -> None:
        """Open a tab unless it is open; its widget takes the focus if it can, and with it the arrow keys."""
        tabs = self.query_one("#tabs", TabbedContent)
        if tabs.active != TABS[name].pane:
            tabs.active = TABS[name].pane
            self.focus_tab()

    def focus_tab(self) -> None:
        """Give the open tab the focus, or its part that takes it; remove the focus if neither can have it."""
        part: Widget = getattr(self._open_tab, "takes_focus", self._open_tab)
        self.set_focus(part if part.can_focus else None)

    @property
    def tab_region(self) -> Region:
        """The part of the screen that the open tab's widget takes."""
        return self._open_tab.region

    @on(SheetLine.Closed)
    def _filtered(self) -> None:
        self.focus_tab()
        line = self.query_one(SheetLine)
        line.show(line.shown)

    @property
    def _open_tab(self) -> Widget:
        """The widget of the open tab."""
        tabs = self.query_one("#tabs", TabbedContent)
        (widget,) = tabs.get_pane(tabs.active).children
        return widget

    @on(TabbedContent.TabActivated)
    def _tab_clicked(self, event: TabbedContent.TabActivated) -> None:
        """Open the tab that was clicked; the one that the scene has opened is open."""
        name = str(event.pane.id).removeprefix("tab-")
        if self.scene is not None and name != self.scene.state.tab and event.pane is event.tabbed_content.active_pane:
            self.post_message(self.TabChosen(name))

    def action_scroll_pages(self, steps: int) -> None:
        """Scroll the open tab by pages, if it is scrollable."""
        scroll_pages = getattr(self._open_tab, "scroll_pages", None)
        if scroll_pages is not None:
            scroll_pages(steps)

    def action_side(self) -> None:
        """Show or hide the side panel."""
        self.toggle_class("toggled")

    def action_unfocus(self) -> None:
        """Return the arrow keys to the plane."""
        self.set_focus(None)
