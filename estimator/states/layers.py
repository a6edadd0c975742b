"""Layers by name: the hidden states that a request selects, and the sites in the model where they are read."""

from __future__ import annotations

import re

from estimator.errors import InputError
from estimator.measurement import Site

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def check_layers(text: str) -> None:
    """Validate the form of a layer list before the model is known; raises :class:`InputError`."""
    parse_layers(text, depth=None)


def parse_layers(text: str, depth: int | None) -> tuple[int, ...]:
    """The layers that ``text`` selects in a model of ``depth`` blocks, ascending; ``all`` and ``mean`` are 1 to depth.

    Layer 0 is the embedding. Raises :class:`InputError` for anything but ``all``, ``mean``, or a list like ``0,3,5-8``
    within 0..depth (with ``depth`` None the upper end is not checked).
    """
    if text in ("all", "mean"):
        return tuple(range(1, (depth or 1) + 1))
    chosen: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise InputError("layers", f"{part.strip()!r} is not a layer: write all, mean, or a list such as 0,3,5-8.")
        if depth is not None and int(match[2] or match[1]) > depth:
            raise InputError("layers", f"There is no layer {match[2] or match[1]}: this model has layers 0 to {depth}.")
        if depth is not None:
            chosen.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return tuple(sorted(chosen))


def site(layer: int, depth: int) -> Site:
    """The site where a layer is read: the embedding, a block's output, or (the last) after the final norm."""
    if layer == 0:
        return "embedding"
    return "final_norm" if layer == depth else "block"
