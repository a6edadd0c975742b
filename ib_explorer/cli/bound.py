"""``ib-explorer bound``: how well any encoding of a text's labels alone can predict what follows them."""

from __future__ import annotations

import sys
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
from ib_explorer.cli.session import run_jobs
from ib_explorer.cli.settings import measurement_options
from ib_explorer.config import Settings, request_from
from ib_explorer.options import option
from ib_explorer.tables.bounds import COLUMNS, corner_rows
from ib_explorer.tables.csv import table_text
from ib_explorer.worker.messages import BoundReady, ComputeBound

LABELS = replace(
    option("granularity"),
    description=f"Labels to compute a curve for: {', '.join(NGRAMS)}, or others with two sides.",
    own_default=("token",),
)


@click.command("bound")
@click.option("--tokenizer", required=True, metavar="MODEL[@REVISION]", help="The model whose tokens are counted.")
@measurement_options("corpus", "text-column", "documents", "max-length", "granularity", "anchors", own=(LABELS,))
@click.option(
    "--kind",
    "kinds",
    type=EntryName(bounds.BOUNDS),
    multiple=True,
    default=(bounds.IB.name,),
    show_default=True,
    help=f"The bound to print; may be repeated. {described(bounds.BOUNDS.values())}.",
)
@click.option(
    "--held-out",
    is_flag=True,
    help="Take every bound of the sample's own p(y|x) from held-out (Jelinek–Mercer) p(y|x) instead: each context "
    "counts as far as one half of the documents confirms the other, and shorter contexts take the rest.",
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

    The curve is the largest I(Y;T) that any encoding T of the current tokens X alone can have at a given I(X;T): in
    bits, and divided by log2 of the number of anchors as it is drawn on the plane. A layer that sees more than X may
    cross it. Wide labels mostly occur once, and then the curve is the diagonal: --held-out shows what of it would hold
    in other documents.
    """
    request, labels = request_from(settings, *split_reference(tokenizer)), settings["granularity"]
    if one_sided := [kind.name for kind in request.kinds if not kind.is_two_sided]:
        raise InputError(
            "granularity",
            f"{one_sided[0]} labels have no bound, but they are the granularity set ({labels.source}): "
            "choose --granularity token.",
        )
    sources = {bound: _source(bound, held_out) for bound in map(bounds.BOUNDS.find, kinds)}
    curves = {source.curve: source.name for source in sources.values()}
    jobs = [
        (f"{request.model} {granularity}", partial(ComputeBound, request=request, granularity=granularity, bound=bound))
        for granularity in request.granularities
        for bound in curves.values()
    ]
    session = run_jobs(jobs, cache_dir, "cpu")
    cached = Cache(locations(cache_dir).cache).curves
    loaded = [cached.load(event.key) for event in session.events if isinstance(event, BoundReady)]
    found = [curve for curve in loaded if curve is not None]
    for curve in found:
        print(summary(curve), file=sys.stderr)
    if found:
        rows = [
            row
            for curve in found
            for bound, source in sources.items()
            if source.curve.name == curve.conditionals
            for row in corner_rows(curve, bound, request.anchors)
        ]
        sys.stdout.write(table_text(COLUMNS, rows))
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
