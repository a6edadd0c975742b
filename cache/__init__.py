"""The on-disk cache: measurements, curves, scores, samples, demo runs. Independent of torch and of the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cache.store import Cache as Cache
    from cache.store import Occupied as Occupied
    from cache.store import Pruned as Pruned
    from cache.store import Verified as Verified

__all__ = ["Cache", "Occupied", "Pruned", "Verified"]


def __getattr__(name: str) -> Any:
    # Looking up a folder (`--help`, `doctor`) must not wait for the import of numpy.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cache import store

    return getattr(store, name)
