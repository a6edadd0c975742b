from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.request import MeasurementRequest
from ib_explorer.worker.messages import (
    BoundReady,
    Cancel,
    CancelledJob,
    CheckpointFailed,
    ComputeBound,
    Failed,
    Finished,
    ListRevisions,
    Measure,
    Measured,
    Note,
    PhaseProgress,
    Ready,
    Revisions,
    Shutdown,
    Started,
    decode_event,
    decode_request,
    encode,
)

REQUEST = MeasurementRequest(model="a/b", revision="log:16", temperatures=("x0.5", "0.01"), anchor_seeds=(3,))


@pytest.mark.parametrize(
    "request_",
    [
        Measure(1, REQUEST),
        Measure(1, REQUEST, only=("a", "b"), skip=("a",)),
        ComputeBound(2, REQUEST, "token"),
        ComputeBound(2, REQUEST, "bigram", "held-out"),
        ListRevisions(3, "demo", None),
        Cancel(4),
        Shutdown(),
    ],
)
def test_requests_survive_the_pipe(request_):
    line = encode(request_)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert decode_request(line) == request_


@pytest.mark.parametrize(
    "event",
    [
        Ready(1, "cuda:0"),
        Started(1),
        PhaseProgress(1, "forward", 3, None, "documents", "step1"),
        Revisions(1, ({"model": "m", "name": "main"},)),
        Measured(1, "k", "main", True),
        CheckpointFailed(1, "main", "weights", "Damaged."),
        BoundReady(1, "k"),
        Note(1, "halved the batch"),
        Finished(1),
        CancelledJob(1),
        Failed(1, "model", "No.", True),
    ],
)
def test_events_survive_the_pipe(event):
    assert decode_event(encode(event)) == event


@given(st.text())
def test_any_text_stays_on_one_line(text):
    line = encode(Note(1, text))
    assert line.count(b"\n") == 1
    assert decode_event(line) == Note(1, text)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"not json",
        b"[]",
        b"{}",
        b'{"type":"no-such"}',
        b'{"type":"cancel"}',
        b'{"type":"cancel","job":1,"more":2}',
        b'{"type":"measure","job":1,"request":{"model":"m","colour":"red"}}',
        b'{"type":"measure","job":1,"request":{"model":"m","anchors":1}}',
        b"\xff\xfe",
    ],
)
def test_anything_else_is_a_value_error(line):
    with pytest.raises(ValueError, match="protocol"):
        decode_request(line)
