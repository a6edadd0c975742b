"""Measurements and curves on disk: exact to the last bit, merged by what a row is."""

from __future__ import annotations

import base64
import math
import multiprocessing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import made_up
from cache import columns
from cache.aside import Aside
from cache.columns import decode_rows, encode_rows
from cache.curves import CurveStore
from cache.entries import EntryStore
from cache.keys import key
from cache.measurements import MeasurementStore, row_key
from cache.names import NameStore
from estimator.curve import BoundCurve
from estimator.measurement import WEIGHTS, CheckpointMeasurements, Information, Measurement
from estimator.text.kinds import NGRAMS
from estimator.values import VALUES

IDENTITY = {"kind": "measurements", "commit": "abc"}

numbers = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(min_value=1, max_value=2**62)
maybe = st.none() | numbers
information = st.builds(
    Information, numbers, numbers, numbers, numbers, numbers, counts, numbers, maybe, maybe, maybe, maybe
)
measurement_rows = st.builds(
    Measurement,
    layer=st.integers(0, 200) | st.just("mean"),
    site=st.sampled_from(["embedding", "block", "final_norm", "mean"]),
    granularity=st.sampled_from(NGRAMS),
    weights=st.sampled_from(WEIGHTS),
    variant=st.text(max_size=8),
    temperature_rule=st.text(max_size=8),
    temperature=numbers,
    entropy=numbers,
    ceiling=numbers,
    complexity=information,
    expressivity=st.none() | information,
    resultant_length=maybe,
    participation_ratio=maybe,
    covariance=maybe,
)


def row(layer: int = 1, complexity: float = 0.5, **changes: Any) -> Measurement:
    side = Information(complexity, 0.1, 0.2, 0.01, 0.002, 17, 0.25)
    one = Measurement(layer, "block", "token", "frequency", "raw", "exact", 0.1, 0.7, 0.56, side, side)
    return replace(one, **changes)


def page(rows: tuple[Measurement, ...], identity: dict[str, Any] = IDENTITY, **fields: Any) -> CheckpointMeasurements:
    return made_up.checkpoint(rows, **{"key": key(identity), "depth": 2, **fields})


@pytest.fixture
def store(tmp_path: Path) -> MeasurementStore:
    return _store(tmp_path)


def _store(folder: Path) -> MeasurementStore:
    aside = Aside(folder / "aside")
    return MeasurementStore(EntryStore(folder / "measurements", aside), NameStore(EntryStore(folder / "names", aside)))


@given(st.lists(measurement_rows, max_size=6))
def test_rows_come_back_to_the_last_bit(rows: list[Measurement]) -> None:
    back = decode_rows(encode_rows(rows))
    assert list(back) == rows
    assert repr(back) == repr(tuple(rows))
    assert hash(back) == hash(tuple(rows))


def test_rows_of_an_earlier_estimator_are_read_without_what_it_did_not_measure() -> None:
    known = row()
    encoded = encode_rows([known])
    newer = {name for name in encoded["float_columns"] if name.rpartition(".")[2] in columns.INFORMATION_OPTIONAL}
    kept = [name for name in encoded["float_columns"] if name not in {*newer, "covariance"}]
    floats = np.frombuffer(base64.b64decode(encoded["floats"]), "<f8").reshape(len(encoded["float_columns"]), 1)
    older = np.stack([floats[encoded["float_columns"].index(name)] for name in kept])
    encoded |= {"float_columns": kept, "floats": base64.b64encode(older.tobytes()).decode()}
    (found,) = decode_rows(encoded)
    assert found == known
    assert found.complexity.adjusted is None and math.isnan(VALUES["adjusted"].of(found.complexity))
    assert VALUES["adjusted"].optimality(found) is None and found.predictive_share is None
    assert found.complexity.bracket == pytest.approx((0.5 - 0.1 - 2 * 0.01, 0.2 + 2 * 0.01))


def test_the_columns_are_all_there_is() -> None:
    named = {*columns.IDENTITY, *columns.FLOATS, *columns.OPTIONAL, *columns.SIDES}
    assert named == {field.name for field in fields(Measurement)}
    parts = {*columns.INFORMATION_FLOATS, *columns.INFORMATION_OPTIONAL, *columns.INFORMATION_INTEGERS}
    assert parts == {field.name for field in fields(Information)}
    # Rows are made without __init__, so nothing may hang on it.
    assert not any(hasattr(record, "__post_init__") for record in (Measurement, Information))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["entropy", "resultant_length", "complexity"])
def test_rows_are_finite(store: MeasurementStore, bad: float, name: str) -> None:
    broken = row(complexity=bad) if name == "complexity" else row(**{name: bad})
    with pytest.raises(ValueError, match="finite"):
        store.merge(IDENTITY, page((broken,)))
    assert store.all() == []


