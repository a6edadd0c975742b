"""What the screen starts with besides the cache and the worker: the user's keys, the theme and the last session."""

from __future__ import annotations

from dataclasses import dataclass, field

from ib_explorer.tui.keymap import Key, keys
from ib_explorer.tui.session import Session
from ib_explorer.tui.state import DEFAULT_THEME


@dataclass(frozen=True, slots=True)
class Setup:
    """``is_fresh`` starts without the last session, which the next one replaces; ``theme`` is the configured one."""

    session: Session = field(default_factory=Session)
    is_fresh: bool = False
    theme: str = DEFAULT_THEME
    keys: tuple[Key, ...] = field(default_factory=keys)
