"""Amounts of data as users write them."""

from __future__ import annotations

import math
import re

_UNITS = {"": 10**9, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_AMOUNT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([kmgt]?b?)", re.IGNORECASE)


def parse_bytes(text: str) -> int | None:
    """The bytes of an amount such as ``60GB``, ``1.5 TB`` or ``60`` (GB); None for other text."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        return None
    unit = found[2].lower()
    amount = float(found[1]) * _UNITS[unit if unit in _UNITS else f"{unit}b"]
    return math.floor(amount) if math.isfinite(amount) else None
