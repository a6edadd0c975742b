"""What checkpoints take on disk: exactly for those in the local cache, and one question to the hub for all others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import constants

from estimator.checkpoints.catalogue import facts
from estimator.checkpoints.folders import holds_model
from estimator.checkpoints.hub import asked, is_commit
from estimator.checkpoints.hub_cache import Repository
from estimator.checkpoints.hub_errors import explained
from estimator.checkpoints.hub_files import HubFile, hub_files, needed_files
from estimator.checkpoints.revision import CATALOGUE, Revision, Sizes
from estimator.errors import InputError, MeasurementError
from estimator.progress import Progress


def sizes(revisions: Sequence[Revision], progress: Progress) -> Sizes:
    """The sizes of one model's revisions."""
    local = {revision.name: size for revision in revisions if (size := local_bytes(revision))}
    remote = [revision for revision in revisions if revision.commit is not None and revision.name not in local]
    if not remote:
        return Sizes(local)
    if not constants.is_offline_mode():
        typical = next((one for one in reversed(remote) if one.is_placed), remote[-1])
        try:
            if size := listed_bytes(typical, progress):
                return Sizes(local, size, typical.name)
        except (InputError, MeasurementError) as error:
            progress.note(f"Sizes are unknown: {error}")
    known = facts(revisions[0].model)
    return Sizes(local, known.download_bytes, CATALOGUE) if known and known.download_bytes else Sizes(local)


def local_bytes(revision: Revision) -> int:
    """Bytes of a checkpoint's files on this machine; 0 unless its configuration and weights are complete."""
    if revision.folder is not None:
        folder = Path(revision.folder)
    elif is_commit(revision.commit):
        folder = Repository.of(revision.model).snapshot(str(revision.commit))
    else:
        return 0
    if not folder.is_dir() or not holds_model(folder):
        return 0
    files = [HubFile(path.name, path.stat().st_size, "") for path in folder.iterdir() if path.is_file()]
    return sum(file.size for file in needed_files(files))


def listed_bytes(revision: Revision, progress: Progress) -> int:
    """Bytes of the files of a revision that a measurement needs, by one question to the hub that is not repeated.

    0 if it has no weights. Raises :class:`InputError` and :class:`MeasurementError` as ``hub.list_refs`` does.
    """
    with explained(revision.model, revision.name):
        files = asked(lambda: hub_files(revision.model, str(revision.commit)), progress, lambda _: True)
    needed = needed_files(files)
    return sum(file.size for file in needed) if any(file.is_weights for file in needed) else 0
