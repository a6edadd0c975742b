from __future__ import annotations

from dataclasses import replace

import pytest

from ib_explorer.drawing.axes import Limits
from ib_explorer.drawing.trajectories import Trajectory, by_trajectory
from ib_explorer.tui import moves
from ib_explorer.tui.jobs import Job, JobKind
from ib_explorer.tui.scene import scene
from ib_explorer.tui.state import (
    LOG_LINES,
    State,
    at_last_checkpoint,
    same_sample,
    with_event,
    with_job,
    with_log,
    with_records,
)
from ib_explorer.tui.tree import FAILED, MEASURED, RUNNING, WAITING
from ib_explorer.tui.widgets.checkpoint_tree import _label
from ib_explorer.worker.messages import CheckpointFailed, Failed, Finished, Measured, Note, PhaseProgress, Started
from tests.ib_explorer.synthetic import DEPTH, REQUEST, STEPS, curve, listed, trajectory

JOB = Job(1, JobKind.MEASURE, REQUEST)


def measured(state: State | None = None, steps: tuple[int, ...] = STEPS) -> State:
    return with_records(state or State(), trajectory(steps=steps))


def step_of(state: State) -> int | None:
    return state.place.checkpoint.step if state.place else None


def test_progress_gives_share_rate_and_time_left() -> None:
    state = with_event(with_job(State(), JOB), Started(1), 0)
    state = with_event(state, PhaseProgress(1, "forward", 0, 100, "documents", "step4"), 10)
    state = with_event(state, PhaseProgress(1, "forward", 20, 100, "documents", "step4"), 12)
    (job,) = state.jobs
    assert (job.share, job.rate, job.seconds_left) == (0.2, 10, 8)
    state = with_event(state, PhaseProgress(1, "estimate", 1, None, "values", "step4"), 13)
    (job,) = state.jobs
    assert (job.share, job.rate, job.seconds_left) == (None, None, None)


def test_events_of_unknown_jobs_change_nothing() -> None:
    state = measured()
    assert with_event(state, Note(99, "who?"), 0) is state
    assert with_event(state, Failed(0, "worker", "could not start", False), 0) is state


def test_failure_is_logged_and_ends_the_job() -> None:
    state = with_event(with_job(State(), JOB), Failed(1, "model", "There is no such model.", True), 0)
    assert not state.jobs[0].is_open
    assert "There is no such model." in state.log[-1].text


def test_the_log_keeps_the_newest_lines() -> None:
    state = State()
    for number in range(LOG_LINES + 5):
        state = with_log(state, str(number))
    assert len(state.log) == LOG_LINES and state.log[-1].text == str(LOG_LINES + 4)


def test_the_cursor_follows_new_checkpoints_until_the_user_steps_back() -> None:
    state = measured(steps=STEPS[:2])
    assert step_of(state) == STEPS[1]
    state = measured(state, STEPS[:3])
    assert step_of(state) == STEPS[2]
    state = moves.by_checkpoints(scene(state), -1)
    state = measured(state, STEPS[:4])
    assert step_of(state) == STEPS[1] and not state.live
    state = moves.to_checkpoint(scene(state), 99)
    assert step_of(state) == STEPS[3] and state.live


def test_measuring_known_checkpoints_anew_does_not_move_the_cursor() -> None:
    state = measured(measured(), STEPS[:1])
    assert step_of(state) == STEPS[-1] and len(state.records) == len(STEPS)


def test_a_long_folder_is_named_by_its_end_and_keeps_its_labels() -> None:
    (last,) = trajectory(steps=STEPS[-1:])
    run = last.named(replace(last.name, model="/a/path/of/many/folders/to/some/my-run"))
    hub = last.named(replace(last.name, model="organisation/a-model-with-a-name-of-many-words"))
    names = [branch.name for branch in scene(with_records(State(), [run, hub])).branches]
    assert names == ["my-run", "…l-with-a-name-of-many-words"]


def test_equal_content_is_shown_under_each_of_its_names() -> None:
    state = measured()
    (last,) = trajectory(steps=STEPS[-1:])
    main = last.named(replace(last.name, revision="main", step=None))
    copy = last.named(replace(last.name, model="copy"))
    state = with_records(with_records(state, [main]), [copy, last])
    assert [[leaf.checkpoint.name for leaf in branch.leaves] for branch in scene(state).branches] == [
        [*(f"step{step}" for step in STEPS), "main"],
        [f"step{STEPS[-1]}"],
    ]
    points = {point.checkpoint.revision: (point.x, point.y) for point in scene(state).plane.series[0].points}
    assert scene(state).trajectory == Trajectory.of(copy)
    assert points == {f"step{STEPS[-1]}": points[f"step{STEPS[-1]}"]}


