"""Lists of checkpoints that are kept, joined and measured in size, with the genuine client on a loopback hub."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from huggingface_hub import constants

from benchmarks.loopback_hub import LoopbackHub, Repository, folder_files
from cache.aside import Aside
from cache.entries import EntryStore
from cache.listings import ListingStore
from estimator.checkpoints.resolve import list_revisions, model_folder, resolve
from estimator.checkpoints.revision import CATALOGUE, Revision
from estimator.checkpoints.sizes import sizes
from estimator.errors import InputError, MeasurementError
from estimator.progress import Progress

OLMO = "allenai/OLMo-2-1124-7B"
SMALL = "allenai/OLMo-2-0425-1B"
NAMES = ("step150-tokens1B", "stage1-step928646-tokens3896B", "stage2-ingredient1-step11931-tokens50B", "main")


class Notes(Progress):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def publish(hub: LoopbackHub, model: str, *names: str, files: dict[str, bytes] | None = None) -> Repository:
    repository = hub.models[model] = Repository()
    for name in names:
        content = {"config.json": b"{}", "model.safetensors": b"weights", **(files or {})}
        repository.commit(content | {"README.md": f"{model} {name}".encode()}, branch=name)
    return repository


def names(revisions: list[Revision]) -> list[str]:
    return [revision.name for revision in revisions]


@pytest.fixture
def listings(tmp_path: Path) -> ListingStore:
    """An empty store, on the evening of 27 November 2026."""
    store = EntryStore(tmp_path / "listings", Aside(tmp_path / "aside"))
    return ListingStore(store, lambda: datetime(2026, 11, 27, 20, 15, tzinfo=UTC))


@pytest.mark.parametrize("how", ["offline", "server errors"])
def test_the_last_listing_is_used_when_the_hub_is_out_of_reach(hub, listings, monkeypatch, how):
    publish(hub, OLMO, *NAMES)
    listed = list_revisions(OLMO, Progress(), listings)
    assert names(listed) == list(NAMES)
    if how == "offline":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    else:
        hub.status = 503
    notes = Notes()
    assert list_revisions(OLMO, notes, listings) == listed
    assert notes.said[-1].endswith(f"the 4 revisions of {OLMO} are those that the hub listed on 2026-11-27 20:15 UTC.")
    assert names(resolve(OLMO, "log:16", Progress(), listings)) == list(NAMES)


@pytest.mark.parametrize("fault", ["short", 503, "html"])
def test_an_answer_that_breaks_off_is_never_a_shorter_list(hub, listings, fault):
    publish(hub, OLMO, *NAMES)
    whole = list_revisions(OLMO, Progress(), listings)
    hub.faults += [("/refs", fault)] * 20
    try:
        found = list_revisions(OLMO, Progress(), listings)
    except (InputError, MeasurementError) as error:
        assert "\n" not in str(error)
    else:
        assert found == whole
    hub.faults.clear()
    assert list_revisions(OLMO, Progress(), listings) == whole


def test_names_that_the_hub_no_longer_lists_are_noted(hub, listings):
    repository = publish(hub, OLMO, *NAMES)
    list_revisions(OLMO, Progress(), listings)
    del repository.branches[NAMES[1]], repository.branches[NAMES[2]]
    notes = Notes()
    assert names(list_revisions(OLMO, notes, listings)) == [NAMES[0], NAMES[3]]
    assert notes.said == [
        f"The hub no longer lists 2 of the 4 revisions of {OLMO} that it listed on 2026-11-27 20:15 UTC: "
        f"{NAMES[1]}, {NAMES[2]}."
    ]


def test_a_damaged_listing_counts_as_none(hub, listings, tmp_path, monkeypatch):
    publish(hub, OLMO, *NAMES)
    list_revisions(OLMO, Progress(), listings)
    (kept,) = (tmp_path / "listings").rglob("*.json")
    kept.write_bytes(kept.read_bytes()[:-20])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE"):
        list_revisions(OLMO, Progress(), listings)


def test_another_hub_has_listings_of_its_own(listings):
    listings.keep("http://a", OLMO, (("main", "0" * 40),))
    assert listings.load("http://a", OLMO).refs == (("main", "0" * 40),)
    assert listings.load("http://b", OLMO) is None


def test_checkpoints_of_a_joined_repository_are_among_them(hub, listings):
    publish(hub, SMALL, "stage1-step0-tokens0B", "stage1-step10000-tokens21B", "main")
    early = publish(hub, f"{SMALL}-early-training", "stage1-step0-tokens0B", "stage1-step1000-tokens3B", "main")
    found = list_revisions(SMALL, Progress(), listings)
    assert [(one.name, one.model) for one in found] == [
        ("stage1-step0-tokens0B", SMALL),
        ("stage1-step1000-tokens3B", f"{SMALL}-early-training"),
        ("stage1-step10000-tokens21B", SMALL),
        ("main", SMALL),
    ]
    (joined,) = resolve(SMALL, "stage1-step1000-tokens3B", Progress(), listings)
    assert joined.commit == early.branches["stage1-step1000-tokens3B"]


def test_a_joined_repository_that_is_gone_is_noted_and_asked_for_only_where_needed(hub, listings):
    publish(hub, SMALL, "stage1-step10000-tokens21B", "main")
    notes = Notes()
    assert names(list_revisions(SMALL, notes, listings)) == ["stage1-step10000-tokens21B", "main"]
    (note,) = notes.said
    assert note.startswith(f"Checkpoints of {SMALL} in {SMALL}-early-training are not listed: ")
    hub.requests.clear()
    assert names(resolve(SMALL, None, Progress(), listings)) == ["main"]
    assert names(resolve(SMALL, "stage1-step10000-tokens21B", Progress(), listings)) == ["stage1-step10000-tokens21B"]
    assert not [request for request in hub.requests if "early-training" in request]


def test_each_checkpoint_may_be_a_repository(hub, tiny_model):
    stem = "TinyLlama/TinyLlama-1.1B-intermediate-step"
    files = folder_files(tiny_model("olmo2"))
    for tail in ("1431k-3T", "50k-105b", "955k-token-2T"):
        publish(hub, f"{stem}-{tail}", "main", files=files)
    found = list_revisions(f"{stem}-1431k-3T", Progress())
    assert [(one.name, one.step, one.tokens) for one in found] == [
        ("step-50k-105b", 50_000, 105 * 10**9),
        ("step-955k-token-2T", 955_000, 2 * 10**12),
        ("main", 1_431_000, 3 * 10**12),
    ]
    assert (model_folder(found[0], Progress()) / "config.json").is_file()


def test_main_without_a_model_is_refused_by_name(hub):
    publish(hub, "HuggingFaceTB/SmolLM3-3B-checkpoints", "stage1-step-40000", "main")
    with pytest.raises(InputError, match=r"main of .* holds no model: name a checkpoint, such as .*@stage1-step-40000"):
        resolve("HuggingFaceTB/SmolLM3-3B-checkpoints", None, Progress())


def test_sizes_ask_the_hub_once_for_all(hub, tiny_model):
    publish(hub, OLMO, *NAMES, files=folder_files(tiny_model("olmo2")) | {"pytorch_model.bin": bytes(999)})
    revisions = list_revisions(OLMO, Progress())
    folder = model_folder(revisions[0], Progress())
    hub.requests.clear()
    found = sizes(revisions, Progress())
    needed = sum(path.stat().st_size for path in folder.iterdir() if path.name != "README.md")
    assert found.local == {NAMES[0]: needed}
    assert (found.typical, found.typical_of) == (needed, NAMES[2])
    assert len(hub.requests) == 1


def test_sizes_of_what_the_hub_refuses_are_those_of_the_catalogue(hub, monkeypatch):
    publish(hub, OLMO, *NAMES)
    revisions = list_revisions(OLMO, Progress())
    hub.status = 500
    notes = Notes()
    found = sizes(revisions, notes)
    assert (found.local, found.typical, found.typical_of) == ({}, 29_200_000_000, CATALOGUE)
    assert len(notes.said) == 1 and notes.said[0].startswith("Sizes are unknown: ")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert sizes(revisions, Notes()).typical_of == CATALOGUE


def test_names_of_a_hub_that_are_no_names_do_not_become_checkpoints(hub, listings):
    repository = publish(hub, OLMO, *NAMES)
    repository.branches["../../step5"] = repository.branches["main"]
    assert names(list_revisions(OLMO, Progress(), listings)) == list(NAMES)
    (kept,) = listings.entries.entries()
    assert "step5" not in json.dumps(kept.value)
