"""The picker of checkpoints as a pure model: a list in groups, a filter, a selection, and how that is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from estimator.checkpoints.revision import Revision, Sizes
from estimator.checkpoints.selectors import select
from estimator.checkpoints.tree import in_training_order
from estimator.errors import InputError
from estimator.measurement import CheckpointMeasurements
from ib_explorer.tables.checkpoints import Listed, listed
from ib_explorer.tui.wording import place_name, scope_name

SPACED = 16
"""Checkpoints that the key for log-spaced ones selects until a number is typed."""
_SELECTING = (":", "..", ",", "*", "?")
"""Parts of a text that make it a selection instead of a filter."""


@dataclass(frozen=True)
class Group:
    """Checkpoints of one stage and branch, as indices into the list."""

    title: str
    members: tuple[int, ...]


@dataclass(frozen=True)
class Listing:
    """The known checkpoints of a model in training order, with what is known of each; built once per change."""

    model: str
    items: tuple[Listed, ...]

    @cached_property
    def revisions(self) -> tuple[Revision, ...]:
        """The revisions, in training order."""
        return tuple(item.revision for item in self.items)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The checkpoints by stage and branch."""
        found: dict[str, list[int]] = {}
        for index, revision in enumerate(self.revisions):
            found.setdefault(scope_name(revision), []).append(index)
        return tuple(Group(title, tuple(members)) for title, members in found.items())

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """What a filter is compared with, one text per checkpoint."""
        return tuple(
            f"{item.revision.name} {scope_name(item.revision)} {place_name(item.revision)} {item.state}".lower()
            for item in self.items
        )


def listing(
    model: str,
    revisions: Iterable[Revision],
    sizes: Sizes,
    records: Iterable[CheckpointMeasurements],
    failures: Mapping[tuple[str, str], str],
) -> Listing:
    """The checkpoints of ``model`` with their states and sizes, in training order."""
    return Listing(model, tuple(listed(in_training_order(revisions), sizes, records, failures)))


@dataclass(frozen=True)
class Row:
    """A line of the list: a group's title, or a checkpoint (its index)."""

    group: Group
    index: int | None = None


