"""``ib-explorer demo``: the built-in model, trained and measured locally, on the screen or as text."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click

from cache import Cache
from cache.locations import locations, prepare, usable
from estimator.bottleneck.bounds import HELD_OUT, IB
from estimator.measurement import CheckpointMeasurements
from estimator.request import MeasurementRequest
from ib_explorer.cached import CachedCurves
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.fresh import fresh_option
from ib_explorer.cli.measure import measure_all
from ib_explorer.cli.outlet import is_interactive, show
from ib_explorer.cli.session import run_jobs
from ib_explorer.cli.settings import measurement_options
from ib_explorer.config import Settings
from ib_explorer.options import demo_request
from ib_explorer.tables.csv import check_writable, write_text
from ib_explorer.tables.measurements import points_of, points_text
from ib_explorer.worker.messages import BoundReady, ComputeBound


@click.command("demo")
@measurement_options("device")
@click.option(
    "--csv",
    type=click.Path(path_type=Path),
    help="File for the CSV when there is no terminal (default: demo.csv in the state folder).",
)
@fresh_option
@cache_dir_option
def command(csv: Path | None, cache_dir: Path | None, fresh: bool, settings: Settings) -> int:
    """Train a tiny model and draw its trajectory live.

    Needs no network: an OLMo2 model of about a million parameters is trained on the documentation of the running
    Python. The measurement is fixed. Without a terminal, progress goes to stderr; the plot and the path of a CSV file
    go to stdout.
    """
    request = demo_request(settings["device"].value)
    if is_interactive():
        from ib_explorer.cli.screen import open_screen

        open_screen(cache_dir, settings, request, fresh=fresh)
        return 0
    return _headless(request, cache_dir, csv)


def _headless(request: MeasurementRequest, cache_dir: Path | None, csv: Path | None) -> int:
    places = locations(cache_dir)
    path = csv or prepare(usable(places.state, places.cache)) / "demo.csv"
    check_writable(path)
    session, measured = measure_all([request], cache_dir)
    if measured:
        _print_plane(measured, request, cache_dir)
        points = (point for measurements in measured for point in points_of(measurements))
        write_text(path, points_text(points, CachedCurves(Cache(places.cache)).of_row))
        show(os.path.abspath(path))
    return session.exit_code


def _print_plane(measured: list[CheckpointMeasurements], request: MeasurementRequest, cache_dir: Path | None) -> None:
    from ib_explorer.cli.plot import print_charts
    from ib_explorer.drawing.charts import plane_chart
    from ib_explorer.drawing.plane import plane
    from ib_explorer.drawing.view import View

    jobs = [
        ("demo", partial(ComputeBound, request=request, granularity="token", bound=bound.name))
        for bound in (IB, HELD_OUT)
    ]
    found = run_jobs(jobs, cache_dir, "cpu")
    ready = [event for event in found.events if isinstance(event, BoundReady)]
    cache = Cache(locations(cache_dir).cache)
    _, curves = found.read(ready, lambda event: cache.curves.load(event.key))
    drawn = {curve.conditionals: curve for curve in curves}
    both = (drawn.get(bound.curve.name) for bound in (IB, HELD_OUT))
    print_charts([plane_chart(plane(measured, View(), *both))])
