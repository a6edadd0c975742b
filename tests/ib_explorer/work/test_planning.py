"""Plans of sweeps over a hub's checkpoints, and downloads that are kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from benchmarks.loopback_hub import LoopbackHub, Repository, folder_files
from cache import Cache
from estimator.checkpoints.download import cached_snapshot
from estimator.checkpoints.hub_files import hub_files
from estimator.checkpoints.resolve import list_revisions
from estimator.errors import InputError
from estimator.progress import Progress
from ib_explorer.plan import SweepPlan
from ib_explorer.work import planning
from ib_explorer.work.runner import Runner
from ib_explorer.worker.messages import CheckpointFailed, Fetch, Fetched, Measure, Measured, Planned, PlanSweep
from tests.ib_explorer.runs import request, run

MODEL = "org/run"
STEPS = (10, 20, 30, 40)


@pytest.fixture
def published(hub: LoopbackHub, tiny_model: Callable[[str], Path], tmp_path: Path) -> int:
    """A hub model of four checkpoints; returns the bytes of the weights of one."""
    from safetensors.torch import load_file, save_file

    hub.models[MODEL] = Repository()
    folder = shutil.copytree(tiny_model("gpt2"), tmp_path / "one")
    weights = load_file(folder / "model.safetensors")
    for step in STEPS:
        changed = {name: one + step / 1e4 for name, one in weights.items()}
        save_file(changed, folder / "model.safetensors", {"format": "pt"})
        hub.models[MODEL].commit(folder_files(folder), branch=f"step{step}")
    return (folder / "model.safetensors").stat().st_size


def planned(runner: Runner, text: Path, **changes: object) -> SweepPlan:
    (event,) = run(runner, PlanSweep(1, request(MODEL, text, revision="all", **changes)))
    assert isinstance(event, Planned)
    return event.plan


def test_what_is_measured_and_what_is_fetched(
    runner: Runner, published: int, text: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(runner, text, checkpoint_budget="1GB")
    assert (plan.checkpoints, plan.measured, plan.at_most, plan.is_estimated) == (4, 0, 10**9, False)
    small = sum(len(hub.models[MODEL].commits[hub.models[MODEL].branches["step10"]][name]) for name in ("config.json",))
    # The first one's tokenizer and configuration are there, and content that is there is not fetched for others.
    assert plan.fetch == 4 * published
    assert small < published and not any("model.safetensors" in asked for asked in hub.requests)
    assert plan.scores == 3 * 2 * 20 * 2 * _positions(runner, text)
    run(runner, Measure(2, request(MODEL, text, revision="step20")))
    again = planned(runner, text)
    assert (again.measured, again.to_go, again.fetch) == (1, 3, 3 * published)
    assert planned(runner, text, anchors=19).measured == 0
    monkeypatch.setattr(planning, "ASKED", 2)
    few = planned(runner, text)
    assert few.is_estimated and few.fetch == 3 * published


def _positions(runner: Runner, text: Path) -> int:
    (event,) = [
        one for one in run(runner, Measure(3, request(MODEL, text, revision="step20"))) if isinstance(one, Measured)
    ]
    found = runner._cache.measurements.load(event.key)
    assert found is not None
    for path in runner._cache.root.glob("measurements/*/*"):
        path.unlink()
    return found.positions


def test_a_budget_below_every_checkpoint_is_refused_at_once(runner: Runner, published: int, text: Path) -> None:
    with pytest.raises(InputError, match="set --checkpoint-budget to") as error:
        planned(runner, text, checkpoint_budget="1KB")
    assert error.value.kind == "checkpoint-budget"


def test_a_sweep_within_a_budget_of_two(runner: Runner, published: int, text: Path) -> None:
    asked = request(MODEL, text, revision="all", checkpoint_budget=f"{2.5 * published / 1000:.3f}KB")
    events = run(runner, Measure(1, asked))
    assert [event.revision for event in events if isinstance(event, Measured)] == [f"step{step}" for step in STEPS]
    left = [one.step for one in list_revisions(MODEL, Progress()) if cached_snapshot(one)]
    assert left == [30, 40]
    # Measured values are found again, and nothing is fetched for them.
    assert all(event.cached for event in run(runner, Measure(2, asked)) if isinstance(event, Measured))
    assert left == [one.step for one in list_revisions(MODEL, Progress()) if cached_snapshot(one)]


def test_a_hub_that_is_down_is_asked_about_one_checkpoint_only(
    runner: Runner, published: int, text: Path, hub: LoopbackHub
) -> None:
    hub_files.cache_clear()  # commits of other tests have the same content
    hub.requests.clear()
    hub.faults = [("/tree/", 503)] * 1000
    plan = planned(runner, text)
    assert (plan.checkpoints, plan.to_go, plan.fetch, plan.is_estimated) == (4, 4, 0, True)
    commits = hub.models[MODEL].branches.values()
    assert sum(any(f"/tree/{commit}" in asked for asked in hub.requests) for commit in commits) == 1


def test_a_view_of_stored_scores_leaves_the_files_of_the_job_around_it(
    runner: Runner, published: int, text: Path
) -> None:
    run(runner, Measure(1, request(MODEL, text, revision="step10")))
    (known,) = runner._cache.checkpoints.all()
    (revision,) = [one for one in list_revisions(MODEL, Progress()) if one.step == 10]
    runner._downloads.obtain(revision, Progress())
    view = Measure(2, request(MODEL, text, revision="step10", temperatures=("x2",)), stored_only=True)
    assert [event.cached for event in run(runner, view) if isinstance(event, Measured)] == [False]
    assert runner._cache.checkpoints.is_used(known)
    runner._downloads.end()
    assert not runner._cache.checkpoints.is_used(known)


def test_fetched_checkpoints_are_kept_and_measured_offline(
    runner: Runner, published: int, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(MODEL, text, revision="all")
    run(runner, Measure(1, request(MODEL, text, revision="step10")))
    assert [one.bytes for one in runner._cache.checkpoints.all()] == [published]
    (event,) = run(runner, PlanSweep(2, asked, keep=True))
    assert isinstance(event, Planned) and event.plan.fetch == 3 * published and event.plan.at_most is None
    fetched = [event for event in run(runner, Fetch(3, asked)) if isinstance(event, Fetched)]
    assert [Path(event.folder).name for event in fetched] == [one.commit for one in list_revisions(MODEL, Progress())]
    # What a sweep downloaded belongs to the user once it was fetched.
    assert runner._cache.checkpoints.all() == []
    assert runner._cache.prune(["checkpoints"]).bytes == 0
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    elsewhere = Runner(tmp_path / "elsewhere", "cpu")
    measured = [event for event in run(elsewhere, Measure(1, asked)) if isinstance(event, Measured)]
    assert len(measured) == len(STEPS)
    assert Cache(tmp_path / "elsewhere").checkpoints.all() == []


def test_a_fetch_that_does_not_fit_is_refused_before_it_begins(
    runner: Runner, published: int, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("estimator.checkpoints.download.free_space", lambda: 3 * published)
    with pytest.raises(InputError, match="free some space") as error:
        run(runner, PlanSweep(1, request(MODEL, text, revision="all"), keep=True))
    assert error.value.kind == "disk"


def test_a_checkpoint_that_cannot_be_fetched_is_named(
    runner: Runner, published: int, text: Path, hub: LoopbackHub
) -> None:
    commit = hub.models[MODEL].branches["step30"]
    hub.faults = [(f"resolve/{commit}/model.safetensors", 503)] * 1000
    events = run(runner, Fetch(1, request(MODEL, text, revision="all")))
    assert [event.revision for event in events if isinstance(event, Fetched)] == ["step10", "step20", "step40"]
    assert [(one.revision, one.kind) for one in events if isinstance(one, CheckpointFailed)] == [("step30", "network")]


def test_what_is_cached_is_measured_although_the_hub_cache_is_read_only(
    runner: Runner, published: int, text: Path, read_only: Callable[[Path], None]
) -> None:
    asked = request(MODEL, text, revision="step10")
    run(runner, Fetch(1, asked))
    read_only(Path(constants.HF_HUB_CACHE))
    (measured,) = [event for event in run(runner, Measure(2, asked)) if isinstance(event, Measured)]
    assert not measured.cached
