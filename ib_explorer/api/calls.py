"""Measuring, bounds and checkpoints from a notebook or a script, in its own process."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from cache import Cache
from cache.locations import locations
from estimator.bottleneck.bounds import BOUNDS, IB
from estimator.checkpoints.resolve import split_reference
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError, MeasurementError
from estimator.request import MeasurementRequest
from estimator.safe_text import safe
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.layers import check_layers
from estimator.values import USUAL
from ib_explorer.api.bars import ProgressChoice, listening
from ib_explorer.api.keywords import read_keywords
from ib_explorer.api.results import CheckpointList, Curves, Failure, Result
from ib_explorer.cached import as_asked, cached_measurements, reading
from ib_explorer.config import request_from, settle
from ib_explorer.tables.measurements import points_asked, points_of
from ib_explorer.worker.messages import (
    BoundReady,
    CheckpointFailed,
    ComputeBound,
    Event,
    ListRevisions,
    Measure,
    Measured,
    Revisions,
    Task,
)

Folder = str | os.PathLike[str]
Answer = TypeVar("Answer", Measured, BoundReady)
Found = TypeVar("Found")

_OWN = ("revision", "cache_dir", "progress")
_OF_BOUNDS = ("corpus", "text-column", "documents", "max-length", "granularity", "anchors")
_FILTERS = ("layers", "granularity", "temperature", "weights", "min-count", "variant")


def measure(
    model: Folder | Sequence[Folder] | MeasurementRequest,
    *,
    revision: str | None = None,
    cache_dir: Folder | None = None,
    progress: ProgressChoice = "auto",
    **options: Any,
) -> Result:
    """Measure checkpoints of one model or several, reading and filling the same cache as the command line.

    ``model`` is a hub id, a folder or ``"demo"``, with ``@revision`` or the keyword ``revision``; or it is a
    :class:`MeasurementRequest`, which has all options in it. ``options`` are those of ``ib-explorer measure``, with
    underscores: corpus, text_column, documents, max_length, layers, granularity, temperature, weights, min_count,
    variant, preset, anchors, anchor_seeds, device, dtype, loss, match_length, checkpoint_budget, safetensors_only. A
    list may be given as a list or as one would type it. The configuration file and the variables that set options are
    not read, so that a notebook gives the same values everywhere; ``cache_dir`` None is the usual folder for the cache.

    ``progress`` shows bars in a notebook or a terminal (``"auto"``), always (True), never (False), or informs a
    :class:`estimator.progress.Progress`, which may raise to stop. Nothing else is written. Raises :class:`InputError`
    for what the caller can correct, :class:`MeasurementError` when a measurement fails; what was measured is cached.
    Of several checkpoints, one that fails does not end the others: it is in the result's ``failures``, with a warning;
    calling the function again retries it. :class:`MeasurementError` is raised when all failed.
    """
    requests = _requests(model, revision, options)
    tasks = [Measure(number, request) for number, request in enumerate(requests)]
    folder, events = _run(tasks, requests[0].device, cache_dir, progress)
    measured = [event for event in events if isinstance(event, Measured)]
    found = _read(measured, partial(as_asked, Cache(folder).measurements.load))
    points = points_asked(found, requests[0])
    failures = tuple(
        Failure(requests[event.job].model, event.revision, event.kind, event.message)
        for event in events
        if isinstance(event, CheckpointFailed)
    )
    if failures and not points:
        raise MeasurementError(failures[0].kind, f"No checkpoint could be measured; the first: {failures[0].message}")
    for failure in failures:
        warnings.warn(safe(f"{failure.model} {failure.revision} was not measured: {failure.message}"), stacklevel=2)
    return Result(tuple(points), folder, options.get("preset") or USUAL, failures)


def load(model: Folder | Sequence[Folder] | None = None, *, cache_dir: Folder | None = None, **filters: Any) -> Result:
    """Load what the cache holds of one model or several (None: all), without measuring anything.

    ``filters`` are those of ``ib-explorer export``, each one value or a list: layers, granularity, temperature,
    weights, min_count, variant. Warns if damaged records are missing. Raises :class:`InputError` when nothing fits
    (:class:`MeasurementError` if it may have been among damaged records).
    """
    chosen = read_keywords("load", filters, _FILTERS, ("model", "cache_dir"))
    if "temperature" in chosen:
        chosen["temperature"] = [parse_temperature(rule).rule for rule in chosen["temperature"]]
    if "layers" in chosen:
        check_layers(chosen["layers"])
    folder = _cache_folder(cache_dir)
    wanted = [chosen.get(name) for name in _FILTERS]
    layers, granularities, temperatures, weights, min_count, variants = wanted
    cache = Cache(folder)
    with reading(cache):
        points = [
            point
            for record in cached_measurements(cache, [] if model is None else _names(model))
            for point in points_of(record, layers, granularities, temperatures, weights, variants, min_count)
        ]
        if not points:
            raise InputError(
                "filter", "No cached measurement matches these filters: leave one out to see what is cached."
            )
    if missing := cache.missing():
        warnings.warn(missing, stacklevel=2)
    return Result(tuple(points), folder)


def bound(
    *,
    tokenizer: Folder,
    kind: str | Iterable[str] = IB.name,
    cache_dir: Folder | None = None,
    progress: ProgressChoice = "auto",
    **options: Any,
) -> Curves:
    """Compute the information-bottleneck curve of a text, or other bounds, from the cache where it has them.

    ``tokenizer`` is the model whose tokens are counted, ``kind`` the name of a bound or several: diagonal, dpi, ib,
    held-out. ``options`` are those of ``ib-explorer bound``: corpus, text_column, documents, max_length, granularity
    (by default token), anchors. Progress and errors are those of :func:`measure`.
    """
    chosen = {"granularity": ("token",)} | read_keywords("bound", options, _OF_BOUNDS, ("tokenizer", "kind", *_OWN[1:]))
    request = request_from(settle([("keyword", chosen)]), *split_reference(os.fspath(tokenizer)))
    kinds = [BOUNDS.find(name) for name in ([kind] if isinstance(kind, str) else kind)]
    curves = {one.curve.name: one.name for one in kinds}
    tasks = [ComputeBound(0, request, labels, name) for labels in request.granularities for name in curves.values()]
    folder, events = _run(tasks, "cpu", cache_dir, progress)
    cache = Cache(folder)
    ready = [event for event in events if isinstance(event, BoundReady)]
    found = _read(ready, lambda event: cache.curves.load(event.key))
    drawn = [(one, curve) for curve in found for one in kinds if one.curve.name == curve.conditionals]
    return Curves(tuple(drawn), request.anchors)


def checkpoints(model: Folder, *, cache_dir: Folder | None = None, progress: ProgressChoice = "auto") -> CheckpointList:
    """List the checkpoints of a model in training order; ``model@selection`` selects among them as in :func:`measure`.

    Progress and errors are those of :func:`measure`.
    """
    task = ListRevisions(0, *split_reference(os.fspath(model)))
    _, events = _run([task], "cpu", cache_dir, progress)
    listed = [fields for event in events if isinstance(event, Revisions) for fields in event.revisions]
    return CheckpointList(tuple(Revision(**fields) for fields in listed))


def _run(
    tasks: Sequence[Task], device: str, cache_dir: Folder | None, progress: ProgressChoice
) -> tuple[Path, list[Event]]:
    """The cache's folder, and the events of tasks that are run in this process."""
    from estimator.quiet import quiet_libraries
    from ib_explorer.work.runner import Runner

    folder = _cache_folder(cache_dir)
    events: list[Event] = []
    with quiet_libraries(), listening(progress) as listener:
        runner = Runner(folder, device)
        for task in tasks:
            runner.run(task, events.append, listener)
    return folder, events


