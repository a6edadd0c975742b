"""What measuring a selection will take: from what the list says at once, then as the worker plans it."""

from __future__ import annotations

from dataclasses import dataclass

from cache.files import in_words
from ib_explorer.plan import SweepPlan
from ib_explorer.tables.checkpoints import DOWNLOADED, MEASURED, ON_HUB, Listed
from ib_explorer.tui.picker import Picker
from ib_explorer.tui.wording import duration

ASSUMED_RATE = 100e6
"""Bytes per second of downloads until some were measured in this session."""


@dataclass(frozen=True, slots=True)
class Needed:
    """The checkpoints of a selection by what they need, and the bytes to fetch (0: unknown)."""

    checkpoints: int
    measured: int
    downloaded: int
    fetch: int
    is_estimated: bool

    @classmethod
    def by(cls, items: tuple[Listed, ...]) -> Needed:
        """What the checkpoints need, as far as the list says."""
        states = [item.state for item in items]
        absent = [item for item in items if item.bytes_of or item.state == ON_HUB]
        absent = [item for item in absent if item.state != MEASURED]
        fetch = sum(item.bytes for item in absent)
        return cls(len(items), states.count(MEASURED), states.count(DOWNLOADED), fetch, bool(absent))


def sentence(picker: Picker, plan: SweepPlan | None, rate: float | None) -> str:
    """The plan at the foot of the picker: the worker's if it has answered, else the estimate of the list."""
    if not picker.effective:
        return "Nothing is selected."
    if plan is not None:
        return plan.sentence.rstrip(".") + _time(plan.fetch, rate) + "."
    needed = Needed.by(picker.items)
    parts = [f"{needed.checkpoints} checkpoint{'' if needed.checkpoints == 1 else 's'}"]
    if needed.measured:
        parts.append(f"{needed.measured} measured")
    if needed.downloaded:
        parts.append(f"{needed.downloaded} downloaded")
    if needed.fetch:
        parts.append(f"about {in_words(needed.fetch)} to fetch")
    return ", ".join(parts) + _time(needed.fetch, rate) + "."


def _time(fetch: int, rate: float | None) -> str:
    """How long a download takes, at the rate of this session or an assumed one."""
    if not fetch:
        return ""
    speed = rate or ASSUMED_RATE
    how = "measured" if rate else "assumed"
    return f"; {duration(fetch / speed)} of download at {in_words(round(speed))}/s ({how})"
