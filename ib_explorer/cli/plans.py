"""Plans of sweeps on the command line: made for hub models, and confirmed on a terminal if much is to be fetched."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import click

from cache.files import in_words
from estimator.checkpoints.folders import is_local
from estimator.request import MeasurementRequest
from ib_explorer.cli.outlet import say
from ib_explorer.cli.session import PendingJob, Planning
from ib_explorer.plan import SweepPlan
from ib_explorer.work.demo_run import DEMO
from ib_explorer.worker.messages import PlanSweep

ASK_ABOVE = 50 * 10**9
"""Bytes to fetch above which a terminal asks before it begins."""

yes_option = click.option(
    "--yes", is_flag=True, help=f"Do not ask before fetching more than {in_words(ASK_ABOVE)} on a terminal."
)


def planning(requests: Sequence[MeasurementRequest], *, yes: bool, keep: bool = False) -> Planning:
    """The planning of a command's requests for hub models; ``keep`` plans downloads that are kept."""
    jobs: dict[int, PendingJob] = {
        place: partial(PlanSweep, request=request, keep=keep)
        for place, request in enumerate(requests)
        if request.model != DEMO and not is_local(request.model)
    }
    return Planning(jobs, _accepted if yes or not sys.stdin.isatty() else _confirmed)


def _accepted(_: Sequence[SweepPlan]) -> bool:
    return True


def _confirmed(plans: Sequence[SweepPlan]) -> bool:
    fetch = sum(plan.fetch for plan in plans)
    if fetch <= ASK_ABOVE or click.confirm(f"Fetch {in_words(fetch)}?", err=True):
        return True
    say("Nothing was fetched: choose fewer checkpoints, for example MODEL@log:4.")
    return False
