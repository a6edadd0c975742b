"""The Hugging Face Hub: a model's revisions and their files, from the network or from the local cache."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import HFValidationError, HTTPError, LocalEntryNotFoundError, XetDownloadError
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import get_session, validate_repo_id

from estimator.checkpoints import hub_client
from estimator.checkpoints.folders import (
    ADAPTER,
    CONFIG,
    TOKENIZER_FILES,
    check_model_folder,
    holds_model,
    tokenizer_files,
)
from estimator.checkpoints.hub_client import endpoint, is_commit, is_reference
from estimator.checkpoints.hub_errors import explained, is_no_answer, out_of_reach
from estimator.checkpoints.hub_meter import Meter, Watch, silent_bar
from estimator.checkpoints.listings import Listing, Listings
from estimator.checkpoints.patience import Patience, Unavailable, attended
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError
from estimator.progress import Progress

__all__ = ["answers", "api", "asked", "cached_refs", "download", "endpoint", "is_commit", "list_refs"]

PATIENCE = Patience()
"""The hub's: one for the process, so that every request knows whether it is out of reach."""
ANSWER_WITHIN = 5.0
"""Seconds the hub has to respond."""

_SMALL_FILES = [CONFIG, ADAPTER, *TOKENIZER_FILES]
_WEIGHTS = ["*.safetensors", "*.safetensors.index.json"]
_NOT_WANTED = ["*/*", "consolidated*"]


def answers(within: float = ANSWER_WITHIN) -> bool:
    """Whether the hub is usable: offline mode is off and it responds ``within`` seconds without a server error."""
    if constants.is_offline_mode():
        return False
    try:
        hub_client.prepare()
        return bool(get_session().head(constants.ENDPOINT, timeout=within).status_code < 500)
    except (HTTPError, OSError, InputError):
        return False


def list_refs(model: str, progress: Progress, listings: Listings | None = None) -> list[tuple[str, str]]:
    """(name, commit) of every branch and tag of a hub model.

    If the hub is out of reach, they are those of its last listing in ``listings``, or else those in the local cache,
    with a note that says so. A listing that lacks names of the last one is noted as well. Names and
    commits that cannot be such are left out, with a note: they would become paths. Raises
    :class:`InputError`: ``"model"`` when there is no such model, or in offline mode nothing of it is cached;
    ``"access"`` when it is gated or private; ``"hub"`` when the address is no hub's. Raises :class:`MeasurementError`
    (``"network"``) when the hub is out of reach and nothing of it is cached.
    """
    check_id(model)
    known = _Known.of(model, listings)
    if constants.is_offline_mode():
        if not known.refs:
            raise out_of_reach(model)
        if known.listing is not None:
            progress.note(f"Offline mode is on: {known.sentence}")
        return known.refs
    with explained(model):
        try:
            refs = asked(
                lambda: api().list_repo_refs(model), progress, lambda error: bool(known.refs) and not error.has_answered
            )
        except Unavailable as error:
            if not known.refs:
                raise
            progress.note(f"The hub {error.reason}: {known.sentence}")
            return known.refs
        listed = {ref.name: ref.target_commit for ref in [*refs.tags, *refs.branches]}
    sound = {name: commit for name, commit in listed.items() if is_reference(name) and is_commit(commit)}
    if left_out := listed.keys() - sound.keys():
        progress.note(f"The hub lists {len(left_out)} names or commits of {model} that git does not allow; left out.")
    if not sound:
        raise InputError("model", f"{model} has no branch on the hub, so it cannot be loaded: check the name.")
    if listings is not None:
        if gone := known.gone(sound):
            progress.note(gone)
        listings.keep(endpoint(), model, tuple(sound.items()))
    return list(sound.items())


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a model's references without the hub."""

    model: str
    cached: list[tuple[str, str]]
    listing: Listing | None

    @classmethod
    def of(cls, model: str, listings: Listings | None) -> _Known:
        return cls(model, cached_refs(model), None if listings is None else listings.load(endpoint(), model))

    @property
    def refs(self) -> list[tuple[str, str]]:
        """The last listing with the commits of the local cache, whose files are there; or only these."""
        return self.cached if self.listing is None else list({**dict(self.listing.refs), **dict(self._named)}.items())

    @property
    def _named(self) -> list[tuple[str, str]]:
        """The cached references, without commits that the listing has under another name."""
        listed = set() if self.listing is None else {commit for _, commit in self.listing.refs}
        return [(name, commit) for name, commit in self.cached if name != commit or commit not in listed]

    @property
    def sentence(self) -> str:
        if self.listing is None:
            return f"of {self.model}, only the {len(self.cached)} revisions in the local cache are known."
        return (
            f"the {len(self.refs)} revisions of {self.model} are those that the hub listed on "
            f"{self.listing.date:%Y-%m-%d %H:%M} UTC."
        )

    def gone(self, listed: Mapping[str, str]) -> str:
        """A sentence about names that the hub no longer lists; empty if there are none."""
        gone = [] if self.listing is None else [name for name, _ in self.listing.refs if name not in listed]
        if self.listing is None or not gone:
            return ""
        return (
            f"The hub no longer lists {len(gone)} of the {len(self.listing.refs)} revisions of {self.model} that it "
            f"listed on {self.listing.date:%Y-%m-%d %H:%M} UTC: {', '.join(gone[:3])}{', …' if len(gone) > 3 else '.'}"
        )


