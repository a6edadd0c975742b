"""The requests that are stored with measurements, so that a later process can ask for more of the same sample."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cache import Cache
from ib_explorer.work.identities import series_identity
from ib_explorer.work.runner import Runner
from ib_explorer.worker.messages import Measure, Measured
from tests.ib_explorer.runs import measure, no_model, request, run


def test_a_measurement_stores_its_request_and_a_later_process_asks_for_more_with_it(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(text.parent)
    asked = request(tiny_model("gpt2"), Path(text.name))
    ((_, record),) = measure(runner, asked)
    cache = Cache(tmp_path / "cache")
    ((series, stored),) = cache.requests.all()
    assert series == series_identity(record)
    assert stored == replace(asked, model=os.path.realpath(asked.model), corpus=str(text), dtype="float32")
    monkeypatch.chdir(tmp_path)
    no_model(monkeypatch)
    view = replace(stored, temperatures=("x2",), weights=("uniform",))
    events = run(Runner(tmp_path / "cache", "cpu"), Measure(1, view, stored_only=True, only=(record.revision,)))
    (found,) = [event for event in events if isinstance(event, Measured)]
    assert found.key == record.key
    assert cache.requests.all() == [(series, stored)]  # a view is no template


def test_cached_values_store_the_request_too_and_the_latest_order_counts(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, tmp_path: Path
) -> None:
    asked = request(tiny_model("gpt2"), text)
    measure(runner, asked)
    cache = Cache(tmp_path / "cache")
    cache.prune(["requests"])
    assert cache.requests.all() == []
    measure(Runner(tmp_path / "cache", "cpu"), asked)
    measure(Runner(tmp_path / "cache", "cpu"), replace(asked, temperatures=("exact", "x0.5")))
    ((_, stored),) = cache.requests.all()
    assert stored.temperatures == ("exact", "x0.5")


def test_requests_that_cannot_be_read_or_written_do_not_hinder_a_measurement(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir(exist_ok=True)
    (tmp_path / "cache" / "requests").write_text("a file where the folder should be")
    ((event, _),) = measure(runner, request(tiny_model("gpt2"), text))
    assert not event.cached


def test_a_stored_request_of_another_version_is_missing(tmp_path: Path, runner: Runner) -> None:
    requests = Cache(tmp_path / "cache").requests
    requests.entries.put({"kind": "request", "model": "m"}, {"schema": 1, "model": "m", "colour": "red"}, {})
    requests.entries.put({"kind": "request", "model": "n"}, {"schema": 1, "model": "n", "documents": 1}, {})
    requests.entries.put({"kind": "request", "model": "o"}, {"schema": 99}, {})
    assert requests.all() == []
