"""``ib-explorer export``: the CSV of what is cached."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from estimator.errors import InputError
from estimator.measurement import GRANULARITIES, VARIANTS, WEIGHTS
from estimator.preference import PREFERENCE
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.kept import canonical_temperature, kept_measurements, kept_preferences
from ib_explorer.tables.measurements import COLUMNS, check_writable, row_values, rows_of, table_text, write_text
from ib_explorer.tables.preference import preference_values


@click.command("export")
@click.option("--model", "models", multiple=True, metavar="MODEL", help="Only this model; may be repeated.")
@click.option("--layer", "layers", metavar="LAYERS", help="Only these layers: all (1 to the depth), mean, or 0,3,5-8.")
@click.option("--granularity", type=click.Choice((*GRANULARITIES, PREFERENCE)), help="Only these labels.")
@click.option("--temperature", metavar="RULE", help="Only this temperature rule, as passed to measure.")
@click.option("--weights", type=click.Choice(WEIGHTS), help="Only these weights of labels.")
@click.option("--min-count", type=int, metavar="N", help="Only uniform weights with this minimum label count.")
@click.option("--variant", type=click.Choice(VARIANTS), help="Only this variant of hidden states.")
@click.option(
    "--csv", type=click.Path(path_type=Path), help="Write the rows to this file, and only its path to stdout."
)
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
) -> None:
    """Write what has been measured as CSV: all of the plane, or what the filters leave; preference if asked for."""
    granularities = None if granularity is None else (granularity,)
    temperatures = None if temperature is None else (canonical_temperature(temperature),)
    chosen_weights = None if weights is None else (weights,)
    variants = None if variant is None else (variant,)
    rows: list[list[object]] = []
    if granularity == PREFERENCE:
        for found in kept_preferences(cache_dir, models):
            rows += preference_values(found, layers, temperatures, chosen_weights)
    else:
        for measurements in kept_measurements(cache_dir, models):
            fitting = rows_of(measurements, layers, granularities, temperatures, chosen_weights, variants, min_count)
            rows += [row_values(*row) for row in fitting]
    if not rows:
        raise InputError("filter", "No measured point fits these filters: leave one out to see what there is.")
    if csv is None:
        sys.stdout.write(table_text(COLUMNS, rows))
    else:
        check_writable(csv)
        write_text(csv, table_text(COLUMNS, rows))
        print(csv)
