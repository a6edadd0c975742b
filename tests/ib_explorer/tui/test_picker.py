from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from textual.widgets import Static

from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.revision import Revision, Sizes
from estimator.checkpoints.selectors import select
from ib_explorer.plan import SweepPlan
from ib_explorer.tui import picker
from ib_explorer.tui.models import Choice, choices, matching
from ib_explorer.tui.picker import Listing, Picker
from ib_explorer.tui.screens.main_screen import MainScreen
from ib_explorer.tui.screens.measure_dialog import MeasureDialog
from ib_explorer.tui.screens.picker_screen import PickerScreen
from ib_explorer.tui.screens.picker_words import Progress, status
from ib_explorer.tui.state import State
from ib_explorer.worker.messages import (
    CheckpointFailed,
    Failed,
    Finished,
    ListRevisions,
    Measure,
    Note,
    Planned,
    PlanSweep,
    Revisions,
    RevisionSizes,
    Started,
)
from tests.ib_explorer.pilot import explorer, settled
from tests.ib_explorer.synthetic import MemoryCache, ScriptedClient
from tests.ib_explorer.tui.goldens import assert_golden

MODEL = "allenai/OLMo-2-1124-7B"
NAMES = [
    *(f"stage1-step{1000 * 2**power}-tokens{4 * 2**power}B" for power in range(9)),
    *(
        f"stage2-ingredient{ingredient}-step{step}-tokens{step // 200}B"
        for ingredient in (1, 2)
        for step in (1000, 2000)
    ),
    "main",
]
REVISIONS = [parse_checkpoint(MODEL, name, f"{number:040x}") for number, name in enumerate(NAMES)]
SIZES = Sizes({NAMES[0]: 29_000_000_000}, 29_000_000_000, NAMES[8])


def listing(revisions: list[Revision] = REVISIONS) -> Listing:
    return picker.listing(MODEL, revisions, SIZES, [], {(MODEL, NAMES[1]): "The weights are damaged."})


def at_name(now: Picker, name: str) -> Picker:
    rows = enumerate(now.rows)
    place = next(
        place for place, row in rows if row.index is not None and now.listing.revisions[row.index].name == name
    )
    return picker.at(now, place)


def chosen(now: Picker) -> list[str]:
    return [name for name in NAMES if name in now.chosen]


def test_checkpoints_are_grouped_with_their_states() -> None:
    found = listing()
    assert [(group.title, len(group.members)) for group in found.groups] == [
        ("stage1", 9),
        ("stage2 ingredient 1", 2),
        ("stage2 ingredient 2", 2),
        ("main", 1) if found.groups[-1].title else ("", 1),
    ]
    assert [item.state for item in found.items[:3]] == ["downloaded", "failed", "on the hub"]


@pytest.mark.parametrize("number", [1, 4, 8])
def test_log_spaced_ones_are_those_of_the_command_line(number: int) -> None:
    now = picker.spaced(picker.spaced(Picker(listing())), str(number))
    assert now.selection == f"log:{number}"
    assert set(now.chosen) == {one.name for one in select(REVISIONS, f"log:{number}")}


def test_digits_after_the_key_make_a_number() -> None:
    now = picker.spaced(picker.spaced(picker.spaced(Picker(listing())), "1"), "2")
    assert now.selection == "log:12" and picker.unspaced(now).selection == "log:1"


def test_log_spaced_ones_of_a_filter_keep_its_scope() -> None:
    now = picker.spaced(picker.spaced(picker.typed(Picker(listing()), "stage1")), "4")
    assert now.selection == "stage1:log:4"
    by_step = picker.spaced(picker.spaced(picker.typed(Picker(listing()), "step1000")), "2")
    assert set(by_step.selection.split(",")) == set(by_step.chosen)  # a filter that is no scope: by their names


