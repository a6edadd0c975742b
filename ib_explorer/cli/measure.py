"""``ib-explorer measure``: measure checkpoints of models and print their points as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from cache import Cache
from cache.locations import locations
from estimator.checkpoints.resolve import split_reference
from estimator.errors import InputError
from estimator.measurement import CheckpointMeasurements
from estimator.request import MeasurementRequest
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.layers import check_layers
from estimator.text.kinds import NGRAM, NGRAMS
from ib_explorer.cached import CachedCurves, as_asked, cached_increments
from ib_explorer.cli import INTERRUPTED
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.outlet import complain, show, write_data
from ib_explorer.cli.plans import planning, yes_option
from ib_explorer.cli.session import Session, run_jobs
from ib_explorer.cli.settings import measurement_options
from ib_explorer.cli.watching import check_watched, watch_option
from ib_explorer.cli.watching import watch as watch_run
from ib_explorer.config import Settings, request_from
from ib_explorer.tables.csv import check_writable, write_text
from ib_explorer.tables.increments import increments_text
from ib_explorer.tables.measurements import points_asked, points_text
from ib_explorer.worker.messages import Measure, Measured


@click.command("measure")
@click.argument("models", nargs=-1, required=True, metavar="MODEL[@REVISION]...")
@measurement_options()
@click.option("--csv", type=click.Path(path_type=Path), help="Write the rows to this file, and print its path.")
@click.option(
    "--increments",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also measure what each further token of context adds, and write these increments to this file as CSV.",
)
@watch_option
@yes_option
@cache_dir_option
def command(
    models: tuple[str, ...],
    csv: Path | None,
    increments: Path | None,
    watch: bool,
    yes: bool,
    cache_dir: Path | None,
    settings: Settings,
) -> int:
    """Measure checkpoints of models and write CSV.

    MODEL is a hub id, a local folder (a model, or a training run's folder of checkpoints), or demo. REVISION is a
    branch, tag or commit, all, log:16 (16 spread evenly in log step), stage1, or a glob. It defaults to main, or to
    the last checkpoint of a run.

    With --watch, the checkpoints of a training run are measured as they are completed, until interrupted.

    Values measured before come from the cache, so an interrupted sweep resumes where it stopped.
    """
    check_layers(settings["layers"].value)
    requests = [request_from(settings, *split_reference(model)) for model in models]
    if increments is not None and not any(kind.family == NGRAM for kind in requests[0].kinds):
        raise InputError(
            "increments",
            f"Increments exist only for n-gram labels: leave out --increments, or ask for {NGRAMS[0]} too.",
        )
    temperatures = [parse_temperature(text).rule for text in settings["temperature"].value]
    for path in (csv, increments):
        if path is not None:
            check_writable(path)
    with_increments = increments is not None
    if watch:
        check_watched(requests)
        session, measured = _read(watch_run(requests[0], cache_dir, increments=with_increments), cache_dir)
    else:
        session, measured = measure_all(requests, cache_dir, increments=with_increments, yes=yes)
    code = _interrupted() if watch else session.exit_code
    wanted = requests[0]
    cache = Cache(locations(cache_dir).cache)
    if increments is not None and measured:
        found = cached_increments(cache, measured)
        write_text(increments, increments_text(found, wanted.layers, temperatures))
    points = points_asked(measured, wanted)
    if not points:
        return code
    text = points_text(points, CachedCurves(cache).of_row)
    if csv is None:
        write_data(text)
    else:
        write_text(csv, text)
        show(str(csv))
    return code


def _interrupted() -> int:
    """The exit code of a watch, which ends when it is interrupted."""
    complain("interrupted; finished measurements are cached.")
    return INTERRUPTED


def measure_all(
    requests: Sequence[MeasurementRequest], cache_dir: Path | None, *, increments: bool = False, yes: bool = True
) -> tuple[Session, list[CheckpointMeasurements]]:
    """Measure in workers and read the results from the cache, in the order measured.

    What hub models need is planned first, and confirmed by the user unless ``yes``. A result that cannot be read is a
    failure of the session.
    """
    jobs = [(request.model, partial(Measure, request=request, increments=increments)) for request in requests]
    return _read(run_jobs(jobs, cache_dir, requests[0].device, planning(requests, yes=yes)), cache_dir)


def _read(session: Session, cache_dir: Path | None) -> tuple[Session, list[CheckpointMeasurements]]:
    measured = [event for event in session.events if isinstance(event, Measured)]
    return session.read(measured, partial(as_asked, Cache(locations(cache_dir).cache).measurements.load))