def test_a_loss_belongs_to_the_checkpoint_and_stays(store: MeasurementStore) -> None:
    store.merge(IDENTITY, page((row(),), loss=2.5))
    merged = store.merge(IDENTITY, page((row(layer=2),)))
    assert (merged.loss, len(merged.rows)) == (2.5, 2)
    with pytest.raises(ValueError, match="finite"):
        store.merge(IDENTITY, page((row(),), loss=math.nan))


def test_labels_with_one_side_come_back_without_the_other(store: MeasurementStore) -> None:
    sides = {"preference": None, "token": row().expressivity}
    rows = tuple(row(granularity=name, expressivity=side) for name, side in sides.items())
    stored = store.merge(IDENTITY, page(rows))
    again = _store(store.entries.folder.parent).load(stored.key)
    assert again is not None
    assert {one.granularity: one.expressivity for one in again.rows} == sides


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(rows=st.lists(measurement_rows, max_size=3, unique_by=lambda r: (r.layer, r.site, r.granularity, r.weights)))
def test_a_page_comes_back_in_another_process(tmp_path: Path, rows: list[Measurement]) -> None:
    identity = {"rows": repr(rows)}
    kept = _store(tmp_path).merge(identity, page(tuple(rows), identity))
    assert set(kept.rows) == set(rows)
    assert _store(tmp_path).load(kept.key) == kept


def test_places_in_training_may_be_unknown(store: MeasurementStore, tmp_path: Path) -> None:
    kept = store.merge(IDENTITY, page((row(),), stage=None, step=None, tokens=None))
    assert _store(tmp_path).all() == [kept]


def test_new_rows_replace_their_equals_and_others_stay(store: MeasurementStore) -> None:
    first = (row(1), row(2), row(2, granularity="bigram"))
    store.merge(IDENTITY, page(first))
    merged = store.merge(IDENTITY, page((row(2, 0.9), row(2, temperature_rule="0.01"))))
    assert merged.rows == (row(1), row(2, temperature_rule="0.01"), row(2, 0.9), row(2, granularity="bigram"))
    assert store.load(key(IDENTITY)) == merged


@pytest.mark.parametrize(
    "change",
    [
        {"layer": 9},
        {"site": "final_norm"},
        {"granularity": "quadgram"},
        {"weights": "uniform"},
        {"variant": "centred"},
        {"temperature_rule": "x0.5"},
    ],
)
def test_what_a_row_is(store: MeasurementStore, change: dict[str, Any]) -> None:
    other = row(**change)
    assert len(store.merge(IDENTITY, page((row(), other))).rows) == 2
    assert row_key(page(()), row()) != row_key(page(()), other)


def test_the_order_of_merging_does_not_matter(tmp_path: Path) -> None:
    rows = [row(layer, granularity=granularity) for layer in (3, 1, 2) for granularity in ("quadgram", "token")]
    one, other = _store(tmp_path / "one"), _store(tmp_path / "other")
    for step in rows:
        one.merge(IDENTITY, page((step,)))
    other.merge(IDENTITY, page(tuple(reversed(rows))))
    (kept,) = one.all()
    assert other.all() == [kept]
    assert [(r.layer, r.granularity) for r in kept.rows] == [
        (layer, granularity) for layer in (1, 2, 3) for granularity in ("token", "quadgram")
    ]


def test_a_record_keeps_its_first_name_and_is_listed_under_each(store: MeasurementStore) -> None:
    first = store.merge(IDENTITY, page((row(),)))
    other = page((), revision="main", step=None, corpus="copy.jsonl")
    assert store.merge(IDENTITY, other).name == first.name != other.name
    assert store.all() == [first]
    for _ in range(2):
        store.names.add(first.key, other.name)
    store.names.add(first.key, first.name)
    store.names.add(key({"measurements": "pruned"}), other.name)
    kept, again = store.all()
    assert (kept, again.name) == (first, other.name)
    assert (again.key, again.commit, again.rows) == (first.key, first.commit, first.rows)
    assert [(name.revision, name.step) for name in store.names.by_measurements()[first.key]].count(("main", None)) == 1


def test_a_name_whose_tokens_are_read_anew_replaces_the_first_reading(store: MeasurementStore) -> None:
    first = store.merge(IDENTITY, page((row(),)))
    exact = replace(first.name, tokens=629145600)
    store.names.add(first.key, exact)
    assert [record.name for record in store.all()] == [exact]


def test_a_page_carries_its_documents_key(store: MeasurementStore) -> None:
    with pytest.raises(ValueError, match="another key"):
        store.merge({"another": "document"}, page((row(),)))