@pytest.mark.parametrize(
    "text", ["stage1:log:3", "1000..9000", "10B..1T", "*-step1000-*", "main,stage2-ingredient1", "all"]
)
def test_a_typed_selection_selects_and_is_kept_as_written(text: str) -> None:
    now = picker.typed(Picker(listing()), text)
    assert now.selection == text
    assert set(now.chosen) == {one.name for one in select(REVISIONS, text)}
    assert len(now.shown) == len(now.chosen)


def test_a_selection_that_matches_nothing_is_said() -> None:
    now = picker.typed(Picker(listing()), "stage7:log:3")
    assert not now.chosen and "stage7:log:3" in now.problem
    assert picker.typed(now, "").problem == ""


def test_space_group_and_ranges_select_and_are_written_shortly() -> None:
    start = at_name(Picker(listing()), NAMES[2])
    assert chosen(picker.toggled(start)) == [NAMES[2]]
    assert chosen(picker.toggled(picker.toggled(start))) == []
    assert picker.toggled_group(start).selection == "stage1"
    assert chosen(picker.extended(picker.extended(start, 1), 1)) == NAMES[2:5]
    ranged = picker.ranged(picker.moved(picker.ranged(start), 3))
    assert chosen(ranged) == NAMES[2:6] and ranged.selection == ",".join(NAMES[2:6])
    assert start.selection == NAMES[2]  # nothing selected: the one under the cursor
    both = picker.toggled(at_name(picker.toggled_group(start), NAMES[9]))
    assert both.selection == f"stage1,{NAMES[9]}"
    assert {one.name for one in select(REVISIONS, both.selection)} == both.chosen


def test_a_newer_list_keeps_selection_and_cursor() -> None:
    now = picker.toggled(at_name(Picker(listing(REVISIONS[2:])), NAMES[3]))
    after = picker.with_listing(now, listing())
    assert chosen(after) == [NAMES[3]] and after.row.index == 3


def test_models_are_found_by_parts_of_their_names() -> None:
    known = choices(State())
    assert matching(known, "1124-7b")[0].model == MODEL
    assert matching(known, "olmo 7b 1124")[0].model == MODEL
    assert matching(known, "someone/new")[-1] == Choice("someone/new", "hub id as typed")
    assert matching(known, f"{MODEL}@log:8")[0].name == f"{MODEL}@log:8"
    assert [one.model for one in matching(known, "/x/r", ("/x/run",))] == ["/x/run", "/x/r"]


def script(job):
    yield Started(job.job)
    if isinstance(job, ListRevisions):
        yield Revisions(job.job, tuple(map(asdict, REVISIONS)))
        yield RevisionSizes(job.job, **asdict(SIZES))
        yield Finished(job.job)
    elif isinstance(job, PlanSweep):
        yield Planned(job.job, SweepPlan(4, 0, 100 * 10**9, False, 60 * 10**9, 10**12, 0, 10**9))
        yield Finished(job.job)


def said(app, name: str) -> str:
    return str(app.screen.query_one(f"#{name}", Static).content)


async def opened(app, pilot, *keys: str) -> None:
    await pilot.press("m", *(keys or "1124-7b"), "enter")
    await settled(pilot, lambda: bool(app.screen.picker and app.screen.picker.listing.items))


async def test_sixteen_log_spaced_checkpoints_take_four_keys() -> None:
    client = ScriptedClient(script)
    async with explorer(client=client) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("L", "enter")
        await settled(pilot, lambda: any(isinstance(job, Measure) for job in client.jobs))
        request = next(job.request for job in client.jobs if isinstance(job, Measure))
        assert (request.model, request.revision) == (MODEL, "log:16")


async def test_the_plan_of_the_selection_is_shown_and_withdrawn_on_closing() -> None:
    client = ScriptedClient(script)
    async with explorer(client=client) as (app, pilot):
        await pilot.press("m")
        app.screen.plan_after = 0.001
        await pilot.press(*"1124-7b", "enter")
        await settled(pilot, lambda: bool(app.screen.picker.listing.items))
        await pilot.press("L", "4")
        await settled(pilot, lambda: "at most 60.0 GB at a time" in said(app, "plan"))
        assert next(job for job in reversed(client.jobs) if isinstance(job, PlanSweep)).request.revision == "log:4"