def cached_refs(model: str) -> list[tuple[str, str]]:
    """(name, commit) of a model's revisions in the local hub cache, by reference, or by commit if it has none."""
    folder = _cache_folder(model)
    refs = folder / "refs"
    named = [
        (path.relative_to(refs).as_posix(), path.read_text("utf-8", "replace").strip())
        for path in sorted(refs.rglob("*"))
        if path.is_file()
    ]
    commits = {path.name for path in folder.glob("snapshots/*") if is_commit(path.name)}
    known = {commit for _, commit in named}
    return [(name, commit) for name, commit in named if commit in commits] + [
        (commit, commit) for commit in sorted(commits - known)
    ]


def commit_exists(model: str, commit: str, progress: Progress) -> bool:
    """Whether a hub model has a commit that no branch or tag points to (in the cache or on the hub).

    Raises :class:`MeasurementError` (``"network"``) if the hub is out of reach.
    """
    if (_cache_folder(model) / "snapshots" / commit).is_dir():
        return True
    if constants.is_offline_mode():
        return False
    with explained(model):
        try:
            asked(lambda: api().model_info(model, revision=commit), progress)
        except HTTPError:
            return False
    return True


def download(revision: Revision, progress: Progress, *, weights: bool = True) -> Path:
    """The local folder of a hub revision's configuration, tokenizer and (``weights``) safetensors.

    Files that are missing are downloaded. Reports phase ``"download"`` in MB and stops with :class:`Cancelled` when
    that raises. Raises :class:`InputError`: ``"revision"``, ``"access"``, ``"model"`` (offline and not cached),
    ``"hub"`` (not the address of a hub), ``"disk"`` (no space, or not writable), ``"config"`` or ``"weights"`` (absent
    from the revision); and :class:`MeasurementError` (``"network"``) when the hub failed at every attempt.
    """
    options: dict[str, Any] = {
        "repo_id": revision.model,
        "revision": revision.commit,
        "allow_patterns": _SMALL_FILES + (_WEIGHTS if weights else []),
        "ignore_patterns": _NOT_WANTED,
        "library_name": hub_client.NAME,
    }
    what = f"{revision.model}@{revision.name}"
    if not is_commit(revision.commit):
        raise InputError("revision", f"{what} has no commit: name a revision that the hub lists.")
    if cached := _cached_snapshot(options, weights):
        return cached
    if constants.is_offline_mode():
        raise out_of_reach(what)
    with explained(revision.model, revision.name):
        folder = PATIENCE.persist(lambda: _fetch(options, progress), _waiting(progress, "download"), progress.note)
        _remember_name(revision)
    if weights:
        _check_snapshot(revision, folder)
    return folder


def snapshot_folder(revision: Revision) -> Path | None:
    """The folder of a revision in the local hub cache, which need not exist; None without a commit."""
    if not is_commit(revision.commit):
        return None
    return _cache_folder(revision.model) / "snapshots" / str(revision.commit)


def listed_files(revision: Revision, progress: Progress) -> list[tuple[str, int]]:
    """(name, bytes) of a revision's files on the hub, by one question that is not repeated.

    Raises :class:`InputError` and :class:`MeasurementError` as :func:`list_refs` does.
    """
    with explained(revision.model, revision.name):
        info = asked(
            lambda: api().model_info(revision.model, revision=revision.commit, files_metadata=True),
            progress,
            lambda _: True,
        )
        return [(file.rfilename, file.size or 0) for file in info.siblings or ()]


