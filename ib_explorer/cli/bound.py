"""``ib-explorer bound``: the information-bottleneck curve of a text."""

from __future__ import annotations

import math
import sys
from functools import partial
from pathlib import Path

import click

from cache import Cache
from cache.locations import locations
from estimator.curve import BoundCurve
from estimator.errors import InputError
from estimator.models import split_reference
from estimator.preference import PREFERENCE
from ib_explorer.cli.folders import cache_dir_option, chosen_cache_dir
from ib_explorer.cli.session import run_jobs
from ib_explorer.cli.settings import chosen_settings, measurement_options
from ib_explorer.config import request_from
from ib_explorer.export import table_text
from ib_explorer.worker.messages import Bound, BoundReady

COLUMNS = ("granularity", "rate_bits", "relevance_bits", "beta", "complexity", "expressivity")


@click.command("bound")
@click.option("--tokenizer", required=True, metavar="MODEL[@REVISION]", help="The model whose tokens are counted.")
@measurement_options("corpus", "text-column", "documents", "max-length", "granularity", "anchors")
@cache_dir_option
@click.pass_context
def command(ctx: click.Context, tokenizer: str, cache_dir: Path | None, **given: str | None) -> int:
    """Compute the information-bottleneck curve of a text, as CSV.

    The curve is the largest I(Y;T) that any encoding T of the current tokens X alone can have at a given I(X;T): in
    bits, and divided by log2 of the number of anchors as it is drawn on the plane.
    """
    given["granularity"] = given["granularity"] or "token"
    request = request_from(chosen_settings(given), *split_reference(tokenizer))
    jobs = [
        (f"{request.model} {granularity}", partial(Bound, request=request, granularity=granularity))
        for granularity in request.granularities
        if granularity != PREFERENCE
    ]
    if not jobs:
        raise InputError("granularity", "Preference has no bound: it is one value, and no point of the plane.")
    folder = chosen_cache_dir(ctx, cache_dir)
    session = run_jobs(jobs, folder, "cpu")
    kept = Cache(locations(folder).cache).curves
    curves = [kept.load(event.key) for event in session.events if isinstance(event, BoundReady)]
    found = [curve for curve in curves if curve is not None]
    for curve in found:
        print(summary(curve), file=sys.stderr)
    if found:
        rows = [row for curve in found for row in _rows(curve, math.log2(request.anchors))]
        sys.stdout.write(table_text(COLUMNS, rows))
    return session.exit_code


def summary(curve: BoundCurve) -> str:
    """What a reader must know to trust the curve, in one line."""
    return (
        f"{curve.granularity}: {curve.positions} positions, {curve.input_labels} inputs, "
        f"{curve.output_labels} outputs; "
        f"{curve.one_successor:.0%} of the positions follow an input with one observed successor; "
        f"H(X) = {curve.input_entropy:.3f}, I(X;Y) = {curve.mutual_information:.3f} bits"
    )


def _rows(curve: BoundCurve, bits: float) -> list[tuple[object, ...]]:
    return [
        (curve.granularity, rate, relevance, beta, rate / bits, relevance / bits)
        for rate, relevance, beta in zip(curve.rate, curve.relevance, curve.beta, strict=True)
    ]
