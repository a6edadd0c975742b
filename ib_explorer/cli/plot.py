"""``ib-explorer plot``: the plane of what is cached, or its preference information, drawn with characters."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Literal

import click

from estimator.bottleneck.bounds import BOUNDS, IB
from estimator.errors import InputError
from estimator.measurement import MIN_COUNT, VARIANTS, WEIGHTS, Layer, Variant, Weights
from estimator.text.kinds import LABELS
from estimator.values import VALUES
from ib_explorer.cli.cached import cached_curve, cached_measurements, canonical_temperature
from ib_explorer.cli.entries import EntryName, described
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.drawing.plane import View, plane

WITHOUT_TERMINAL = (100, 32)
"""Width and height of a picture that goes to a pipe or a file."""


@click.command("plot")
@click.option("--model", "models", multiple=True, metavar="MODEL", help="Only this model; may be repeated.")
@click.option(
    "--layer", default="mean", show_default=True, metavar="LAYER", help="Layer to draw: mean, each, or a number."
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
    models: tuple[str, ...],
    layer: str,
    granularity: str,
    temperature: str,
    weights: Weights,
    min_count: int,
    variant: Variant,
    preset: str,
    bound: str,
    width: int | None,
    height: int | None,
    cache_dir: Path | None,
) -> None:
    """Draw cached measurements on the information plane, in colour on a terminal unless NO_COLOR is set.

    Labels with one side, such as preference, are drawn over training steps.
    """
    from ib_explorer.drawing.picture import draw_plane

    view = View(
        _layer(layer),
        granularity,
        canonical_temperature(temperature),
        weights,
        preset,
        variant,
        min_count,
        bound,
    )
    measured = [found for found in cached_measurements(cache_dir, models) if view.shows(found)]
    drawn = plane(measured, view, cached_curve(cache_dir, measured, granularity, view.drawn_bound.curve))
    if not drawn.points:
        raise InputError(
            "filter", "No cached measurement matches this view: list what is cached with ib-explorer export."
        )
    columns, lines = _size()
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(draw_plane(drawn, width or columns, height or lines, colour=colour, selected=None))


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
    return max(columns, 20), max(lines - 1, 10)