@dataclass(frozen=True)
class Picker:
    """The choice of checkpoints in the making.

    ``typed`` filters the list, or is a selection itself. ``chosen`` are names, ``written`` the selection that gave
    them, if one did. ``cursor`` is a row. ``start`` is the row where a range starts. ``count`` is the number typed
    after the key for log-spaced checkpoints: None while that key is not being used, empty before the first digit.
    """

    listing: Listing
    typed: str = ""
    chosen: frozenset[str] = frozenset()
    written: str = ""
    cursor: int = 0
    start: int | None = None
    count: str | None = None
    problem: str = ""

    @cached_property
    def shown(self) -> tuple[int, ...]:
        """The checkpoints that the filter shows, as indices."""
        if self._is_selection:
            return tuple(i for i, one in enumerate(self.listing.revisions) if one.name in self.chosen)
        words = self.typed.lower().split()
        return tuple(i for i, text in enumerate(self.listing.texts) if all(word in text for word in words))

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The lines of the list: the groups that have checkpoints to show, each with these."""
        shown = set(self.shown)
        rows: list[Row] = []
        for group in self.listing.groups:
            members = [index for index in group.members if index in shown]
            if members:
                rows += [Row(group), *(Row(group, index) for index in members)]
        return tuple(rows)

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[min(self.cursor, len(self.rows) - 1)] if self.rows else None

    @property
    def _is_selection(self) -> bool:
        return bool(self.typed) and self.typed.strip() == self.written and is_selection(self.typed)

    @cached_property
    def selection(self) -> str:
        """The selection as on the command line; of nothing selected, the checkpoint or group under the cursor."""
        return written_as(self.listing, self.effective, self.written)

    @cached_property
    def effective(self) -> frozenset[str]:
        """The names to measure: those selected, else what is under the cursor."""
        if self.chosen or self.row is None:
            return self.chosen
        return frozenset(self._names(self.row))

    @property
    def items(self) -> tuple[Listed, ...]:
        """The checkpoints to measure."""
        return tuple(item for item in self.listing.items if item.revision.name in self.effective)

    def _names(self, row: Row) -> list[str]:
        """The checkpoint of a row, or those shown of its group."""
        shown = set(self.shown)
        members = [i for i in row.group.members if i in shown] if row.index is None else [row.index]
        return [self.listing.revisions[index].name for index in members]


def is_selection(typed: str) -> bool:
    """Whether a text is written as a selection (``log:16``, ``10B..1T``, ``a,b``) and not as a filter."""
    return typed.strip() == "all" or any(part in typed for part in _SELECTING)


def with_listing(picker: Picker, found: Listing) -> Picker:
    """The picker with a newer list; what is selected, and the row under the cursor, stay."""
    names = {revision.name for revision in found.revisions}
    row = picker.row
    moved = replace(picker, listing=found, chosen=picker.chosen & names, start=None)
    if picker.written and not moved.chosen:
        moved = selected(moved, picker.written)
    if row is not None and row.index is not None:
        name = picker.listing.revisions[row.index].name
        cursor = next(
            (place for place, one in enumerate(moved.rows) if one.index is not None and _name(moved, one) == name), 0
        )
        return replace(moved, cursor=cursor)
    return replace(moved, cursor=0)


def _name(picker: Picker, row: Row) -> str:
    return picker.listing.revisions[row.index or 0].name


def typed(picker: Picker, text: str) -> Picker:
    """The picker after typing: the text filters the list or, written as a selection, selects."""
    if is_selection(text):
        return selected(replace(picker, typed=text, cursor=0, start=None, count=None), text)
    return replace(picker, typed=text, cursor=0, start=None, count=None, problem="")


def selected(picker: Picker, selection: str) -> Picker:
    """The picker with what a selection matches selected; one that matches nothing yet is the ``problem``."""
    selection = selection.strip()
    try:
        found = select(picker.listing.revisions, selection)
    except InputError as error:
        return replace(picker, chosen=frozenset(), written=selection, problem=str(error))
    return replace(picker, chosen=frozenset(one.name for one in found), written=selection, problem="")


def moved(picker: Picker, steps: int) -> Picker:
    """The picker with the cursor some rows further."""
    return at(picker, picker.cursor + steps)


def at(picker: Picker, row: int) -> Picker:
    """The picker with the cursor on a row."""
    return replace(picker, cursor=min(max(row, 0), max(len(picker.rows) - 1, 0)), count=None)


def toggled(picker: Picker) -> Picker:
    """Select the checkpoint under the cursor or all shown of its group, or deselect them if they all are selected."""
    return picker if picker.row is None else _toggle(picker, picker._names(picker.row))


def toggled_group(picker: Picker) -> Picker:
    """The same for all checkpoints shown of the group under the cursor."""
    return picker if picker.row is None else _toggle(picker, picker._names(Row(picker.row.group)))


def _toggle(picker: Picker, names: Sequence[str]) -> Picker:
    more = set(names)
    chosen = picker.chosen - more if more <= picker.chosen else picker.chosen | more
    return replace(picker, chosen=chosen, written="", problem="", count=None)


def extended(picker: Picker, steps: int) -> Picker:
    """Select the row under the cursor and those up to the row that the cursor moves to."""
    after = moved(picker, steps)
    return _with_rows(after, picker.cursor, after.cursor)


def ranged(picker: Picker) -> Picker:
    """Start a range at the cursor or, if one is started, end it there: all checkpoints between are selected."""
    if picker.start is None:
        return replace(picker, start=picker.cursor, count=None)
    return replace(_with_rows(picker, picker.start, picker.cursor), start=None)


def _with_rows(picker: Picker, one: int, other: int) -> Picker:
    rows = picker.rows[min(one, other) : max(one, other) + 1]
    names = {_name(picker, row) for row in rows if row.index is not None}
    return replace(picker, chosen=picker.chosen | names, written="", problem="", count=None)


def spaced(picker: Picker, digit: str = "") -> Picker:
    """Select log-spaced checkpoints among those shown: 16, or as many as the digits typed since say."""
    count = (picker.count or "") + digit
    return _spaced(replace(picker, count=count))


def unspaced(picker: Picker) -> Picker:
    """The same without the last digit."""
    return _spaced(replace(picker, count=(picker.count or "")[:-1]))


def _spaced(picker: Picker) -> Picker:
    number = int(picker.count or 0) or SPACED
    if picker._is_selection:  # among all again: the list shows what the text selects
        picker = replace(picker, typed="")
    among = [picker.listing.revisions[index] for index in picker.shown]
    if not among:
        return replace(picker, problem="Nothing is shown to select from: change the filter.")
    found = frozenset(one.name for one in select(among, f"log:{number}"))
    scope = picker.typed.strip()
    written = f"{scope}:log:{number}" if scope else f"log:{number}"
    return replace(picker, chosen=found, written=written, problem="")


def written_as(found: Listing, chosen: frozenset[str], written: str = "") -> str:
    """The shortest selection that matches exactly ``chosen``: as ``written`` if it does, else groups and names."""
    revisions = found.revisions
    if not chosen:
        return ""
    for candidate in filter(None, (written, "all")):
        if _matches(revisions, candidate, chosen):
            return candidate
    parts: list[str] = []
    left = dict.fromkeys(one.name for one in revisions if one.name in chosen)
    for group in found.groups:
        names = [revisions[index].name for index in group.members]
        scope = group.title.replace("ingredient ", "ingredient").replace(" ", "-")
        if len(names) > 1 and chosen.issuperset(names) and _matches(revisions, scope, frozenset(names)):
            parts.append(scope)
            left = {name: None for name in left if name not in set(names)}
    return ",".join([*parts, *left])


def _matches(revisions: Sequence[Revision], selection: str, chosen: frozenset[str]) -> bool:
    try:
        return frozenset(one.name for one in select(revisions, selection)) == chosen
    except InputError:
        return False