def test_stepping_stays_at_the_ends() -> None:
    state = measured()
    assert step_of(moves.by_checkpoints(scene(state), 1)) == STEPS[-1]
    assert step_of(moves.by_checkpoints(scene(state), -99)) == STEPS[0]
    assert moves.by_checkpoints(scene(State()), 1) == State()


@pytest.mark.parametrize("aspect", ["layer", "granularity", "temperature_rule", "weights", "preset", "bound", "x"])
def test_every_aspect_of_the_view_steps_round_and_back(aspect: str) -> None:
    state = measured()
    seen = set()
    there = state
    for _ in range(20):
        there = moves.stepped_view(scene(there), aspect, 1)
        seen.add(getattr(there.view, aspect))
    known = {"layer": DEPTH + 3, "granularity": 4, "temperature_rule": 4, "weights": 2, "preset": 3, "bound": 4, "x": 2}
    assert len(seen) == known[aspect]
    assert moves.stepped_view(scene(moves.stepped_view(scene(state), aspect, 1)), aspect, -1) == state


def test_up_and_down_move_over_the_layers_at_one_checkpoint() -> None:
    state = moves.stepped_view(scene(measured()), "layer", 1)
    assert state.view.layer == "each"
    state = moves.across(scene(moves.by_checkpoints(scene(state), -2)), 2)
    point = scene(state).point
    assert point is not None
    assert (point.measurement.layer, point.checkpoint.step) == (3, STEPS[-3])
    state = moves.by_checkpoints(scene(state), 1)
    assert scene(state).point.measurement.layer == 3


def test_zoom_keeps_the_point_where_it_is_and_pan_moves_by_a_share() -> None:
    state = measured()
    now = scene(state)
    window, point = now.plane.limits, now.point
    zoomed = moves.zoomed(now, 0.5).limits
    before = (point.x - window.x[0]) / (window.x[1] - window.x[0])
    assert (point.x - zoomed.x[0]) / (zoomed.x[1] - zoomed.x[0]) == pytest.approx(before)
    assert zoomed.x[1] - zoomed.x[0] == pytest.approx((window.x[1] - window.x[0]) / 2)
    panned = moves.panned(scene(replace(state, limits=Limits((0, 1), (0, 1)))), 0.2, -0.2).limits
    assert panned.x == pytest.approx((0.2, 1.2)) and panned.y == pytest.approx((-0.2, 0.8))


def test_zooming_far_in_and_out_stops_somewhere() -> None:
    state = measured()
    for factor in (0.1, 10):
        for _ in range(40):
            state = moves.zoomed(scene(state), factor)
        assert 0 < state.limits.x[1] - state.limits.x[0] < 1e4


def test_the_tree_marks_what_is_measured_running_and_waiting() -> None:
    state = with_event(with_job(State(), JOB), Started(1), 0)
    (branch,) = scene(state).branches
    assert (branch.name, branch.trajectory, branch.leaves) == ("demo", None, ())
    state = with_event(state, listed(1), 0)
    state = with_event(state, Measured(1, "demo-0", "step0", False), 0)
    state = with_records(state, trajectory(steps=STEPS[:1]))
    state = with_event(state, PhaseProgress(1, "forward", 3, 10, "documents", "step1"), 0)
    (branch,) = scene(state).branches
    assert [leaf.mark for leaf in branch.leaves] == [MEASURED, RUNNING] + [WAITING] * 4
    assert branch.leaves[1].percent == 30


