"""Model references (hub ids and folders), resolved to the revisions to measure, without torch."""

from __future__ import annotations

import re
from pathlib import Path

from estimator.checkpoints import hub
from estimator.checkpoints.download import download
from estimator.checkpoints.folders import check_model_folder, content_files, folder_revisions, is_local
from estimator.checkpoints.hub_client import is_commit
from estimator.checkpoints.names import in_training_order, parse_checkpoint, select
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError
from estimator.progress import Progress

__all__ = [
    "begin_downloads",
    "content_files",
    "is_local",
    "list_revisions",
    "model_folder",
    "resolve",
    "split_reference",
]


def split_reference(reference: str) -> tuple[str, str | None]:
    """``MODEL@REV`` as model and revision (None without ``@REV``); an existing folder with ``@`` in its name wins.

    Raises :class:`InputError` when either side of the ``@`` is empty.
    """
    places = [match.start() for match in re.finditer("@", reference)]
    if not places or Path(reference).expanduser().is_dir():
        return reference, None
    folders = [place for place in places if Path(reference[:place]).expanduser().is_dir()]
    place = folders[-1] if folders else places[-1] if is_local(reference) else places[0]
    model, revision = reference[:place], reference[place + 1 :]
    if not model:
        raise InputError("model", f"{reference!r} names no model: write MODEL@REVISION.")
    if not revision:
        raise InputError("revision", f"{reference!r} names no revision after the @.")
    return model, revision


def list_revisions(model: str, progress: Progress) -> list[Revision]:
    """All revisions of a hub id or local folder, in training order; if the hub is out of reach, the cached ones.

    Raises :class:`InputError`: ``"model"``, ``"access"``, ``"hub"``, ``"config"``, ``"weights"``; and
    :class:`MeasurementError` (``"network"``) if the hub is out of reach and nothing is cached.
    """
    if is_local(model):
        return folder_revisions(model)
    return in_training_order(parse_checkpoint(model, name, commit) for name, commit in hub.list_refs(model, progress))


def resolve(model: str, selection: str | None, progress: Progress) -> list[Revision]:
    """The revisions that ``selection`` matches, in training order; None is ``main``, or a run's last checkpoint.

    Raises :class:`InputError` as :func:`list_revisions` does, and ``"revision"`` when nothing matches.
    """
    progress.phase("resolve", 0, None, "revisions")
    revisions = list_revisions(model, progress)
    if selection is None:
        chosen = [next((revision for revision in revisions if revision.name == "main"), revisions[-1])]
    else:
        chosen = _selected(model, revisions, selection, progress)
    progress.phase("resolve", len(chosen), len(chosen), "revisions")
    return chosen


def begin_downloads() -> None:
    """Begin a job: the hub is waited for again if it was out of reach in an earlier one."""
    hub.PATIENCE.renew()


def model_folder(revision: Revision, progress: Progress, *, weights: bool = True, pickles: bool = True) -> Path:
    """The local folder of a revision's files, downloaded if necessary; see :func:`download.download`."""
    if revision.folder is not None:
        return Path(revision.folder)
    return download(revision, progress, weights=weights, pickles=pickles)


def _selected(model: str, revisions: list[Revision], selection: str, progress: Progress) -> list[Revision]:
    try:
        return select(revisions, selection)
    except InputError:
        if is_local(model):
            folder = Path(model).expanduser() / selection
            if folder.is_dir():
                check_model_folder(folder)
        elif is_commit(selection) and hub.commit_exists(model, selection, progress):
            return [parse_checkpoint(model, selection, selection)]
        raise
