"""Suppression of other libraries' progress bars, log lines and warnings."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

_LIBRARIES = ("huggingface_hub", "transformers", "datasets")


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence the Hugging Face libraries except for errors, and all Python warnings; restore both on exit.

    Progress bars of ``datasets``, which is slow to import, are silenced only if it is already loaded.
    """
    from transformers.utils.logging import set_tqdm_hook

    with contextlib.ExitStack() as undo:
        undo.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for name in _LIBRARIES:
            logger = logging.getLogger(name)
            undo.callback(logger.setLevel, logger.level)
            logger.setLevel(max(logger.level, logging.ERROR))
        undo.callback(set_tqdm_hook, set_tqdm_hook(_silent))
        for name in ("huggingface_hub.utils", "datasets.utils"):
            bars = sys.modules.get(name)
            if bars is not None and not bars.are_progress_bars_disabled():
                undo.callback(bars.enable_progress_bars)
                bars.disable_progress_bars()
        yield


def _silent(bar: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return bar(*args, **{**kwargs, "disable": True})
