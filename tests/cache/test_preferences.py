"""Preferences and increments on disk: exact, merged by what a row is, refused where they are not numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from cache.documents import DocumentStore
from cache.increments import IncrementStore
from cache.keys import key
from cache.preferences import PreferenceStore, preference_key
from estimator.increments import CheckpointIncrements, Increment
from estimator.measurement import Information
from estimator.preference import CheckpointPreferences, Preference

DOCUMENT = {"kind": "preferences", "commit": "abc"}
SIDE = Information(1 / 3, 0.1, 0.2, 0.01, 0.002, 2, 0.0)
ROW = Preference(1, "block", "frequency", "raw", "exact", 0.1, 0.7, 0.56, SIDE)
INCREMENT = Increment(1, "block", "input", 2, "exact", 0.1, 1 / 3, 0.01, 0.002, 0.5)


def page(*rows: Preference) -> CheckpointPreferences:
    named = (key(DOCUMENT), "m", "main", "c", None, 3, None, 2, 8, "set", "s", 4, 90, 100, (0, 1), "float32", "1")
    return CheckpointPreferences(*named, rows)


def documents(folder: Path) -> DocumentStore:
    return DocumentStore(folder / "room", folder / "aside")


def test_preferences_are_merged_by_what_a_row_is(tmp_path: Path) -> None:
    store = PreferenceStore(documents(tmp_path))
    deeper, colder = replace(ROW, layer=2, site="final_norm"), replace(ROW, temperature_rule="x0.5")
    store.merge(DOCUMENT, page(deeper, colder, ROW))
    again = replace(colder, entropy=0.5)
    store.merge(DOCUMENT, page(again))
    kept = PreferenceStore(documents(tmp_path)).load(key(DOCUMENT))
    assert kept == page(ROW, again, deeper)
    assert PreferenceStore(documents(tmp_path)).all() == [kept]
    assert len({preference_key(kept, row) for row in kept.rows}) == 3


def test_the_mean_over_layers_needs_all_layers(tmp_path: Path) -> None:
    other = replace(ROW, layer=2, information=replace(SIDE, plugin=2 / 3, se=0.03))
    (mean,) = page(ROW, other).select(["mean"])
    assert (mean.layer, mean.information.plugin, mean.information.se) == ("mean", pytest.approx(0.5), 0.02)
    assert page(ROW).select(["mean"]) == ()


def test_increments_are_merged_by_what_a_row_is(tmp_path: Path) -> None:
    store = IncrementStore(documents(tmp_path))
    other = replace(INCREMENT, order=3)
    store.merge(DOCUMENT, CheckpointIncrements("k", (other, INCREMENT)))
    again = replace(other, increment=0.25)
    store.merge(DOCUMENT, CheckpointIncrements("k", (again,)))
    assert IncrementStore(documents(tmp_path)).load(key(DOCUMENT)) == CheckpointIncrements("k", (INCREMENT, again))


def test_what_is_not_finite_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        PreferenceStore(documents(tmp_path)).merge(DOCUMENT, page(replace(ROW, entropy=math.nan)))
    with pytest.raises(ValueError):
        rows = (replace(INCREMENT, se=math.inf),)
        IncrementStore(documents(tmp_path)).merge(DOCUMENT, CheckpointIncrements("k", rows))
    with pytest.raises(ValueError, match="another key"):
        PreferenceStore(documents(tmp_path)).merge({"other": 1}, page(ROW))
