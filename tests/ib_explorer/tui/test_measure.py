from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Button, Input, Static

from estimator.errors import InputError
from estimator.request import MeasurementRequest
from ib_explorer.config import read_settings, request_from
from ib_explorer.options import OPTIONS
from ib_explorer.tui.screens.main_screen import SMALLEST
from ib_explorer.tui.screens.measure_dialog import MeasureDialog
from ib_explorer.tui.state import Order
from tests.ib_explorer.pilot import SMALL, both_sizes, explorer, settled
from tests.ib_explorer.synthetic import REQUEST, MemoryCache, ScriptedClient, trajectory


def write(dialog: MeasureDialog, **fields: str) -> None:
    for name, text in fields.items():
        dialog.query_one("#" + name.replace("_", "-")).value = text


def said(dialog: MeasureDialog, place: str = "problem") -> str:
    return str(dialog.query_one(f"#{place}", Static).content)


@both_sizes
async def test_measuring_is_asked_for_in_a_dialog(size: tuple[int, int]) -> None:
    client = ScriptedClient()
    async with explorer(MemoryCache(trajectory()), client, size=size) as (app, pilot):
        await pilot.press("M")
        dialog = app.screen
        assert isinstance(dialog, MeasureDialog)
        write(dialog, model="some/model", checkpoints="log:16", documents="64")
        write(dialog, weights="frequency,uniform", min_count="3", variant="raw,centred", loss="yes")
        await pilot.press("enter")
        await settled(pilot, lambda: bool(client.jobs))
        assert client.jobs[0].request == MeasurementRequest(
            "some/model",
            revision="log:16",
            documents=64,
            weights=("frequency", "uniform"),
            min_count=3,
            variants=("raw", "centred"),
            loss=True,
        )
        assert app.state.view.min_count == 3


@pytest.mark.parametrize(
    ("field", "wrong", "sentence"),
    [
        ("documents", "1", "--documents must be at least 2"),
        ("documents", "many", "whole numbers"),
        ("min-count", "0", "--min-count must be at least 1, not 0"),
        ("layers", "third", "'third' is not a layer"),
        ("temperature", "hot", "hot"),
        ("model", " ", "No model was named"),
    ],
)
async def test_wrong_input_is_said_in_the_dialog_which_stays_open(field: str, wrong: str, sentence: str) -> None:
    client = ScriptedClient()
    async with explorer(client=client) as (app, pilot):
        await pilot.press("M")
        dialog = app.screen
        entry = dialog.query_one(f"#{field}", Input)
        right, entry.value = entry.value, wrong
        await pilot.press("enter")
        assert app.screen is dialog and not client.jobs
        assert sentence in said(dialog)
        entry.value = right
        await pilot.press("enter")
        await settled(pilot, lambda: len(client.jobs) == 1)


async def test_the_dialog_is_filled_with_what_was_asked_last() -> None:
    asked = replace(REQUEST, layers="0,2", weights=("frequency", "uniform"), anchor_seeds=(5,), loss=True)
    client = ScriptedClient()
    async with explorer(client=client, initial=asked) as (app, pilot):
        await settled(pilot, lambda: len(client.jobs) == 1)
        await pilot.press("M", "enter")
        await settled(pilot, lambda: len(client.jobs) == 2)
        assert client.jobs[1].request == asked
        await pilot.press("M")
        write(app.screen, preset="paper")
        await pilot.pause()
        await pilot.press("enter")
        await settled(pilot, lambda: len(client.jobs) == 3)
        paper = replace(asked, temperatures=("leading-order",), weights=("frequency",))
        assert client.jobs[2].request == paper and app.state.view.preset == "paper"
        await pilot.press("M", "enter")
        await settled(pilot, lambda: len(client.jobs) == 4)
        assert client.jobs[3].request == paper


async def test_with_nothing_ordered_yet_the_dialog_is_filled_with_what_is_configured(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("anchors = 50\npreset = 'paper'\nlayers = '0,2'\n")
    settings = read_settings({}, {"IB_EXPLORER_DOCUMENTS": "64", "IB_EXPLORER_CORPUS": "notes.txt"}, config)
    client = ScriptedClient()
    async with explorer(client=client, form=Order.configured(settings)) as (app, pilot):
        await pilot.press("M")
        shown = {name: app.screen.query_one(f"#{name}").value for name in ("anchors", "documents", "layers", "preset")}
        assert shown == {"anchors": "50", "documents": "64", "layers": "0,2", "preset": "paper"}
        await pilot.press("enter")
        await settled(pilot, lambda: bool(client.jobs))
        assert client.jobs[0].request == request_from(settings, "demo", "all")
        assert client.jobs[0].request.temperatures == ("leading-order",) and app.state.view.preset == "paper"


def test_a_setting_that_is_out_of_its_range_is_an_input_error() -> None:
    settings = read_settings({}, {"IB_EXPLORER_DOCUMENTS": "1"}, Path("/no/such/config.toml"))
    with pytest.raises(InputError, match="--documents must be at least 2"):
        Order.configured(settings)


async def test_preference_is_asked_for_alone_on_a_set_of_its_own() -> None:
    client = ScriptedClient()
    async with explorer(client=client) as (app, pilot):
        await pilot.press("M")
        dialog = app.screen
        assert dialog.query_one("#granularity", Input).value == "token,bigram,trigram,quadgram"
        assert dialog.query_one("#match-length").disabled
        write(dialog, granularity="preference", corpus="pairs.jsonl", variant="raw,centred", loss="yes")
        await settled(pilot, lambda: dialog.query_one("#text-column").disabled)
        assert not dialog.query_one("#variant").disabled and not dialog.query_one("#match-length").disabled
        write(dialog, match_length="yes")
        dialog.query_one("#corpus").focus()
        await pilot.pause()
        assert "preference set" in said(dialog, "hint") and "chosen and rejected" in said(dialog, "hint")
        await pilot.press("enter")
        await settled(pilot, lambda: bool(client.jobs))
        assert client.jobs[0].request == MeasurementRequest(
            "demo",
            revision="all",
            corpus="pairs.jsonl",
            granularities=("preference",),
            variants=("raw", "centred"),
            loss=True,
            match_length=True,
        )


async def test_at_80_by_24_every_field_and_its_help_can_be_seen() -> None:
    async with explorer(size=SMALL) as (app, pilot):
        await pilot.press("M")
        dialog = app.screen
        for name in ("model", "checkpoints", *(option.name for option in OPTIONS), "go"):
            field = dialog.query_one(f"#{name}")
            field.focus()
            await pilot.pause()
            assert dialog.query_one(".box").content_region.contains_region(field.region), name
            if not isinstance(field, Button):
                hint = dialog.query_one("#hint", Static)
                assert said(dialog, "hint") and hint.virtual_size.height <= hint.size.height, name


async def test_in_the_smallest_window_the_form_scrolls_to_the_field_with_the_focus() -> None:
    async with explorer(size=SMALLEST) as (app, pilot):
        await pilot.press("M")
        dialog = app.screen
        for name in ("loss", "go", "model"):
            field = dialog.query_one(f"#{name}")
            field.focus()
            await settled(pilot, lambda field=field: dialog.query_one(".box").region.contains_region(field.region))