def test_the_key_of_a_row_does_not_hang_on_its_values() -> None:
    assert row_key(page(()), row()) == row_key(page((), revision="main"), row(complexity=0.9))
    assert row_key(page(()), row()) != row_key(page((), {"another": "document"}), row())
    assert len(row_key(page(()), row(layer="mean", site="mean"))) == 64


def test_polling_sees_what_another_store_wrote_changed_and_removed(tmp_path: Path) -> None:
    reader, writer = _store(tmp_path), _store(tmp_path)
    seen = reader.revision()
    assert reader.all() == []
    for act in (
        lambda: writer.merge(IDENTITY, page((row(1),))),
        lambda: writer.merge(IDENTITY, page((row(2),))),
        lambda: writer.merge({"n": 2}, page((row(1),), {"n": 2})),
        lambda: writer.entries.path(key({"n": 2})).unlink(),
    ):
        act()
        assert reader.revision() != seen
        seen = reader.revision()
        assert reader.all() == writer.all()
        assert reader.revision() == seen


def test_a_merge_that_adds_nothing_writes_nothing(store: MeasurementStore) -> None:
    store.merge(IDENTITY, page((row(),)))
    before = store.revision()
    store.merge(IDENTITY, page((row(),)))
    assert store.revision() == before


def test_what_has_not_changed_is_not_read_again(store: MeasurementStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.merge(IDENTITY, page((row(),)))
    (kept,) = store.all()
    monkeypatch.setattr(store.entries, "get", None)
    assert store.all()[0] is kept


def test_damage_is_a_miss_even_after_a_good_read(store: MeasurementStore) -> None:
    store.merge(IDENTITY, page((row(),)))
    assert len(store.all()) == 1
    path = store.entries.path(key(IDENTITY))
    path.write_bytes(path.read_bytes()[:-9])
    assert store.load(key(IDENTITY)) is None
    assert store.all() == []
    assert store.merge(IDENTITY, page((row(2),))).rows == (row(2),)


@pytest.mark.parametrize("table", [None, {}, {"rows": 3}, "text", {"rows": 1, "values": {}}])
def test_a_sound_file_that_is_no_page_is_set_aside(store: MeasurementStore, table: Any) -> None:
    store.merge(IDENTITY, page((row(),)))
    entry = store.entries.get(key(IDENTITY))
    assert entry is not None
    store.entries.put(IDENTITY, {**entry.value, "table": table}, entry.about)
    assert store.load(key(IDENTITY)) is None
    assert len(list(store.entries.aside.folder.iterdir())) == 1


def test_codes_outside_their_values_are_noticed() -> None:
    encoded = encode_rows([row(1), row(2)])
    encoded["values"]["layer"] = [1]
    with pytest.raises(ValueError, match="layer"):
        decode_rows(encoded)


def test_a_page_of_another_layout_is_passed_over_and_left_alone(store: MeasurementStore) -> None:
    store.merge(IDENTITY, page((row(),)))
    store.entries.put({"n": 2}, {"schema": 99}, {})
    assert len(store.all()) == 1
    assert store.entries.path(key({"n": 2})).exists()


def _merge_all(folder: Path, writer: int) -> None:
    store = _store(folder)
    for turn in range(12):
        store.merge(IDENTITY, page((row(10 * turn + writer),)))
        store.merge({"writer": writer}, page((row(turn),), {"writer": writer}))


def test_processes_that_merge_at_once_never_corrupt(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_merge_all, args=(tmp_path, n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    store = _store(tmp_path)
    assert not store.entries.aside.folder.exists()
    for writer in range(3):
        own = store.load(key({"writer": writer}))
        assert own is not None
        assert [r.layer for r in own.rows] == list(range(12))
    shared = store.load(key(IDENTITY))
    assert shared is not None
    assert {r.layer for r in shared.rows} <= {10 * turn + n for turn in range(12) for n in range(3)}


CURVE = BoundCurve("token", (0.0, 0.1, 1 / 3), (0.0, 0.05, 0.1 + 0.2), (None, 7.5, None), 8.1, 2.2, 1000, 90, 91, 0.4)


def test_curves_come_back_with_their_identities(tmp_path: Path) -> None:
    store = CurveStore(EntryStore(tmp_path / "curves", Aside(tmp_path / "aside")))
    identity = {"kind": "bound", "sample": "d" * 64}
    store.put(identity, CURVE)
    again = CurveStore(store.entries)
    assert again.load(key(identity)) == CURVE
    assert again.all() == [(identity, CURVE)]
    assert again.load(key({})) is None


def test_a_curve_store_sets_aside_what_is_no_curve(tmp_path: Path) -> None:
    store = CurveStore(EntryStore(tmp_path / "curves", Aside(tmp_path / "aside")))
    store.entries.put({}, {"schema": 2, "rate": []}, {})
    assert store.all() == []
    assert len(list((tmp_path / "aside").iterdir())) == 1
