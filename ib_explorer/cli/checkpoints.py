"""``ib-explorer checkpoints``: list a model's revisions."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from estimator.checkpoints.resolve import split_reference
from estimator.checkpoints.revision import Revision
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.outlet import write_data
from ib_explorer.cli.session import run_jobs
from ib_explorer.tables.checkpoints import COLUMNS, revision_row
from ib_explorer.tables.csv import table_text
from ib_explorer.worker.messages import ListRevisions, Revisions


@click.command("checkpoints")
@click.argument("model", metavar="MODEL[@REVISION]")
@cache_dir_option
def command(model: str, cache_dir: Path | None) -> int:
    """List the revisions of a model in training order, as CSV; @REVISION selects among them as in measure."""
    name, selection = split_reference(model)
    job = (name, partial(ListRevisions, model=name, revision=selection))
    session = run_jobs([job], cache_dir, "cpu")
    revisions = [
        Revision(**fields) for event in session.events if isinstance(event, Revisions) for fields in event.revisions
    ]
    if revisions or not session.failures:
        write_data(table_text(COLUMNS, map(revision_row, revisions)))
    return session.exit_code