def check_id(model: str) -> None:
    """Raise :class:`InputError` (``"model"``) unless ``model`` is written as a hub id."""
    try:
        validate_repo_id(model)
    except HFValidationError as error:
        raise InputError(
            "model", f"{model!r} is neither a local folder nor a hub id such as allenai/OLMo-2-0425-1B."
        ) from error


def _cached_snapshot(options: dict[str, Any], weights: bool) -> Path | None:
    """The cached snapshot if it is complete.

    Without its list of files the client treats any snapshot as complete, so the files themselves are checked.
    """
    try:
        folder = Path(snapshot_download(**options, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if (holds_model(folder) if weights else tokenizer_files(folder)) else None


def _check_snapshot(revision: Revision, folder: Path) -> None:
    """Raise as :func:`check_model_folder` does, with a message about the revision instead of a cache folder."""
    try:
        check_model_folder(folder)
    except InputError as error:
        where = f"{revision.model}@{revision.name}"
        if error.kind == "adapter":
            sentence = f"{where} is an adapter without its model: merge the two with peft's merge_and_unload()."
        else:
            what = "config.json" if error.kind == "config" else "weights in safetensors format"
            sentence = f"{where} has no {what}, so it cannot be loaded: choose another revision."
        raise InputError(error.kind, sentence) from error


def api() -> HfApi:
    """The client's functions, whose requests carry our name and have a limit."""
    hub_client.prepare()
    return HfApi(library_name=hub_client.NAME)


def asked(
    question: Callable[[], Any], progress: Progress, gives_up: Callable[[Unavailable], bool] = lambda _: False
) -> Any:
    """The hub's answer, asked for again while it is out of reach; ends when ``progress`` raises.

    Raises :class:`Unavailable` unless the hub answers at last.
    """
    waiting = _waiting(progress, "resolve")
    return PATIENCE.persist(lambda: attended(question, waiting), waiting, progress.note, gives_up)


def _waiting(progress: Progress, phase: Literal["resolve", "download"]) -> Callable[[], None]:
    return lambda: progress.phase(phase, 0, None, "revisions" if phase == "resolve" else "MB")


def _fetch(options: dict[str, Any], progress: Progress) -> Path:
    hub_client.prepare()
    with _unanswered():
        list_files: Callable[[], Any] = partial(snapshot_download, **options, dry_run=True, tqdm_class=silent_bar())
        files = attended(list_files, _waiting(progress, "download"))
    wanted = sum(file.file_size or 0 for file in files if file.will_download)
    cache = Path(constants.HF_HUB_CACHE)
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    if wanted > (free := shutil.disk_usage(existing).free):
        raise InputError(
            "disk",
            f"The download of {options['repo_id']} needs {wanted / 1e9:.1f} GB in {cache}, and {free / 1e9:.1f} "
            "GB are free: "
            "free some space, or set HF_HOME to a folder on a larger disk.",
        )
    meter = Meter()
    try:
        with _unanswered():
            watch = Watch(meter, wanted, progress)
            folder = attended(lambda: str(snapshot_download(**options, tqdm_class=meter.bar())), watch.report)
            watch.report()
            return Path(folder)
    finally:
        meter.stopped = True  # ends the client's threads if they are still at work


@contextlib.contextmanager
def _unanswered() -> Iterator[None]:
    """Raise :class:`Unavailable` for what the client reports of a hub that failed in the middle of an answer."""
    try:
        yield
    except (HTTPError, OSError, XetDownloadError, RuntimeError) as error:
        if (reason := is_no_answer(error)) is None:
            raise
        raise Unavailable(reason, has_answered=True) from error


def _remember_name(revision: Revision) -> None:
    """Store the branch's name in the cache, which a download by commit does not, so that it resolves offline."""
    if revision.commit is None or revision.name == revision.commit or not is_reference(revision.name):
        return
    path = _cache_folder(revision.model) / "refs" / (revision.reference or revision.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(revision.commit, "utf-8")
    temporary.replace(path)


def _cache_folder(model: str) -> Path:
    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=model, repo_type="model")
