"""Keys: the SHA-256 of a canonical identity, which contains everything that determines a value and nothing else."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

_KEY = re.compile(r"[0-9a-f]{64}")


def canonical(identity: Mapping[str, Any]) -> bytes:
    """The canonical form of an identity: ASCII JSON, keys sorted, no spaces, floats as their shortest exact text.

    Identities are made of mappings with text keys, lists or tuples, text, integers, finite floats, booleans and None. 1
    and 1.0 are different values. Raises TypeError for anything else, ValueError for NaN and infinities.
    """
    return json.dumps(plain(identity), sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def key(identity: Mapping[str, Any]) -> str:
    """The identity's key: the SHA-256 of its canonical form, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(identity)).hexdigest()


def is_key(text: str) -> bool:
    """Whether ``text`` has the form of a key."""
    return _KEY.fullmatch(text) is not None


def plain(value: Any) -> Any:
    """``value`` as its canonical form decodes; raises as :func:`canonical` does."""
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                # json would write 1 and "1" identically, and two identities would share a key.
                raise TypeError(f"an identity's keys are text, not {name!r}")
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"an identity holds finite numbers only, not {value!r}")
        return float(value)
    if value is None or isinstance(value, str | bool | int):
        return value
    raise TypeError(f"an identity cannot hold {value!r} of type {type(value).__name__}")
