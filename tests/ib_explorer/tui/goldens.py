"""Pictures of the screen as text, compared with files; REGOLDEN=1 writes these."""

from __future__ import annotations

import os
from pathlib import Path

from textual.app import App

FOLDER = Path(__file__).parent / "goldens"


def assert_golden(app: App, name: str) -> None:
    """The text of the whole screen, without styles and trailing blanks, is that of the file ``name``.txt."""
    lines = app.screen._compositor.render_strips()
    text = "\n".join("".join(part.text for part in line if not part.control).rstrip() for line in lines) + "\n"
    path = FOLDER / f"{name}.txt"
    if os.environ.get("REGOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