async def test_the_form_opens_with_the_selection_and_measures_it() -> None:
    client = ScriptedClient(script)
    async with explorer(client=client) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("L", "8", "O")
        await settled(pilot, lambda: isinstance(app.screen, MeasureDialog))
        assert app.screen.query_one("#checkpoints").value == "log:8"
        app.screen.query_one("#documents").value = "64"
        await pilot.press("enter")
        await settled(pilot, lambda: any(isinstance(job, Measure) for job in client.jobs))
        request = next(job.request for job in client.jobs if isinstance(job, Measure))
        assert (request.model, request.revision, request.documents) == (MODEL, "log:8", 64)
        assert isinstance(app.screen, MainScreen)


async def test_what_goes_wrong_while_listing_is_said_in_place() -> None:
    def failing(job):
        return [Failed(job.job, "network", "The hub does not answer.", False)] if isinstance(job, ListRevisions) else []

    async with explorer(client=ScriptedClient(failing)) as (app, pilot):
        await pilot.press("m", *"1124-7b", "enter")
        await settled(pilot, lambda: "does not answer" in said(app, "said"))
        assert isinstance(app.screen, PickerScreen)
        await pilot.press("escape")
        assert app.screen.picker is None
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_offline_the_date_of_the_kept_list_is_said() -> None:
    def offline(job):
        kept = [Note(job.job, "Offline mode is on: listed on 2026-11-01.")] if isinstance(job, ListRevisions) else []
        return [*kept, *script(job)]

    async with explorer(client=ScriptedClient(offline)) as (app, pilot):
        await opened(app, pilot)
        await settled(pilot, lambda: "listed on 2026-11-01" in said(app, "said"))


async def test_a_folder_is_completed(tmp_path: Path) -> None:
    (tmp_path / "run-one").mkdir()
    async with explorer(client=ScriptedClient(script)) as (app, pilot):
        await pilot.press("m")
        app.screen.query_one("#typed").value = f"{tmp_path}/ru"
        await settled(pilot, lambda: bool(app.screen.folders))
        await pilot.press("tab")
        assert app.screen.query_one("#typed").value == f"{tmp_path}/run-one/"


async def test_clicks_choose_and_select() -> None:
    async with explorer(client=ScriptedClient(script)) as (app, pilot):
        await opened(app, pilot)
        await pilot.click("#picks", offset=(10, 2))
        assert chosen(app.screen.picker) == [NAMES[1]]


async def test_failed_checkpoints_are_measured_again_with_a_key() -> None:
    def losing(job):
        if isinstance(job, Measure):
            return [
                Started(job.job),
                Revisions(job.job, tuple(map(asdict, REVISIONS[:2]))),
                CheckpointFailed(job.job, NAMES[1], "weights", "They are damaged."),
                Finished(job.job),
            ]
        return script(job)

    client = ScriptedClient(losing)
    async with explorer(client=client) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("L", "2", "enter")
        await settled(pilot, lambda: bool(app.state.jobs) and app.state.jobs[0].status == "done")
        await pilot.press("f")
        await settled(pilot, lambda: sum(isinstance(job, Measure) for job in client.jobs) == 2)
        first, second = (job.request for job in client.jobs if isinstance(job, Measure))
        assert first == second


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_picker_looks_as_it_should(size: tuple[int, int]) -> None:
    async with explorer(MemoryCache(), ScriptedClient(script), size=size) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("L", "8")
        await settled(pilot, lambda: "log:8" in said(app, "plan"))
        assert_golden(app, f"picker-{size[0]}x{size[1]}")


def test_while_checkpoints_are_listed_the_newest_note_is_shown() -> None:
    listing = Picker(Listing("org/model", ()))
    assert status(listing, Progress("Listing checkpoints …")) == "Listing checkpoints …"
    waits = Progress("Listing checkpoints …", ("The hub does not answer: trying again in 4 s.",))
    assert status(listing, waits) == waits.notes[0]
