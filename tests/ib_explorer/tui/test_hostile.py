"""The screen with names that would control the terminal: nothing of them reaches it, and they are shown as written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.segment import Segment
from textual.app import App
from textual.color import Color

from estimator.safe_text import safe
from ib_explorer.tui.core import RecordsMissing
from ib_explorer.tui.harmless import HARMLESS
from ib_explorer.tui.news import WorkerEvent
from ib_explorer.tui.screens.error_dialog import ErrorDialog
from ib_explorer.tui.widgets.headline import Headline
from ib_explorer.worker.messages import Note
from tests.hostile import NAMES, is_harmless
from tests.ib_explorer.pilot import explorer, settled, text_of
from tests.ib_explorer.synthetic import MemoryCache, checkpoint


def hostile(name):
    return replace(checkpoint(1, model=name), revision=name, step=None)


def drawn(app):
    """What the screen sends to the terminal, line by line, without styles."""
    lines = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in line if not segment.control) for line in lines]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_every_part_of_the_screen_is_harmless(name):
    async with explorer(MemoryCache([hostile(name)])) as (app, pilot):
        assert safe(name) in text_of(app, Headline)
        for keys in ("P", "Y", "D", "m", "escape", "x", "escape"):
            await pilot.press(keys)
            assert all(map(is_harmless, drawn(app)))
        app.post_message(RecordsMissing(f"{name} is damaged"))
        app.post_message(WorkerEvent(Note(1, name)))
        app.push_screen(ErrorDialog("model", f"There is no {name}.", input_error=True))
        await settled(pilot)
        assert all(map(is_harmless, drawn(app)))


async def test_markup_in_names_is_shown_literally(monkeypatch):
    name = NAMES["markup"]
    async with explorer(MemoryCache([hostile(name)])) as (app, pilot):
        await settled(pilot)
        assert sum(name in line for line in drawn(app)) >= 3  # headline, tree and readout
        notices = []
        monkeypatch.setattr(App, "notify", lambda app, message, **options: notices.append((message, options)))
        app.notify(f"about {name}", title=name)
        assert notices == [(f"about {name}", {"title": name, "markup": False})]


def test_the_last_filter_leaves_out_what_was_forgotten():
    control = Segment("\x1b[2J", None, [(2, 0)])
    lines = [Segment("a\x1b]0;b\x07"), Segment("plain"), control]
    filtered = HARMLESS.apply(lines, Color(0, 0, 0))
    assert [segment.text for segment in filtered] == ["a]0;b", "plain", "\x1b[2J"]
    plain = [Segment("plain")]
    assert HARMLESS.apply(plain, Color(0, 0, 0)) is plain
