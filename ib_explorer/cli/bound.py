"""``ib-explorer bound``: what any encoding of a text's labels alone can keep of what follows them."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from cache import Cache
from cache.locations import locations
from estimator.checkpoints.resolve import split_reference
from estimator.curve import BOUND_KINDS, BoundCurve, BoundKind, Conditionals
from estimator.errors import InputError
from estimator.measurement import GRANULARITIES
from estimator.preference import PREFERENCE
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.session import run_jobs
from ib_explorer.cli.settings import measurement_options
from ib_explorer.config import Settings, request_from
from ib_explorer.options import option
from ib_explorer.tables.measurements import table_text
from ib_explorer.worker.messages import Bound, BoundReady

COLUMNS = (
    "granularity",
    "bound",
    "conditionals",
    "rate_bits",
    "relevance_bits",
    "beta",
    "complexity",
    "expressivity",
    "positions",
    "input_labels",
    "output_labels",
    "one_successor",
    "input_entropy_bits",
    "mutual_information_bits",
)

LABELS = replace(
    option("granularity"),
    help=f"N-grams to compute a curve for, from {', '.join(GRANULARITIES)}.",
    own_default=("token",),
)


@click.command("bound")
@click.option("--tokenizer", required=True, metavar="MODEL[@REVISION]", help="The model whose tokens are counted.")
@measurement_options("corpus", "text-column", "documents", "max-length", "granularity", "anchors", own=(LABELS,))
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(BOUND_KINDS),
    multiple=True,
    default=("ib",),
    show_default=True,
    help="diagonal: I(X;T) itself; dpi: that and I(X;Y); ib: the IB curve. May be repeated.",
)
@click.option(
    "--held-out",
    is_flag=True,
    help="Hold p(y|x) against other documents: each context is trusted as far as half of the documents, through the "
    "other half's eyes, bears it out, and shorter contexts take the rest.",
)
@cache_dir_option
def command(
    tokenizer: str,
    kinds: tuple[BoundKind, ...],
    held_out: bool,
    cache_dir: Path | None,
    settings: Settings,
) -> int:
    """Compute the information-bottleneck curve of a text, as CSV.

    The curve is the largest I(Y;T) that any encoding T of the current tokens X alone can have at a given I(X;T): in
    bits, and divided by log2 of the number of anchors as it is drawn on the plane. A layer that sees more than X may
    cross it. Wide labels mostly occur once, and then the curve is the diagonal: --held-out shows what of it would hold
    in other documents.
    """
    conditionals: Conditionals = "held-out" if held_out else "raw"
    labels = settings["granularity"]
    if PREFERENCE in labels.value:
        raise InputError(
            "granularity",
            f"Preference has no bound, but it is the granularity set ({labels.source}): choose --granularity token.",
        )
    request = request_from(settings, *split_reference(tokenizer))
    jobs = [
        (
            f"{request.model} {granularity}",
            partial(Bound, request=request, granularity=granularity, conditionals=conditionals),
        )
        for granularity in request.granularities
        if granularity != PREFERENCE
    ]
    session = run_jobs(jobs, cache_dir, "cpu")
    kept = Cache(locations(cache_dir).cache).curves
    curves = [kept.load(event.key) for event in session.events if isinstance(event, BoundReady)]
    found = [curve for curve in curves if curve is not None]
    for curve in found:
        print(summary(curve), file=sys.stderr)
    if found:
        bits = math.log2(request.anchors)
        rows = [row for curve in found for kind in dict.fromkeys(kinds) for row in _rows(curve, kind, bits)]
        sys.stdout.write(table_text(COLUMNS, rows))
    return session.exit_code


def summary(curve: BoundCurve) -> str:
    """What a reader must know to trust the curve, in one line."""
    return (
        f"{curve.granularity} ({curve.conditionals}): {curve.positions} positions, {curve.input_labels} inputs, "
        f"{curve.output_labels} outputs; "
        f"{curve.one_successor:.0%} of the positions follow an input with one observed successor; "
        f"H(X) = {curve.input_entropy:.3f}, I(X;Y) = {curve.mutual_information:.3f} bits"
    )


def _rows(curve: BoundCurve, kind: BoundKind, bits: float) -> list[tuple[object, ...]]:
    corners = curve.line(kind)
    betas = curve.beta if kind == "ib" else (None,) * len(corners)
    about = (
        curve.positions,
        curve.input_labels,
        curve.output_labels,
        curve.one_successor,
        curve.input_entropy,
        curve.mutual_information,
    )
    return [
        (curve.granularity, kind, curve.conditionals, rate, relevance, beta, rate / bits, relevance / bits, *about)
        for (rate, relevance), beta in zip(corners, betas, strict=True)
    ]
