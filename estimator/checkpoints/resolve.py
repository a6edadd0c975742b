"""Model references (hub ids and folders), resolved to the revisions to measure, without torch."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from estimator.checkpoints import hub
from estimator.checkpoints.catalogue import facts
from estimator.checkpoints.download import download
from estimator.checkpoints.folders import check_model_folder, content_files, folder_revisions, is_local, left_out
from estimator.checkpoints.hub_client import is_commit
from estimator.checkpoints.listings import Listings
from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.selectors import select
from estimator.checkpoints.tree import in_training_order
from estimator.errors import InputError, MeasurementError
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


def list_revisions(model: str, progress: Progress, listings: Listings | None = None) -> list[Revision]:
    """All revisions of a hub id or local folder, in training order; if the hub is out of reach, those last listed.

    Checkpoints in further repositories of the model (the catalogue's ``also``) are among them; a note names a
    repository that cannot be listed. Raises :class:`InputError`: ``"model"``, ``"access"``, ``"hub"``, ``"config"``,
    ``"weights"``; and :class:`MeasurementError` (``"network"``) if the hub is out of reach and nothing is cached.
    """
    if is_local(model):
        return _in_folder(model, progress)
    return _with_joined(model, _listed(model, progress, listings), progress, listings)


def resolve(model: str, selection: str | None, progress: Progress, listings: Listings | None = None) -> list[Revision]:
    """The revisions that ``selection`` matches, in training order; None is ``main``, or a run's last checkpoint.

    Raises :class:`InputError` as :func:`list_revisions` does, and ``"revision"`` when nothing matches.
    """
    progress.phase("resolve", 0, None, "revisions")
    revisions = _in_folder(model, progress) if is_local(model) else _listed(model, progress, listings)
    if selection is None:
        chosen = [next((revision for revision in revisions if revision.name == "main"), revisions[-1])]
        if chosen[0].kind == "none":
            raise InputError(
                "revision", f"main of {model} holds no model: name a checkpoint, such as {model}@{revisions[0].name}."
            )
    elif named := [revision for revision in revisions if revision.name == selection]:
        chosen = named[:1]
    else:
        if not is_local(model):
            revisions = _with_joined(model, revisions, progress, listings)
        chosen = _selected(model, revisions, selection, progress)
    progress.phase("resolve", len(chosen), len(chosen), "revisions")
    return chosen


def _in_folder(model: str, progress: Progress) -> list[Revision]:
    """The checkpoints in a folder; a note names each one that is left out."""
    revisions = folder_revisions(model)
    for sentence in left_out(model):
        progress.note(sentence)
    return revisions


def _listed(model: str, progress: Progress, listings: Listings | None) -> list[Revision]:
    refs = hub.list_refs(model, progress, listings)
    return in_training_order(parse_checkpoint(model, name, commit) for name, commit in refs)


def _with_joined(
    model: str, revisions: list[Revision], progress: Progress, listings: Listings | None
) -> list[Revision]:
    """The revisions with those of further repositories whose names are not among them."""
    known = facts(model)
    if known is None or not known.also:
        return revisions
    joined = {revision.name: revision for revision in revisions}
    for repository in known.also:
        try:
            further = _listed(repository, progress, listings)
        except (InputError, MeasurementError) as error:
            progress.note(f"Checkpoints of {model} in {repository} are not listed: {error}")
            continue
        for revision in further:
            if known.repository_per_checkpoint and revision.name == "main":
                tail = re.search(r"step-.*", repository)
                name = tail[0] if tail else repository.rpartition("/")[2]
                revision = replace(revision, name=name, reference="main")
            if revision.name != "main":
                joined.setdefault(revision.name, revision)
    return in_training_order(joined.values())


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
        return select(revisions, selection, progress.note)
    except InputError:
        if is_local(model):
            folder = Path(model).expanduser() / selection
            if folder.is_dir():
                check_model_folder(folder)
        elif is_commit(selection) and hub.commit_exists(model, selection, progress):
            return [parse_checkpoint(model, selection, selection)]
        raise
