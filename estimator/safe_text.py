"""The one place that makes text from outside harmless to a terminal.

Names of models, folders, revisions and columns, chat templates and answers of a hub are written by others. Printed as
they are, they can move the cursor, set the window's title, reverse the order of what follows, or forge further lines.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of control and format characters (among them all that change direction), surrogates and separators."""


def safe(text: object) -> str:
    """``text`` as one line that a terminal shows as written: control and format characters become escapes (``\\x1b``).

    Harmless text, and a result of this function, is returned unchanged.
    """
    written = str(text)
    if written.isprintable():
        return written
    return "".join(map(_escaped, written))


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape").decode("ascii")
