"""Progress for notebooks and scripts: bars of tqdm where somebody can see them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from estimator.errors import InputError
from estimator.progress import PHASE_NAMES, Phase, Progress
from estimator.safe_text import safe

ProgressChoice = Progress | bool | Literal["auto"]


@contextmanager
def listening(progress: ProgressChoice) -> Iterator[Progress]:
    """The listener that ``progress`` means: bars (True; ``"auto"``: in a notebook or a terminal), none, or itself.

    Raises :class:`InputError` (``"extra"``) when bars are asked for and tqdm is missing.
    """
    if isinstance(progress, Progress):
        yield progress
        return
    if progress not in (True, False, "auto"):
        raise InputError("progress", f"progress must be 'auto', True, False or a Progress, not {progress!r}.")
    if not (_is_watched() if progress == "auto" else progress):
        yield Progress()
        return
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        if progress == "auto":
            yield Progress()
            return
        raise InputError("extra", 'tqdm is not installed: pip install "ib-explorer[notebook]".') from error
    bars = Bars(tqdm)
    try:
        yield bars
    finally:
        bars.close()


class Bars(Progress):
    """Shows the phase at work as a bar, which goes when the next one begins; ``tqdm`` makes bars."""

    def __init__(self, tqdm: Any) -> None:
        self._tqdm = tqdm
        self._bar: Any = None
        self._shown: tuple[str | None, str] | None = None

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        """Move the bar of this phase and checkpoint, or begin it."""
        if self._shown != (self.revision, phase):
            self.close()
            name = " ".join(filter(None, [self.revision, PHASE_NAMES[phase]]))
            self._bar = self._tqdm(desc=safe(name), total=total, unit=f" {unit}", leave=False)
            self._shown = self.revision, phase
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def note(self, text: str) -> None:
        """Write the sentence above the bar."""
        self._tqdm.write(safe(text), file=sys.stderr)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
        self._bar = self._shown = None


def _is_watched() -> bool:
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
