"""``ib-explorer bound``: how well any encoding of a text's labels alone can predict what follows them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from cache import Cache
from cache.locations import locations
from estimator.bottleneck import bounds
from estimator.checkpoints.resolve import split_reference
from estimator.curve import BoundCurve
from estimator.errors import InputError
from estimator.text.kinds import NGRAMS
from ib_explorer.cli.entries import EntryName, described
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.outlet import say, write_data
from ib_explorer.cli.session import run_jobs
from ib_explorer.cli.settings import measurement_options
from ib_explorer.config import Settings, request_from
from ib_explorer.options import option
from ib_explorer.tables.bounds import COLUMNS, corner_rows
from ib_explorer.tables.csv import table_text
from ib_explorer.worker.messages import BoundReady, ComputeBound

LABELS = replace(
    option("granularity"),
    description=f"Labels to compute the curve for: {', '.join(NGRAMS)}, or another kind with two sides.",
    own_default=("token",),
)


@click.command("bound")
@click.option("--tokenizer", required=True, metavar="MODEL[@REVISION]", help="Model whose tokenizer splits the text.")
@measurement_options("corpus", "text-column", "documents", "max-length", "granularity", "anchors", own=(LABELS,))
@click.option(
    "--kind",
    "kinds",
    type=EntryName(bounds.BOUNDS),
    multiple=True,
    default=(bounds.IB.name,),
    show_default=True,
    help=f"Bound to print; may be repeated. {described(bounds.BOUNDS.values())}.",
)
@click.option(
    "--held-out",
    is_flag=True,
    help="Estimate p(y|x) by held-out (Jelinek–Mercer) interpolation with shorter contexts instead of counting "
    "it on the sample; the weights are those that best predict one half of the documents from the other.",
)
@cache_dir_option
def command(
    tokenizer: str,
    kinds: tuple[str, ...],
    held_out: bool,
    cache_dir: Path | None,
    settings: Settings,
) -> int:
    """Compute the information-bottleneck curve of a text, as CSV.

    The curve is the largest I(Y;T) of any encoding T of the current tokens X alone at a given I(X;T). It is written in
    bits and, as drawn on the plane, divided by log2 of the number of anchors. A layer that sees more than X may exceed
    it. Wide labels mostly occur once, and the curve then approaches the diagonal; --held-out shows how much of it
    holds for other documents.
    """
    request, labels = request_from(settings, *split_reference(tokenizer)), settings["granularity"]
    if one_sided := [kind.name for kind in request.kinds if not kind.is_two_sided]:
        raise InputError(
            "granularity",
            f"The granularity {one_sided[0]} ({labels.source}) has no bound: "
            "choose n-grams, such as --granularity token.",
        )
    sources = {bound: _source(bound, held_out) for bound in map(bounds.BOUNDS.find, kinds)}
    curves = {source.curve: source.name for source in sources.values()}
    jobs = [
        (f"{request.model} {granularity}", partial(ComputeBound, request=request, granularity=granularity, bound=bound))
        for granularity in request.granularities
        for bound in curves.values()
    ]
    session = run_jobs(jobs, cache_dir, "cpu")
    ready = [event for event in session.events if isinstance(event, BoundReady)]
    cache = Cache(locations(cache_dir).cache)
    session, found = session.read(ready, lambda event: cache.curves.load(event.key))
    for curve in found:
        say(summary(curve))
    if found:
        rows = [
            row
            for curve in found
            for bound, source in sources.items()
            if source.curve.name == curve.conditionals
            for row in corner_rows(curve, bound, request.anchors)
        ]
        write_data(table_text(COLUMNS, rows))
    return session.exit_code


def summary(curve: BoundCurve) -> str:
    """A one-line summary of what a reader needs to judge the curve."""
    return (
        f"{curve.granularity} ({curve.conditionals}): {curve.positions} positions, {curve.input_labels} inputs, "
        f"{curve.output_labels} outputs; "
        f"{curve.one_successor:.0%} of the positions follow an input with one observed successor; "
        f"H(X) = {curve.input_entropy:.3f}, I(X;Y) = {curve.mutual_information:.3f} bits"
    )


def _source(bound: bounds.Bound, held_out: bool) -> bounds.Bound:
    """The bound to compute ``bound`` from: with ``held_out``, the held-out one replaces those of the raw curve."""
    return bounds.HELD_OUT if held_out and bound.curve is bounds.RAW else bound
