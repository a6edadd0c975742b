"""How this project talks to a hub: limits on waiting, no password in addresses, no belief in false commits.

The session of ``huggingface_hub`` waits without limit in many requests, and repeats those that fail for up to minutes
without a word. Requests that carry our name are answered, or fail with :class:`Unavailable`, so that repeating them is
in one place (:mod:`estimator.checkpoints.patience`). Limits hold for requests of other libraries too (``datasets``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HTTPError
from huggingface_hub.utils import get_session, parse_ratelimit_headers

from estimator.checkpoints.patience import Unavailable
from estimator.errors import InputError, first_lines

NAME = "ib-explorer"
"""Our name in the requests, ``library_name`` of the client's functions."""
LIMITS = {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 30.0}
"""Seconds for the parts of a request whose caller sets no limit."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
# What git accepts as a reference, as far as it matters for a path: see git-check-ref-format.
_REFERENCE = re.compile(
    r"(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)|/\.|\.$|/$))[^/.\x00-\x20\x7f~^:?*\[\\][^\x00-\x20\x7f~^:?*\[\\]*"
)
_logins: dict[str, tuple[str, str]] = {}


def is_commit(text: object) -> bool:
    """Whether ``text`` is the full hash of a commit, and so harmless as the name of a folder."""
    return isinstance(text, str) and _COMMIT.fullmatch(text) is not None


def is_reference(name: object) -> bool:
    """Whether git would accept ``name`` as that of a branch or tag; such a name stays in its folder as a path."""
    return isinstance(name, str) and _REFERENCE.fullmatch(name) is not None


def prepare() -> None:
    """Set limits on the client's session, and take a password out of the hub's address.

    Called before each use, because the client replaces its session at times. Raises :class:`InputError` (``"hub"``)
    if the address is not that of a hub, or a proxy cannot be used.
    """
    _hide_password()
    session: Any = _session()
    if not isinstance(session.send, partial):
        session.send = partial(_send, session.send)


def api() -> HfApi:
    """The client's functions, whose requests carry our name and have a limit."""
    prepare()
    return HfApi(library_name=NAME)


def _session() -> Any:
    try:
        return get_session()
    except Exception as error:  # whatever the client makes of proxies and certificates; its words may hold a password
        advice = "SOCKS needs the package socksio" if isinstance(error, ImportError) else "a proxy is http://host:port"
        raise InputError(
            "hub",
            f"The network settings of this environment cannot be used ({type(error).__name__}): check HTTPS_PROXY, "
            f"HTTP_PROXY, ALL_PROXY and SSL_CERT_FILE ({advice}).",
        ) from None


def endpoint() -> str:
    """The address of the hub, without a password."""
    _hide_password()
    return constants.ENDPOINT


def _hide_password() -> None:
    """Move name and password from the address, which libraries print and log, into the requests."""
    address = constants.ENDPOINT
    try:
        parts = urlsplit(address)
        host, is_address = parts.netloc.rpartition("@")[2], bool(parts.scheme in ("http", "https") and parts.hostname)
    except ValueError:
        host, is_address = "", False
    if not is_address:
        shown = re.sub(r"//.*@", "//", address)
        raise InputError("hub", f"HF_ENDPOINT is {shown!r}, which is not the address of a hub: write https://host.")
    if "@" in parts.netloc:
        _logins[host] = unquote(parts.username or ""), unquote(parts.password or "")
        constants.ENDPOINT = urlunsplit(parts._replace(netloc=host))
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE
        constants.HUGGINGFACE_CO_URL_TEMPLATE = template.replace(address, constants.ENDPOINT)


def _send(send: Callable[..., Any], request: Any, **options: Any) -> Any:
    """Send a request of the client's session; raises :class:`Unavailable` if it is ours and may succeed later."""
    limits = request.extensions.get("timeout") or {}
    bounded = {part: limit if limits.get(part) is None else limits[part] for part, limit in LIMITS.items()}
    request.extensions = {**request.extensions, "timeout": bounded}
    if (login := _logins.get(request.url.netloc.decode())) is not None:
        options["auth"] = login
    is_ours = request.headers.get("user-agent", "").startswith(NAME)
    try:
        response = send(request, **options)
    except HTTPError as error:
        if is_ours:
            raise Unavailable(f"does not answer ({type(error).__name__}: {first_lines(error)[:-1]})") from error
        raise
    if is_ours and (response.status_code in (408, 425, 429) or response.status_code >= 500):
        response.close()
        wait = _requested_wait(response.headers)
        raise Unavailable(f"answers {response.status_code}", has_answered=True, wait=wait)
    commit = response.headers.get("x-repo-commit")
    if commit is not None and not is_commit(commit):
        response.close()  # the client would make folders of that name
        raise InputError(
            "hub", f"{constants.ENDPOINT} names {commit!r} as a commit, which is no hash: check HF_ENDPOINT."
        )
    return response


def _requested_wait(headers: Any) -> float | None:
    """Seconds that a server asks to wait; None without such a request."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    if value:
        try:
            return max((parsedate_to_datetime(value).astimezone(UTC) - datetime.now(UTC)).total_seconds(), 0.0)
        except ValueError:
            return None
    limit = parse_ratelimit_headers(headers)
    return float(limit.reset_in_seconds) if limit is not None and limit.remaining == 0 else None
