"""``ib-explorer export``: the cached measurements as CSV."""

from __future__ import annotations

from pathlib import Path

import click

from cache import Cache
from cache.locations import locations
from estimator.errors import InputError
from estimator.measurement import VARIANTS, WEIGHTS
from estimator.text.kinds import LABELS
from ib_explorer.cached import CachedCurves, cached_measurements, canonical_temperature, reading
from ib_explorer.cli.entries import EntryName
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.outlet import show, write_data
from ib_explorer.cli.reading import outcome
from ib_explorer.tables.csv import check_writable, write_text
from ib_explorer.tables.measurements import points_of, points_text


@click.command("export")
@click.option("--model", "models", multiple=True, metavar="MODEL", help="Only this model; may be repeated.")
@click.option("--layer", "layers", metavar="LAYERS", help="Only these layers: all (1 to the depth), mean, or 0,3,5-8.")
@click.option("--granularity", type=EntryName(LABELS), help="Only these labels.")
@click.option("--temperature", metavar="RULE", help="Only this temperature rule, as passed to measure.")
@click.option("--weights", type=click.Choice(WEIGHTS), help="Only these label weights.")
@click.option("--min-count", type=int, metavar="N", help="Only uniform weights with this minimum label count.")
@click.option("--variant", type=click.Choice(VARIANTS), help="Only this variant of the hidden states.")
@click.option("--csv", type=click.Path(path_type=Path), help="Write the rows to this file, and print its path.")
@cache_dir_option
def command(
    models: tuple[str, ...],
    layers: str | None,
    granularity: str | None,
    temperature: str | None,
    weights: str | None,
    min_count: int | None,
    variant: str | None,
    csv: Path | None,
    cache_dir: Path | None,
) -> int:
    """Export cached measurements as CSV: all of them, or those that match the filters."""
    granularities = None if granularity is None else (granularity,)
    temperatures = None if temperature is None else (canonical_temperature(temperature),)
    chosen_weights = None if weights is None else (weights,)
    variants = None if variant is None else (variant,)
    filters = layers, granularities, temperatures, chosen_weights, variants, min_count
    cache = Cache(locations(cache_dir).cache)
    with reading(cache):
        points = [point for found in cached_measurements(cache, models) for point in points_of(found, *filters)]
        if not points:
            raise InputError(
                "filter", "No cached measurement matches these filters: leave one out to see what is cached."
            )
        text = points_text(points, CachedCurves(cache).of_row)
    if csv is None:
        write_data(text)
    else:
        check_writable(csv)
        write_text(csv, text)
        show(str(csv))
    return outcome(cache)
