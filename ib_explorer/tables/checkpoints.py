"""Checkpoints as a table: one row per revision."""

from __future__ import annotations

from estimator.checkpoints.revision import Revision

COLUMNS = ("model", "revision", "commit", "stage", "ingredient", "step", "tokens")


def revision_row(revision: Revision) -> tuple[object, ...]:
    """A revision as a row of :data:`COLUMNS`."""
    return tuple(getattr(revision, "name" if column == "revision" else column) for column in COLUMNS)
