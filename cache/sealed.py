"""JSON that starts with a digest of its remaining bytes, so that reading detects any change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cache.keys import canonical

_OPENING = b'{"digest":"'
_CLOSING = b'",'
_BODY = len(_OPENING) + 64 + len(_CLOSING)


def seal(content: Mapping[str, Any]) -> bytes:
    """A JSON object of ``content``, preceded by the digest of the bytes that follow it."""
    body = canonical(content)[1:] + b"\n"
    return _OPENING + hashlib.sha256(body).hexdigest().encode() + _CLOSING + body


def unseal(data: bytes) -> dict[str, Any]:
    """The content that :func:`seal` wrote; raises ValueError when a byte is missing, changed or added."""
    body = data[_BODY:]
    if data[:_BODY] != _OPENING + hashlib.sha256(body).hexdigest().encode() + _CLOSING:
        raise ValueError("the content does not fit its digest")
    content = json.loads(b"{" + body)
    if not isinstance(content, dict):
        raise ValueError("the content is no object")
    return content
