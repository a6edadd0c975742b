"""``ib-explorer checkpoints``: list a model's checkpoints with their size and state."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import click

from cache import Cache
from cache.locations import locations
from estimator.checkpoints.catalogue import facts
from estimator.checkpoints.resolve import split_reference
from estimator.checkpoints.revision import Revision, Sizes
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.outlet import show, write_data
from ib_explorer.cli.reading import outcome
from ib_explorer.cli.session import Session, run_jobs
from ib_explorer.tables.checkpoints import COLUMNS, Listed, listed, shown
from ib_explorer.tables.csv import table_text
from ib_explorer.worker.messages import ListRevisions, Revisions, RevisionSizes


@click.command("checkpoints")
@click.argument("model", metavar="MODEL[@REVISION]")
@click.option("--json", "as_json", is_flag=True, help="write a JSON list")
@cache_dir_option
def command(model: str, as_json: bool, cache_dir: Path | None) -> int:
    """List the checkpoints of a model in training order, with size and state; @REVISION selects as in measure.

    A table on a terminal, CSV elsewhere.
    """
    name, selection = split_reference(model)
    known = facts(name)  # a damaged catalogue is reported before a process starts
    job = (name, partial(ListRevisions, model=name, revision=selection, sizes=True))
    session = run_jobs([job], cache_dir, "cpu")
    if session.failures:
        return session.exit_code
    cache = Cache(locations(cache_dir).cache)
    found = _listed(session, cache)
    if as_json:
        write_data(json.dumps([dict(zip(COLUMNS, one.row, strict=True)) for one in found], indent=1) + "\n")
    elif sys.stdout.isatty():
        show(*shown(found, known))
    else:
        write_data(table_text(COLUMNS, (one.row for one in found)))
    return outcome(cache, session.exit_code)


def _listed(session: Session, cache: Cache) -> list[Listed]:
    """The job's answer, with what the cache has of its checkpoints."""
    revisions = [
        Revision(**fields) for event in session.events if isinstance(event, Revisions) for fields in event.revisions
    ]
    sizes = next(
        Sizes(event.local, event.typical, event.typical_of)
        for event in session.events
        if isinstance(event, RevisionSizes)
    )
    models = {revision.model for revision in revisions}
    failures = {(model, name): why for model in models for name, why in cache.failures.of(model).items()}
    records = [record for record in cache.measurements.all() if record.model in models]
    return listed(revisions, sizes, records, failures)
