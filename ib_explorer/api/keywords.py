"""Keywords read by the declarations of the command line's options."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from estimator.errors import InputError
from ib_explorer.options import OPTIONS

ALL = tuple(option.name for option in OPTIONS)


def read_keywords(
    function: str, given: Mapping[str, Any], names: Collection[str] = ALL, own: Collection[str] = ()
) -> dict[str, Any]:
    """The values of keywords by the names of their options; None is a keyword that was not given.

    ``names`` are the options that ``function`` takes, and ``own`` its other keywords. Raises :class:`InputError`:
    ``"option"`` for an unknown keyword, or what reading a value raises.
    """
    known = {option.name.replace("-", "_"): option for option in OPTIONS if option.name in names}
    for name in given:
        if name not in known:
            near = get_close_matches(name, [*known, *own])
            advice = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join([*own, *known])}."
            raise InputError("option", f"{function} has no option {name!r}: {advice}")
    return {known[name].name: known[name].read(value) for name, value in given.items() if value is not None}