def test_the_tree_marks_what_failed_with_its_reason_until_it_is_measured() -> None:
    state = with_event(with_event(with_job(State(), JOB), Started(1), 0), listed(1), 0)
    state = with_event(state, CheckpointFailed(1, "step1", "weights", "They are damaged."), 0)
    state = with_event(state, PhaseProgress(1, "forward", 3, 10, "documents", f"step{STEPS[2]}"), 0)
    (branch,) = scene(state).branches
    assert [leaf.mark for leaf in branch.leaves] == [WAITING, FAILED, RUNNING] + [WAITING] * 3
    assert branch.leaves[1].reason == ("weights", "They are damaged.")
    assert _label(branch.leaves[1], False).plain.split() == ["✗", "step", "1", "weights"]
    assert state.log[-1].text == "Failed: demo step1: They are damaged."
    state = with_event(state, Finished(1), 0)
    assert state.jobs[0].status == "done" and "1 of 6 checkpoints" in state.log[-1].text
    (branch,) = scene(state).branches
    assert [(leaf.checkpoint.name, leaf.mark) for leaf in branch.leaves] == [("step1", FAILED)]
    state = with_records(state, trajectory(steps=STEPS[:1]))
    (branch,) = scene(state).branches
    assert [leaf.mark for leaf in branch.leaves] == [MEASURED, FAILED]
    again = with_event(with_event(with_job(state, replace(JOB, number=2)), Started(2), 0), listed(2), 0)
    (branch,) = scene(again).branches
    assert [leaf.mark for leaf in branch.leaves] == [MEASURED] + [WAITING] * 5
    state = with_records(state, trajectory(steps=STEPS[:2]))
    (branch,) = scene(state).branches
    assert [leaf.mark for leaf in branch.leaves] == [MEASURED, MEASURED]


def test_asking_for_another_temperature_adds_no_second_model_to_the_tree() -> None:
    state = replace(measured(), requests={measured().place.trajectory: REQUEST})
    again = replace(REQUEST, temperatures=("x2",))
    state = with_event(with_job(state, Job(2, JobKind.MEASURE, again)), Started(2), 0)
    assert len(scene(state).branches) == 1
    assert same_sample(REQUEST, again) and not same_sample(REQUEST, replace(REQUEST, documents=9))


def test_a_bound_is_drawn_only_beside_its_own_sample() -> None:
    assert scene(replace(measured(), curves=(curve(),))).plane.bound
    assert not scene(replace(measured(), curves=(replace(curve(), positions=4999),))).plane.bound
    held_out = replace(measured(), curves=(replace(curve(), conditionals="held-out"),))
    assert not scene(held_out).plane.bound
    assert scene(moves.stepped_view(scene(held_out), "bound", 1)).plane.bound
    wider = moves.stepped_view(scene(replace(measured(), curves=(curve(),))), "granularity", 1)
    assert not scene(wider).plane.bound


def test_other_models_share_the_plane_only_when_asked() -> None:
    state = with_records(measured(), trajectory("other"))
    assert [series.name for series in scene(state).plane.series] == ["other"]
    assert [series.name for series in scene(replace(state, overlay=True)).plane.series] == ["demo", "other"]


def test_the_wheel_zooms_about_the_pointer() -> None:
    now = scene(replace(measured(), limits=Limits((0, 1), (0, 2))))
    zoomed = moves.zoomed(now, 0.5, (0.2, 1.0)).limits
    assert zoomed.x == pytest.approx((0.1, 0.6)) and zoomed.y == pytest.approx((0.5, 1.5))


def shared() -> State:
    """Two models on one plane, the cursor on the second."""
    return replace(with_records(State(), trajectory() + trajectory("other", STEPS[1:])), overlay=True)


def test_digits_hide_and_show_models_but_not_the_current_one() -> None:
    now = scene(shared())
    assert [one.name for one in now.plane.listed] == ["demo", "other"] and now.trajectory.model == "other"
    hidden = moves.toggled(now, 1)
    then = scene(hidden)
    assert [one.name for one in then.plane.series] == ["other"]
    assert [one.name for one in then.plane.listed] == ["demo", "other"]
    assert then.plane.series[0].look == now.plane.series[1].look  # no other model takes its colour
    assert scene(moves.toggled(then, 1)).plane.series == now.plane.series
    for number, said in ((2, "current model and stays"), (3, "has 2 models")):
        assert said in moves.toggled(now, number)
    assert "press o" in moves.toggled(scene(replace(now.state, overlay=False)), 1)
    each = replace(now.state, view=replace(now.state.view, layer="each"))
    assert isinstance(moves.toggled(scene(each), 1), str)


def test_a_hidden_model_that_becomes_the_current_one_is_shown() -> None:
    hidden = moves.toggled(scene(shared()), 1)
    records = by_trajectory(hidden.records)
    moved = at_last_checkpoint(hidden, next(iter(records)))
    assert [one.name for one in scene(moved).plane.series] == ["demo", "other"]


def test_other_models_are_marked_at_the_same_place_in_training() -> None:
    now = scene(moves.by_checkpoints(scene(shared()), -1))
    assert now.point.checkpoint.step == STEPS[-2]
    assert [(one.checkpoint.model, one.checkpoint.step) for one in now.companions] == [("demo", STEPS[-2])]
    assert scene(replace(now.state, overlay=False)).companions == ()
