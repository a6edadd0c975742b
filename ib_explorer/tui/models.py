"""The models that the picker offers: recent orders, measured ones, the catalogue, folders, and any hub id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from estimator.checkpoints.catalogue import catalogue
from estimator.request import MeasurementRequest
from ib_explorer.drawing.names import short_number
from ib_explorer.drawing.trajectories import by_trajectory
from ib_explorer.tui.state import State

DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Choice:
    """A model to choose, with the selection of an earlier order, and what is known of it."""

    model: str
    about: str
    selection: str = ""

    @property
    def name(self) -> str:
        """The model and its selection, as on the command line."""
        return self.model + (f"@{self.selection}" if self.selection else "")


def choices(state: State) -> tuple[Choice, ...]:
    """The models known to the screen: recent orders, those with measurements, the demo and the catalogue."""
    found: dict[str, Choice] = {}
    for request in _recent(state):
        choice = Choice(request.model, "recent", request.revision or "")
        found.setdefault(choice.name, choice)
    counts: dict[str, int] = {}
    for trajectory, records in by_trajectory(state.records).items():
        counts[trajectory.model] = counts.get(trajectory.model, 0) + len({record.revision for record in records})
    for model, count in counts.items():
        found.setdefault(model, Choice(model, f"{count} measured"))
    for choice in (Choice(DEMO, "a tiny model, trained here in minutes"), *_catalogued()):
        found.setdefault(choice.name, choice)
    return tuple(found.values())


def _recent(state: State) -> Iterable[MeasurementRequest]:
    """The requests of this session's orders, newest first, then those of earlier sessions."""
    yield from (job.request for job in reversed(state.jobs) if job.kind.extends_trajectory)
    yield from reversed(list(state.requests.values()))
    yield from state.recalled.values()


@lru_cache(maxsize=1)
def _catalogued() -> tuple[Choice, ...]:
    found = []
    for entry in catalogue().models.values():
        if "*" in entry.id or "?" in entry.id or entry.unsupported:
            continue
        size = f"{short_number(entry.parameters)} parameters" if entry.parameters else ""
        about = ", ".join(filter(None, (entry.family, size, "gated" if entry.gated else "")))
        found.append(Choice(entry.id, about))
    return tuple(found)


def matching(known: Sequence[Choice], typed: str, folders: Sequence[str] = ()) -> tuple[Choice, ...]:
    """The choices that fit what was typed, best first: folders for a path, and any other text as it was typed."""
    text, _, selection = typed.strip().partition("@")
    if is_path(text):
        found = [Choice(folder, "folder", selection) for folder in folders]
        typed_folder = text.rstrip("/") or text
        if text and all(choice.model != typed_folder for choice in found):
            found.append(Choice(typed_folder, "folder as typed", selection))
        return tuple(found)
    scored = [(score, place, choice) for place, choice in enumerate(known) if (score := _score(choice.name, text))]
    ordered = [choice for _, _, choice in sorted(scored, key=lambda one: (-one[0], one[1]))]
    if selection:
        ordered = [Choice(choice.model, choice.about, selection) for choice in ordered if not choice.selection]
    if text and all(choice.model.lower() != text.lower() for choice in ordered):
        ordered.append(Choice(text, "hub id as typed", selection))
    return tuple(ordered)


def is_path(text: str) -> bool:
    """Whether a text is written as the path of a folder."""
    return text.startswith(("/", "./", "../", "~")) or text in (".", "..")


def _score(name: str, text: str) -> int:
    """How well a name fits: 3 if its last part begins with the text, 2 if it has it, 1 if its letters are in order."""
    name = name.lower()
    words = text.lower().split()
    if all(word in name for word in words):
        return 3 if name.rpartition("/")[2].startswith("".join(words)) else 2
    letters = iter(name)
    return int(all(letter in letters for letter in "".join(words)))
