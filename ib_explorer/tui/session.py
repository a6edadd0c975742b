"""The session: what the screen showed when it was left, as a document in the state folder, and the way back.

A field of :class:`State` that is to come back is named in :data:`RESTORED`, any other in :data:`FORGOTTEN`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from cache.files import write_atomically
from estimator.bottleneck.bounds import BOUNDS
from estimator.errors import InputError
from estimator.request import MeasurementRequest
from estimator.soft_entropy.temperature import parse_temperature
from estimator.text.kinds import LABELS
from estimator.values import VALUES
from ib_explorer.drawing.axes import Limits
from ib_explorer.drawing.training import QUANTITIES
from ib_explorer.drawing.trajectories import by_trajectory, revision_of
from ib_explorer.drawing.view import View
from ib_explorer.tables.matching import RULES
from ib_explorer.tui import queue
from ib_explorer.tui.documents import plain, read
from ib_explorer.tui.state import LAYER_PICTURES, Order, State, Unfinished, at_last_checkpoint, with_log
from ib_explorer.tui.tabs import TABS
from ib_explorer.tui.theme import THEMES

VERSION = 1
LARGEST = 2**20
"""Bytes of a document beyond which it is not one of ours."""


def _view(view: View) -> bool:
    VALUES.find(view.preset), BOUNDS.find(view.bound), LABELS.find(view.granularity)
    parse_temperature(view.temperature_rule)
    return True


def _limits(limits: Limits | None) -> bool:
    return limits is None or (limits.x[0] < limits.x[1] and limits.y[0] < limits.y[1])


def _range(layers: tuple[int, int] | None) -> bool:
    return layers is None or 0 <= layers[0] <= layers[1]


def _anything(_: Any) -> bool:
    return True


RESTORED: Mapping[str, Callable[[Any], bool]] = {
    "view": _view,
    "place": _anything,
    "live": _anything,
    "overlay": _anything,
    "limits": _limits,
    "form": lambda order: bool(VALUES.find(order.preset)),
    "counted": _anything,
    "quantity": lambda quantity: quantity in QUANTITIES,
    "layers_as": lambda picture: picture in LAYER_PICTURES,
    "layer_range": _range,
    "tab": lambda tab: tab in TABS,
    "theme": lambda theme: theme in THEMES,
    "speed": lambda speed: speed > 0,
    "collapsed": _anything,
    "hidden": _anything,
    "arranged": _anything,
    "matching": lambda name: name in {rule.name for rule in RULES},
    "unfinished": _anything,
}
"""Fields of the state that come back, each with what else must hold for a value of its type to be used."""
FORGOTTEN = (
    *("records", "curves", "increments", "requests", "recalled", "listings"),
    *("playing", "jobs", "worker_runs", "log", "download_rate", "whole_view"),
)
"""Fields of the state that belong to one run of the screen, or are read from the cache."""


@dataclass(frozen=True, slots=True)
class Configured:
    """What configuration and environment set: the order that fills the form, and the theme."""

    form: Order
    theme: str


@dataclass(frozen=True, slots=True)
class Session:
    """The session of one cache folder; it is read from and written to ``path`` (None: neither)."""

    path: Path | None = None
    cache: str = ""

    @classmethod
    def of(cls, state_folder: Path, cache: Path) -> Session:
        """The session of the cache folder ``cache``, however it is written."""
        name = os.path.realpath(cache)
        return cls(state_folder / "sessions" / f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}.json", name)

    def document(self, state: State, configured: Configured) -> dict[str, Any]:
        """What :meth:`write` stores of a state."""
        state = replace(state, unfinished=unfinished(state))
        shown = {name: plain(getattr(state, name)) for name in RESTORED}
        return {"version": VERSION, "cache": self.cache, "configured": plain(configured), "state": shown}

    def write(self, document: Mapping[str, Any]) -> None:
        """Store a document; of several screens, the last one wins. Raises InputError if it cannot be written."""
        if self.path is not None:
            write_atomically(self.path, json.dumps(document).encode())

    def restored(self, state: State, configured: Configured) -> State:
        """``state`` as its session left it; fields that are missing or damaged are those of ``state``."""
        document = self._read()
        written = document.get("state")
        found = _fields(written if isinstance(written, dict) else {})
        try:
            then = read(Configured, document.get("configured"))
        except (ValueError, InputError):
            then = configured
        if configured.theme != then.theme:
            found.pop("theme", None)
        if "form" in found:
            found["form"] = _merged(found["form"], then.form, configured.form)
        return replace(state, **found)

    def _read(self) -> dict[str, Any]:
        try:
            if self.path is None or self.path.stat().st_size > LARGEST:
                return {}
            document = json.loads(self.path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        is_ours = isinstance(document, dict) and document.get("version") == VERSION
        return document if is_ours and document.get("cache") == self.cache else {}


def _fields(written: Mapping[str, Any]) -> dict[str, Any]:
    """The restored fields that a document has, each read on its own."""
    hints, found = get_type_hints(State), dict[str, Any]()
    for name, holds in RESTORED.items():
        try:
            value = read(hints[name], written[name])
            if holds(value):
                found[name] = value
        except (KeyError, ValueError, InputError):
            continue
    return found


def _merged(last: Order, then: Order, now: Order) -> Order:
    """The last order with the settings that were changed in configuration or environment since."""
    names = [field.name for field in fields(MeasurementRequest) if field.name not in ("model", "revision")]
    settings = {name: getattr(now.request, name) for name in names}
    changed = {name: value for name, value in settings.items() if value != getattr(then.request, name)}
    try:
        return Order(replace(last.request, **changed), last.preset if now.preset == then.preset else now.preset)
    except InputError:  # the two exclude each other
        return replace(now, request=replace(now.request, model=last.request.model, revision=last.request.revision))


def unfinished(state: State) -> tuple[Unfinished, ...]:
    """The orders that are open, and those of earlier sessions that have not been resumed."""
    orders = [job for job in queue.unfinished(state) if job.kind.extends_trajectory]
    rest = (Unfinished(job.request, job.only, job.checkpoints_left if job.revisions else None) for job in orders)
    return (*state.unfinished, *rest)


def returned(state: State, left: State) -> State:
    """``state``, whose records have been read, at the place where the session ``left``, as far as it still exists."""
    place = left.place
    if place is None:
        return state
    records = by_trajectory(state.records).get(place.trajectory)
    if not records:
        return with_log(state, f"The cache has no more measurements of {place.trajectory.model}, which was in view.")
    back = replace(state, view=left.view, limits=left.limits, live=left.live)
    if any(revision_of(record) == place.checkpoint for record in records):
        return replace(back, place=place)
    return at_last_checkpoint(replace(back, place=place), place.trajectory)
