"""``ib-explorer plot``: cached measurements as text: the plane, or information over layers or training."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from cache import Cache
from cache.locations import locations
from estimator.bottleneck.bounds import BOUNDS, IB
from estimator.checkpoints.tree import in_training_order
from estimator.errors import InputError
from estimator.measurement import MIN_COUNT, VARIANTS, WEIGHTS, CheckpointMeasurements, Layer, Variant, Weights
from estimator.text.kinds import LABELS
from estimator.values import VALUES
from ib_explorer.cached import CachedCurves, cached_measurements, canonical_temperature, reading
from ib_explorer.cli.entries import EntryName, described
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.outlet import show_picture
from ib_explorer.cli.reading import outcome
from ib_explorer.drawing.charts import Chart
from ib_explorer.drawing.kinds import KINDS, charts_of
from ib_explorer.drawing.trajectories import revision_of
from ib_explorer.drawing.view import CONTEXT, X_AXES, View, XAxis

WITHOUT_TERMINAL = (100, 32)
"""Width and height of a picture that is written to a pipe or a file."""


@click.command("plot")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default=KINDS[0],
    show_default=True,
    help="Picture to draw: the information plane, information over the layers of one checkpoint, "
    "or information over training steps.",
)
@click.option("--model", "models", multiple=True, metavar="MODEL", help="Only this model; may be repeated.")
@click.option("--checkpoint", metavar="NAME", help="Only this checkpoint (default for --kind layers: the last).")
@click.option(
    "--layer",
    default="mean",
    show_default=True,
    metavar="LAYER",
    help="Layer to draw: mean, each, or a number (--kind layers draws all).",
)
@click.option(
    "--granularity",
    type=EntryName(LABELS),
    default="token",
    show_default=True,
    help="Labels to draw.",
)
@click.option(
    "--temperature",
    default="exact",
    show_default=True,
    metavar="RULE",
    help="Temperature rule to draw, as passed to measure.",
)
@click.option(
    "--weights",
    type=click.Choice(WEIGHTS),
    default="frequency",
    show_default=True,
    help="Label weights to draw.",
)
@click.option(
    "--min-count",
    type=int,
    default=MIN_COUNT,
    show_default=True,
    metavar="N",
    help="Minimum label count for uniform weights.",
)
@click.option(
    "--variant", type=click.Choice(VARIANTS), default="raw", show_default=True, help="Variant of the hidden states."
)
@click.option(
    "--preset",
    type=EntryName(VALUES),
    default=next(iter(VALUES)),
    show_default=True,
    help=f"Value to draw. {described(VALUES.values())}.",
)
@click.option(
    "--bound",
    type=EntryName(BOUNDS),
    default=IB.name,
    show_default=True,
    help=f"Bound to draw, if its curve is cached. {described(BOUNDS.values())}.",
)
@click.option(
    "--x",
    type=click.Choice(X_AXES),
    default=X_AXES[0],
    show_default=True,
    help=f"Information on the x axis: that of the labels, or {CONTEXT}, where the diagonal bounds every point.",
)
@click.option(
    "--width",
    type=click.IntRange(20, 1000),
    help=f"Width in columns (default: that of the terminal, or {WITHOUT_TERMINAL[0]} without one).",
)
@click.option(
    "--height",
    type=click.IntRange(10, 1000),
    help=f"Height in lines (default: that of the terminal, or {WITHOUT_TERMINAL[1]} without one).",
)
@cache_dir_option
def command(
    kind: str,
    models: tuple[str, ...],
    checkpoint: str | None,
    layer: str,
    granularity: str,
    temperature: str,
    weights: Weights,
    min_count: int,
    variant: Variant,
    preset: str,
    bound: str,
    x: XAxis,
    width: int | None,
    height: int | None,
    cache_dir: Path | None,
) -> int:
    """Draw cached measurements as text, in colour on a terminal unless NO_COLOR is set.

    Labels with one side, such as preference, have no plane: --kind plane draws their information over training.
    """
    view = View(
        _layer(layer),
        granularity,
        canonical_temperature(temperature),
        weights,
        preset,
        variant,
        min_count,
        bound,
        x,
    )
    if view.x == "context" and view.is_over_training:
        raise InputError("x", f"--x context needs labels with two sides, which {granularity} does not have: omit it.")
    cache = Cache(locations(cache_dir).cache)
    with reading(cache):
        measured = [found for found in cached_measurements(cache, models) if view.shows(found)]
        if checkpoint is not None:
            measured = _named(measured, checkpoint)
        charts = charts_of(kind, measured, view, *CachedCurves(cache).drawn(measured, view))
        if not any(chart.series for chart in charts):
            raise InputError(
                "filter", "No cached measurement matches this view: list what is cached with ib-explorer export."
            )
    print_charts(charts, width, height)
    return outcome(cache)


def print_charts(charts: Sequence[Chart], width: int | None = None, height: int | None = None) -> None:
    """Print the charts in the size and colours of stdout: a terminal, a pipe or a file."""
    from ib_explorer.drawing.text_plot import draw

    columns, lines = _size()
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    show_picture(draw(charts, width or columns, height or lines, colour=colour))


def _named(measured: Sequence[CheckpointMeasurements], name: str) -> list[CheckpointMeasurements]:
    found = [one for one in measured if one.revision == name]
    if measured and not found:
        known = ", ".join(revision.name for revision in in_training_order({revision_of(one) for one in measured}))
        raise InputError("checkpoint", f"No measured checkpoint is named {name!r}: choose from {known}.")
    return found


def _layer(text: str) -> Layer | Literal["each"]:
    if text == "mean":
        return "mean"
    if text == "each":
        return "each"
    if text.isdecimal():
        return int(text)
    raise InputError("layers", f"{text!r} is not a layer to draw: give mean, each, or one number.")


def _size() -> tuple[int, int]:
    if not sys.stdout.isatty():
        return WITHOUT_TERMINAL
    columns, lines = shutil.get_terminal_size(WITHOUT_TERMINAL)
    return columns, lines - 1
