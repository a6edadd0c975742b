"""The application: command line, screen, worker process; and functions for notebooks and scripts.

After ``import ib_explorer as ib``, :func:`measure`, :func:`load` (``export``), :func:`bound` and :func:`checkpoints` do
what the commands do; :func:`estimate` and :class:`Accumulator` measure hidden states that are given as arrays.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estimator.errors import InputError as InputError
    from estimator.errors import MeasurementError as MeasurementError
    from estimator.progress import Progress as Progress
    from estimator.request import MeasurementRequest as MeasurementRequest
    from ib_explorer.api.calls import bound as bound
    from ib_explorer.api.calls import checkpoints as checkpoints
    from ib_explorer.api.calls import load as load
    from ib_explorer.api.calls import measure as measure
    from ib_explorer.api.results import Result as Result
    from ib_explorer.api.states import Accumulator as Accumulator
    from ib_explorer.api.states import Estimate as Estimate
    from ib_explorer.api.states import estimate as estimate

__version__ = "0.1.0"

_HOMES = {
    "Accumulator": "ib_explorer.api.states",
    "Estimate": "ib_explorer.api.states",
    "InputError": "estimator.errors",
    "MeasurementError": "estimator.errors",
    "MeasurementRequest": "estimator.request",
    "Progress": "estimator.progress",
    "Result": "ib_explorer.api.results",
    "bound": "ib_explorer.api.calls",
    "checkpoints": "ib_explorer.api.calls",
    "estimate": "ib_explorer.api.states",
    "load": "ib_explorer.api.calls",
    "measure": "ib_explorer.api.calls",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    # The command line imports this package first, and `--help` should not wait for numpy or torch.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
