"""The tree of models and their checkpoints, with their status: measured, running, waiting or failed."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text
from textual.message import Message
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from estimator.checkpoints.revision import Revision
from estimator.safe_text import safe
from ib_explorer.drawing.trajectories import Trajectory
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.tree import FAILED, MEASURED, RUNNING, Branch, Leaf
from ib_explorer.tui.wording import checkpoint_name, ending

_UNREAD = Text()
"""The label that Textual stores for each node; the displayed one is created when it is rendered."""
_NAME = 18
_WIDTH = 2 + _NAME + 6
"""Cells of a checkpoint's name, and of its line with mark and percentage."""


class CheckpointTree(Tree[tuple[Trajectory, Revision] | None]):
    """A tree of two levels; selecting a measured checkpoint posts :class:`Chosen`."""

    class Chosen(Message):
        """The user selected a measured checkpoint."""

        def __init__(self, trajectory: Trajectory, checkpoint: Revision) -> None:
            super().__init__()
            self.trajectory, self.checkpoint = trajectory, checkpoint

    class Folded(Message):
        """The user collapsed or expanded a model."""

        def __init__(self, name: str, is_collapsed: bool) -> None:
            super().__init__()
            self.name, self.is_collapsed = name, is_collapsed

    def __init__(self, id: str) -> None:
        self._shown: dict[TreeNode[tuple[Trajectory, Revision] | None], tuple[Leaf, bool]] = {}
        super().__init__("models", id=id)
        self.show_root = False
        self.show_guides = False
        self.guide_depth = 2
        self._branches: tuple[Branch, ...] = ()
        self._at: tuple[Trajectory, Revision] | None = None

    def show(self, scene: Scene) -> None:
        """Show the scene's models, rebuilding nodes only if the models changed, and refreshing changed labels."""
        place = scene.state.place
        at = (scene.trajectory or place.trajectory, place.checkpoint) if place else None
        if scene.branches is self._branches and at == self._at:
            return
        if _shape(scene.branches) != _shape(self._branches):
            self._rebuild(scene.branches, scene.state.collapsed)
            self._at = None
        self._branches = scene.branches
        for node, branch in zip(self.root.children, scene.branches, strict=True):
            for twig, leaf in zip(node.children, branch.leaves, strict=True):
                mine = branch.trajectory is not None and at == (branch.trajectory, leaf.checkpoint)
                if self._shown.get(twig) != (leaf, mine):
                    self._shown[twig] = leaf, mine
                    twig.refresh()
                twig.data = (branch.trajectory, leaf.checkpoint) if branch.trajectory else None
                if mine and at != self._at:
                    self.call_after_refresh(self._go_to, twig)
        self._at = at

    def render_label(self, node: TreeNode[tuple[Trajectory, Revision] | None], base_style: Style, style: Style) -> Text:
        """The current label: a step of the cursor redraws two lines instead of the tree."""
        if node not in self._shown:
            return super().render_label(node, base_style, style)
        text = _label(*self._shown[node])
        text.stylize(style)
        return text

    def get_label_width(self, node: TreeNode[tuple[Trajectory, Revision] | None]) -> int:
        """The width of a checkpoint's line, without rendering it."""
        if node in self._shown and (reason := self._shown[node][0].reason) is not None:
            return _WIDTH - 5 + len(reason[0])
        return _WIDTH if node in self._shown else super().get_label_width(node)

    def on_tree_node_selected(self, event: Tree.NodeSelected[tuple[Trajectory, Revision] | None]) -> None:
        """Post the selected checkpoint, or tell why one that failed is not measured."""
        event.stop()
        leaf, _ = self._shown.get(event.node, (None, False))
        if leaf is not None and leaf.reason is not None:
            self.notify(
                f"{leaf.reason[1]} Press f to try again.", title=f"{leaf.checkpoint.name} failed", severity="warning"
            )
        elif event.node.data is not None:
            self.post_message(self.Chosen(*event.node.data))

    def on_tree_node_collapsed(self, event: Tree.NodeCollapsed[tuple[Trajectory, Revision] | None]) -> None:
        """Post the model that was collapsed."""
        self._fold(event.node, True)

    def on_tree_node_expanded(self, event: Tree.NodeExpanded[tuple[Trajectory, Revision] | None]) -> None:
        """Post the model that was expanded."""
        self._fold(event.node, False)

    def _fold(self, node: TreeNode[tuple[Trajectory, Revision] | None], is_collapsed: bool) -> None:
        if node in self.root.children:
            branch = self._branches[list(self.root.children).index(node)]
            self.post_message(self.Folded(branch.name, is_collapsed))

    def _rebuild(self, branches: tuple[Branch, ...], collapsed: frozenset[str]) -> None:
        self.clear()
        self._shown.clear()
        for branch in branches:
            node = self.root.add(Text(safe(branch.name), style="bold"), expand=branch.name not in collapsed)
            for leaf in branch.leaves:
                self._shown[node.add_leaf(_UNREAD)] = leaf, False
        self.root.expand()

    def _go_to(self, node: TreeNode[tuple[Trajectory, Revision] | None]) -> None:
        if node.line >= 0:
            self.cursor_line = node.line
            self.scroll_to_line(node.line, animate=False)


def _shape(branches: tuple[Branch, ...]) -> list[tuple[str, list[str]]]:
    return [(branch.name, [leaf.checkpoint.name for leaf in branch.leaves]) for branch in branches]


def _label(leaf: Leaf, current: bool) -> Text:
    style = {MEASURED: "rgb(0,158,115)", RUNNING: "rgb(230,159,0)", FAILED: "rgb(213,94,0)"}.get(leaf.mark, "dim")
    text = Text(no_wrap=True)
    text.append(f"{leaf.mark} ", style=style)
    name = ending(checkpoint_name(leaf.checkpoint), _NAME)
    text.append(name, style="bold reverse" if current else "")
    text.append(" " * (_NAME - len(name)))
    if leaf.reason is not None:
        text.append(f" {leaf.reason[0]}", style="dim")
    if leaf.percent is not None:
        text.append(f" {leaf.percent:>3} %", style="dim")
    return text
