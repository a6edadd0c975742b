"""The Hugging Face Hub: a model's revisions, from the network or from the local cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from huggingface_hub import constants
from huggingface_hub.errors import HFValidationError, HTTPError
from huggingface_hub.utils import get_session, validate_repo_id

from estimator.checkpoints import hub_client
from estimator.checkpoints.hub_cache import Repository
from estimator.checkpoints.hub_client import api, endpoint, is_commit, is_reference
from estimator.checkpoints.hub_errors import explained, out_of_reach
from estimator.checkpoints.listings import Listing, Listings
from estimator.checkpoints.patience import Patience, Unavailable, attended
from estimator.errors import InputError
from estimator.progress import Progress

__all__ = ["answers", "api", "asked", "cached_refs", "endpoint", "is_commit", "list_refs"]

PATIENCE = Patience()
"""The hub's: one for the process, so that every request knows whether it is out of reach."""
ANSWER_WITHIN = 5.0
"""Seconds the hub has to respond."""


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
        """A sentence about names that the hub no longer lists; else empty."""
        gone = [] if self.listing is None else [name for name, _ in self.listing.refs if name not in listed]
        if self.listing is None or not gone:
            return ""
        return (
            f"The hub no longer lists {len(gone)} of the {len(self.listing.refs)} revisions of {self.model} that it "
            f"listed on {self.listing.date:%Y-%m-%d %H:%M} UTC: {', '.join(gone[:3])}{', …' if len(gone) > 3 else '.'}"
        )


def cached_refs(model: str) -> list[tuple[str, str]]:
    """(name, commit) of a model's revisions in the local hub cache, by reference, or by commit if it has none."""
    folder = Repository.of(model).folder
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
    if Repository.of(model).snapshot(commit).is_dir():
        return True
    if constants.is_offline_mode():
        return False
    with explained(model):
        try:
            asked(lambda: api().model_info(model, revision=commit), progress)
        except HTTPError:
            return False
    return True


def check_id(model: str) -> None:
    """Raise :class:`InputError` (``"model"``) unless ``model`` is written as a hub id."""
    try:
        validate_repo_id(model)
    except HFValidationError as error:
        raise InputError(
            "model", f"{model!r} is neither a local folder nor a hub id such as allenai/OLMo-2-0425-1B."
        ) from error


def asked(
    question: Callable[[], Any], progress: Progress, gives_up: Callable[[Unavailable], bool] = lambda _: False
) -> Any:
    """The hub's answer, asked for again while it is out of reach; ends when ``progress`` raises.

    Raises :class:`Unavailable` unless the hub answers at last.
    """
    waiting = _waiting(progress)
    return PATIENCE.persist(lambda: attended(question, waiting), waiting, progress.note, gives_up)


def _waiting(progress: Progress) -> Callable[[], None]:
    return lambda: progress.phase("resolve", 0, None, "revisions")
