"""Keys, themes and typing: what a user sets, and what the screen makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.widgets import Input

from estimator.errors import InputError
from ib_explorer.cli.screen import fitting_theme
from ib_explorer.config import read_screen_settings, read_settings
from ib_explorer.drawing.looks import BAND, BOUND, DIAGONAL, ORDERED, PALETTE
from ib_explorer.drawing.plain import ascii_cells
from ib_explorer.options import THEME
from ib_explorer.tui.documents import plain, read
from ib_explorer.tui.filters import Contrast, SixteenColours, contrast
from ib_explorer.tui.keymap import keys
from ib_explorer.tui.remap import remapped
from ib_explorer.tui.screens.help_screen import help_text
from ib_explorer.tui.screens.picker_screen import PickerScreen
from ib_explorer.tui.setup import Setup
from ib_explorer.tui.theme import THEMES
from ib_explorer.tui.widgets.headline import Headline
from ib_explorer.tui.widgets.point_table import PointTable
from tests.ib_explorer.pilot import SMALL, explorer, settled, step, text_of
from tests.ib_explorer.synthetic import MemoryCache, trajectory

FILE = Path("config.toml")


# Keys


async def test_remapped_keys_are_bound_and_shown_everywhere() -> None:
    entries = {
        "next checkpoint": ["d", "right"],
        "all points as a table": "ctrl+d",
        "choose a model and checkpoints to measure": "j",
    }
    changed = remapped(entries, FILE)
    async with explorer(MemoryCache(trajectory()), setup=Setup(keys=changed)) as (app, pilot):
        await pilot.press("home", "d")
        assert step(app) == 1
        await pilot.press("ctrl+d")
        assert app.state.tab == "table"
        shown = {(one.binding.key_display, one.binding.description) for one in app.active_bindings.values()}
        assert shown >= {("k", "step"), ("j", "measure")}
        said = {command.title: command.help for command in app.get_system_commands(app.screen)}
        assert said["next checkpoint"] == "move · d right"
        assert "d  right " in help_text(app.setup.keys).plain
        await pilot.press("j")
        assert isinstance(app.screen, PickerScreen)


@pytest.mark.parametrize(
    ("entries", "part"),
    [
        ({"fly": "n"}, "'fly' is no command: choose from next checkpoint"),
        ({"next checkpoint": "l"}, "'next checkpoint' is l, which is also next layer"),
        ({"next checkpoint": "u", "next layer": "u"}, "is u, which is also"),
        ({"next checkpoint": "Shift+Q+z"}, "'Shift+Q+z', which is not a key"),
        ({"next checkpoint": "ctrl+z"}, "cannot be ctrl+z: the terminal takes it"),
        ({"next checkpoint": "ctrl+c"}, "cannot be ctrl+c"),
        ({"next checkpoint": []}, "takes a key"),
        ({"next checkpoint": 5}, "takes a key"),
        ({"next checkpoint": ""}, "takes a key"),
    ],
)
def test_wrong_keys_are_refused_naming_file_and_entry(entries: dict[str, object], part: str) -> None:
    with pytest.raises(InputError) as refused:
        remapped(entries, FILE)
    assert part in str(refused.value) and "config.toml" in str(refused.value)


def test_keys_may_swap_and_be_written_as_characters_or_names() -> None:
    zoom = "zoom in on the selected point"
    entries = {"next layer": "L", "previous layer": ["l"], "next tab": "+", zoom: ["F5", "shift+f6"]}
    found = {key.name: key.keys for key in remapped({**entries, "pan right": "="}, FILE)}
    assert (found["next layer"], found["previous layer"], found["next tab"]) == (("L",), ("l",), ("plus",))
    assert found[zoom] == ("f5", "shift+f6") and found["pan right"] == ("equals_sign",)


def test_commands_have_different_names() -> None:
    names = [key.name for key in keys()]
    assert len(names) == len(set(names)) and all(names)


def test_the_configuration_file_sets_theme_and_keys(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('documents = 32\ntheme = "light"\n[keys]\n"next tab" = "F5"\n')
    assert read_settings({}, {}, path)["documents"].value == 32
    found = read_screen_settings({}, path)
    assert (found.theme.value, found.theme.source, found.keys) == ("light", str(path), {"next tab": "F5"})
    assert read_screen_settings({"IB_EXPLORER_THEME": "ascii"}, path).theme.value == "ascii"
    path.write_text('theme = "mauve"')
    with pytest.raises(InputError, match=r"config\.toml.*theme cannot be 'mauve': choose from auto, dark"):
        read_screen_settings({}, path)
    path.write_text('keys = "vim"')
    with pytest.raises(InputError, match="unknown key 'keys'"):
        read_screen_settings({}, path)


# Themes


def test_the_themes_are_the_choices_of_the_option() -> None:
    assert THEME.choices == ("auto", *THEMES)


@pytest.mark.parametrize(
    ("encoding", "environment", "theme"),
    [
        ("utf-8", {"TERM": "xterm-256color"}, "dark"),
        ("UTF8", {"TERM": "xterm", "COLORTERM": "truecolor"}, "dark"),
        ("utf-8", {"TERM": "linux"}, "16-colours"),
        ("ascii", {"TERM": "xterm-256color"}, "ascii"),
        ("latin-1", {}, "ascii"),
    ],
)
def test_the_usual_theme_is_what_the_terminal_allows(encoding: str, environment: dict[str, str], theme: str) -> None:
    assert fitting_theme("auto", encoding, environment) == theme
    assert fitting_theme("light", encoding, environment) == "light"


@pytest.mark.parametrize(("name", "least"), [("light", 4.5), ("high-contrast", 7.0)])
def test_all_colours_of_the_drawing_can_be_read(name: str, least: float) -> None:
    ground = Color.parse(THEMES[name].theme.background or "")
    (filter,) = THEMES[name].filters
    assert isinstance(filter, Contrast)
    for colour in (*PALETTE, *ORDERED, DIAGONAL, BOUND, BAND, (255, 255, 255)):
        style = Style.from_color(Color(*colour).rich_color, ground.rich_color)
        ((_, shown, _),) = filter.apply([Segment("●", style)], ground)
        assert shown is not None and shown.color is not None and shown.color.triplet is not None
        assert contrast(tuple(shown.color.triplet), ground.rgb) >= least


def test_series_differ_in_sixteen_colours() -> None:
    ground, numbers = Color(0, 0, 0), []
    for colour in PALETTE:
        style = Style.from_color(Color(*colour).rich_color, ground.rich_color)
        ((_, shown, _),) = SixteenColours().apply([Segment("●", style)], ground)
        assert shown is not None and shown.color is not None and shown.bgcolor is not None
        assert shown.bgcolor.is_default
        numbers.append(shown.color.number)
    assert len(set(numbers)) == len(PALETTE) and all(number is not None and number < 16 for number in numbers)


def test_ascii_has_the_width_of_what_it_replaces() -> None:
    assert ascii_cells("╭─ ●■▲◆○□△◇ ⠒⣿ é ± 語 ☃ ▸") == "+- o#A@cuvx .: e ~ ?? ? >"
    assert len({ascii_cells(marker) for marker in "●■▲◆○□△◇"}) == 8


@pytest.mark.parametrize("size", [(120, 40), SMALL, (60, 16)])
async def test_the_ascii_theme_draws_nothing_else(size: tuple[int, int]) -> None:
    async with explorer(MemoryCache(trajectory()), size=size, setup=Setup(theme="ascii")) as (app, pilot):
        for key in ("P", "Y", "R", "D", "question_mark", "escape", "M"):
            await pilot.press(key)
            await settled(pilot)
            lines = app.screen._compositor.render_strips()
            drawn = "".join(segment.text for line in lines for segment in line)
            assert drawn.isascii(), sorted({character for character in drawn if not character.isascii()})
            assert key != "P" or "o" in drawn


# Typing, copying, playing, help


async def test_keys_typed_in_one_burst_reach_their_fields() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        for key in ("M", *"gpt2", "tab", *"docstrings"):
            app._driver.send_message(_key(key))
        await settled(pilot, lambda: _value(app, "corpus") == "docstrings")
        assert _value(app, "model") == "gpt2"
        assert step(app) == 256 and app.state.view.layer == "mean"  # no key acted on the main screen


def _key(name: str):
    from textual.events import Key

    key = Key(name, name if len(name) == 1 else None)
    return key


def _value(app, name: str) -> str:
    found = app.screen.query(f"#{name}").results(Input)
    return next((field.value for field in found), "")


async def test_ctrl_c_copies_a_selection_and_never_quits_in_one_stroke() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await pilot.press("ctrl+c")
        assert app.is_running and not app.client.closed
        assert "Press ctrl+c again, or q, to quit." in [notice.message for notice in app._notifications]
        app._asked_to_quit -= 60  # a minute later
        await pilot.press("ctrl+c")
        assert not app.client.closed
        await pilot.press("M")
        field = app.screen.query_one("#corpus", Input)
        field.focus()
        await settled(pilot)
        field.value = "some text"
        field.selection = type(field.selection)(0, 4)
        for _ in range(3):
            await pilot.press("ctrl+c")
        assert (app.clipboard, app.client.closed) == ("some", False)


async def test_the_speed_of_playing_is_shown_and_kept_in_its_range() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await pilot.press("full_stop", "space")
        await settled(pilot)
        assert "▶ playing 2×" in text_of(app, Headline)
        assert app._player._interval == app.play_every / 2
        await pilot.press(*["full_stop"] * 5)
        assert app.state.speed == 8
        await pilot.press(*["comma"] * 9)
        assert app.state.speed == 0.25


@pytest.mark.parametrize(("key", "part"), [("o", "Only one model is measured"), ("n", "Only raw states are measured")])
async def test_keys_without_effect_say_so_and_are_not_in_the_palette(key: str, part: str) -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        before = app.state
        await pilot.press(key)
        assert any(part in notice.message for notice in app._notifications)
        assert app.state.view == before.view and app.state.overlay == before.overlay
        shown = {command.title for command in app.get_system_commands(app.screen)}
        assert not any(one.keys == (key,) and one.text in shown for one in keys())
        assert not any("hide or show the model" in title for title in shown)
    async with explorer(MemoryCache([*trajectory(), *trajectory("other")])) as (app, pilot):
        await pilot.press("o")
        assert app.state.overlay


async def test_the_help_begins_with_the_keys_of_the_focused_part() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await pilot.press("D")
        await settled(pilot)
        assert isinstance(app.focused, PointTable)
        text = help_text(app.setup.keys, app.focused).plain
        assert text.startswith("Here: Table\n") and "next row" in text.partition("Move")[0]
        await pilot.press("question_mark")
        assert "Here: Table" in str(app.screen.query("Static").last().content)


# Documents


def test_values_become_json_and_come_back() -> None:
    value = {"a": (1, 2.5), "b": ()}
    kind = dict[str, tuple[float, ...]]
    assert get_args(kind)
    assert plain(value) == {"a": [1, 2.5], "b": []}
    assert plain(frozenset({"b", "a"})) == ["a", "b"]
    with pytest.raises(ValueError, match="not of type"):
        read(bool, 1)
    with pytest.raises(ValueError, match="not of type"):
        read(int, True)
