"""What the picker says: its lines, its status and the plan at its foot."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from cache.files import in_words
from estimator.request import MeasurementRequest
from estimator.safe_text import safe
from ib_explorer.plan import SweepPlan
from ib_explorer.tui import estimates
from ib_explorer.tui.models import Choice
from ib_explorer.tui.picker import Picker, Row
from ib_explorer.tui.wording import place_name

MODEL_KEYS = "Enter: its checkpoints · Tab: complete · Esc: close"
CHECKPOINT_KEYS = (
    "Space: select · L [number]: log-spaced · A: group · R: range · O: all options · Enter: measure · Esc: models"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """What is said while a list is being made: ``doing`` until it is over, then the ``notes`` and the ``problem``."""

    doing: str = ""
    notes: tuple[str, ...] = ()
    problem: str = ""


def status(picker: Picker, progress: Progress) -> str:
    """What went wrong or is being done, the most urgent first; empty if there is nothing to say."""
    row = picker.row
    failure = ""
    if row is not None and row.index is not None:
        item = picker.listing.items[row.index]
        failure = f"{item.revision.name} failed: {item.failure}" if item.failure else ""
    range_said = "Range started: move, then R." if picker.start is not None else ""
    problem = picker.problem if picker.listing.items else ""
    said = (problem, progress.problem, range_said, failure, *progress.notes, progress.doing)
    return next(filter(None, said), "")


def picker_foot(picker: Picker, request: MeasurementRequest, plan: SweepPlan | None, rate: float | None) -> str:
    """The selection and what it takes, above how it is measured; empty until the checkpoints are listed."""
    if not picker.listing.items:
        return ""
    text = request.corpus or "the default text"
    how = f"{', '.join(request.granularities)} · {request.documents} documents of {text}"
    selection = request.revision or ""
    short = selection if len(selection) <= 40 else f"{selection[:39]}…"
    return f"{short}: {estimates.sentence(picker, plan, rate)}\n{how}"


def model_line(choice: Choice, width: int) -> Text:
    """A model's line: its name, and what is known of it."""
    about, name = safe(choice.about), safe(choice.name)
    room = max(width - len(about) - 3, 10)
    return Text(f" {name[:room]:{room}} ").append(about, style="dim")


def row_line(picker: Picker, row: Row, width: int) -> Text:
    """The line of a checkpoint, or of a group with the number of those selected."""
    if row.index is not None:
        return checkpoint_line(picker, row.index, width)
    names = [picker.listing.revisions[index].name for index in row.group.members]
    count = sum(name in picker.chosen for name in names)
    return Text(f" {row.group.title or 'checkpoints'}  {count}/{len(names)}", style="bold")


def checkpoint_line(now: Picker, index: int, width: int) -> Text:
    """A checkpoint's line: whether it is selected, step, tokens, size, state and, if there is room, its name."""
    item = now.listing.items[index]
    is_chosen = item.revision.name in now.chosen
    size = f"{'~' if item.bytes_of else ''}{in_words(item.bytes)}" if item.bytes else ""
    text = Text(f"   {'[x]' if is_chosen else '[ ]'} ", style="bold" if is_chosen else "")
    place = place_name(item.revision)
    text.append(f"{place[:14]:14} {size:>9}  {item.state:11} ")
    if width > 60:
        text.append(safe(item.failure or item.revision.name), style="dim")
    return text
