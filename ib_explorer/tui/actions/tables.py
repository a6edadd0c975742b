"""Actions of tables: sort, filter, copy, match models, and export what the open tab shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from textual import on

from estimator.safe_text import safe
from ib_explorer.tables.matching import RULES
from ib_explorer.tui import background
from ib_explorer.tui.core import Core
from ib_explorer.tui.pictures import as_svg, as_text, strips
from ib_explorer.tui.screens.export_dialog import ExportDialog
from ib_explorer.tui.screens.main_screen import MainScreen
from ib_explorer.tui.sheets import Arrangement, Sheet, plain
from ib_explorer.tui.tabs import TABS
from ib_explorer.tui.widgets.grid import Grid
from ib_explorer.tui.widgets.sheet_line import SheetLine
from ib_explorer.tui.wording import rows_in_words

CLIPBOARD_SURE, CLIPBOARD_MOST = 74_000, 1_000_000
"""Bytes that terminals take into the clipboard for sure; bytes above which none is sent."""


class TableActions(Core, inherit_bindings=False):
    """Arranges and copies the table of the open tab, and writes what the tab shows to a file."""

    def _sheet(self) -> Sheet | None:
        """The sheet of the open tab; a notice says where there are tables if it has none."""
        tab = TABS[self.state.tab]
        if tab.sheet is None:
            named = " and ".join(f"{one.title} ({one.key})" for one in TABS.values() if one.sheet is not None)
            self.notify(f"The {tab.title} tab has no table to sort, filter or copy: open {named}.")
            return None
        return tab.sheet(self.scene)

    def _arrange(self, **changes: Any) -> None:
        tab = self.state.tab
        changed = replace(self.state.arranged.get(tab, Arrangement()), **changes)
        self._set(replace(self.state, arranged={**self.state.arranged, tab: changed}), at_once=True)

    def action_sort(self) -> None:
        """Sort by the cursor's column: descending, then ascending, then in the sheet's own order."""
        sheet = self._sheet()
        if sheet is not None and sheet.columns:
            self._sort(sheet, sheet.columns[sheet.at].name)

    def _sort(self, sheet: Sheet, name: str) -> None:
        now = sheet.arrangement
        if now.by != name:
            self._arrange(column=name, by=name, descending=True)
        elif now.descending:
            self._arrange(column=name, descending=False)
        else:
            self._arrange(column=name, by="", descending=True)

    def action_filter(self) -> None:
        """Type the filter of the open table."""
        if self._sheet() is not None:
            self.screen_stack[0].query_one(SheetLine).edit()

    @on(SheetLine.Typed)
    def _filter_typed(self, message: SheetLine.Typed) -> None:
        if TABS[self.state.tab].sheet is not None:
            self._arrange(filter=message.text)

    def action_column(self, steps: int) -> None:
        """Move the cursor to a neighbouring column of the open table."""
        sheet = self._sheet()
        if sheet is not None and sheet.columns:
            at = min(max(sheet.at + steps, 0), len(sheet.columns) - 1)
            self._arrange(column=sheet.columns[at].name)

    def action_row(self, steps: int) -> None:
        """Move the cursor some rows down or up the open table; from an item that is filtered out, to an end."""
        sheet = self._sheet()
        if sheet is not None and sheet.order:
            row = (-1 if steps > 0 else len(sheet.order)) if sheet.row is None else sheet.row
            self._go(sheet, min(max(row + steps, 0), len(sheet.order) - 1))

    def _go(self, sheet: Sheet, row: int) -> None:
        if row != sheet.row:
            self._set(sheet.source.go(self.scene, sheet.item(row)), at_once=True)

    @on(Grid.Clicked)
    def _cell_clicked(self, message: Grid.Clicked) -> None:
        sheet = self._sheet()
        if sheet is None:
            return
        if message.row is None and message.column is not None:
            self._sort(sheet, message.column)
            return
        if message.column is not None:
            self._arrange(column=message.column)
        if message.row is not None and message.row < len(sheet.order):
            self._go(sheet, message.row)

    def action_match(self) -> None:
        """Step the rule that matches the checkpoints of the Compare tab."""
        names = [rule.name for rule in RULES]
        following = names[(names.index(self.state.matching) + 1) % len(names)]
        self._set(replace(self.state, matching=following), at_once=True)

    # Copying

    def action_copy(self, what: str) -> None:
        """Copy the cell or the row of the cursor, or all rows shown, to the terminal's clipboard."""
        sheet = self._sheet()
        if sheet is None:
            return
        row = sheet.row
        if what == "all":
            self._copy(sheet.text(range(len(sheet.order))), rows_in_words(len(sheet.order)))
        elif row is None:
            self.notify("No row is selected: move to one with up and down.")
        elif what == "row":
            self._copy(sheet.text([row]), "the row")
        else:
            column = sheet.columns[sheet.at]
            text = plain(column.of(sheet.item(row)))
            self._copy(text, f"{column.title} {safe(text)}" if text else f"{column.title}, which is empty")

    def _copy(self, text: str, said: str) -> None:
        size = len(text.encode())
        kilobytes = f"{size / 1000:,.0f} KB"
        if size > CLIPBOARD_MOST:
            self.notify(f"{kilobytes} are too much for a terminal's clipboard: press x to write a file.")
            return
        self.copy_to_clipboard(text)
        if size > CLIPBOARD_SURE:
            self.notify(
                f"Copied {said}, {kilobytes}: many terminals take only 74 KB. Press x to write a file.",
                severity="warning",
            )
        else:
            self.notify(f"Copied {said}.")

    # Exporting

    def action_export(self) -> None:
        """Open the dialog that writes what the open tab shows: its rows as CSV, or its picture."""
        tab, scene = TABS[self.state.tab], self.scene
        extract = tab.extract(scene)
        if not extract.rows:
            self.notify("This view has no rows to export.")
            return
        place = self.state.place
        model = place.trajectory.model.rstrip("/").rsplit("/", 1)[-1] if place else "all"
        part = "" if self.state.tab == "plane" else f"-{self.state.tab}"
        suggestion = safe(f"{model}-{self.state.view.granularity}{part}.csv").replace("/", "-")
        writers = {".csv": extract.text, ".svg": self._picture("svg"), ".txt": self._picture("txt")}

        def write(path: Path | None) -> None:
            if path is not None:
                kind = path.suffix.lower()
                said = rows_in_words(extract.rows) if kind == ".csv" else "the picture"
                self.run_worker(background.export(path, writers[kind], said, self.post_message), group="export")

        self.push_screen(ExportDialog(extract.rows, suggestion, tuple(writers)), write)

    def _picture(self, kind: str) -> Any:
        """A function that writes the open tab's picture as it is now."""
        main = cast(MainScreen, self.screen_stack[0])
        rows = strips(main, main.tab_region)
        if kind == "txt":
            return lambda: as_text(rows)
        colours = self.theme_variables
        title = f"{TABS[self.state.tab].title}: {self.state.view.granularity}"
        return lambda: as_svg(rows, colours, title)