def _read(events: Sequence[Answer], load: Callable[[Answer], Found | None]) -> list[Found]:
    """The results of tasks that have ended, from the cache; raises MeasurementError if one is not there."""
    found = [result for event in events if (result := load(event)) is not None]
    if len(found) < len(events):
        raise MeasurementError(
            "cache",
            f"{len(events) - len(found)} of {len(events)} results could not be read from the cache after they were "
            "stored: run ib-explorer cache verify, then measure again.",
        )
    return found


def _requests(
    model: Folder | Sequence[Folder] | MeasurementRequest, revision: str | None, options: dict[str, Any]
) -> list[MeasurementRequest]:
    if isinstance(model, MeasurementRequest):
        if revision is not None or options:
            raise InputError("option", "A MeasurementRequest has all options in it: leave out the keywords.")
        return [model]
    settings = settle([("keyword", read_keywords("measure", options, own=_OWN))])
    references = [split_reference(name) for name in _names(model)]
    if twice := [name for name, selection in references if selection is not None and revision is not None]:
        raise InputError("revision", f"{twice[0]} has a revision after its @: leave out the keyword revision.")
    requests = [request_from(settings, name, selection or revision) for name, selection in references]
    if not requests:
        raise InputError("model", "No model was named: give a hub id, a folder, or demo.")
    return requests


def _names(model: Folder | Sequence[Folder]) -> list[str]:
    models = [model] if isinstance(model, str | os.PathLike) else model
    return [os.fspath(one) for one in models]


def _cache_folder(cache_dir: Folder | None) -> Path:
    return locations(cache_dir).cache
