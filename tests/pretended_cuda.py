"""A pretended CUDA device: tensors that hold their numbers on the CPU and keep the rules of a device.

They cannot be mixed with tensors of the CPU nor be read by numpy. What is copied off them without blocking is NaN until
an event recorded after the copy is waited for, which takes a while, and so is what another stream copies off before the
device was waited for. So tests can prove, where there is no card,
that code for one puts every tensor where it belongs and waits where it must. Of a card's own arithmetic and speed they
prove nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("cuda", 0)
_FACTORIES = ("arange", "empty", "full", "ones", "tensor", "zeros")
_plain_to = Tensor.to


class Pretended(Tensor):
    """A tensor on the pretended device."""

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if func == Tensor.device.__get__:
            return DEVICE
        if func == Tensor.is_cuda.__get__:
            return True
        if func == Tensor.numpy:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        if func == Tensor.cpu:
            return _bare(args[0]).clone()
        if func == Tensor.copy_ and not isinstance(args[0], cls):
            return _leave(*args, **kwargs)
        if func == _plain_to:
            return _to(*args, **kwargs)
        given = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, Tensor)]
        if func != Tensor.copy_ and any(not isinstance(one, cls) and one.dim() for one in given):
            raise RuntimeError(f"{name}: tensors of {DEVICE} and of the CPU cannot be mixed")
        if func == Tensor.index_copy_:
            _unfinished.add(_place(_bare(args[0])))
        if _is_device(kwargs.get("device")):
            kwargs = {**kwargs, "device": "cpu"}
        return tree_map(_pretended, super().__torch_function__(func, types, args, kwargs))


class Stream:
    """A stream of the pretended device, with the copies that have not arrived yet."""

    def __init__(self, device: torch.device = DEVICE) -> None:
        self.device = device
        self.arriving: list[Callable[[], object]] = []

    def wait_stream(self, other: Stream) -> None:
        """Nothing: what is computed here is there at once."""


class Event:
    """What was to be copied on a stream when the event was recorded."""

    def __init__(self, *, blocking: bool = False) -> None:
        self._before: list[Callable[[], object]] = []

    def record(self, stream: Stream) -> None:
        self._before, stream.arriving = stream.arriving, []

    def synchronize(self) -> None:
        with torch.inference_mode():
            for copy in self._before:
                copy()
        time.sleep(0.02)  # the latency of the device: lets code that does not wait overtake, and delays no other


_streams = [Stream()]
_unfinished: set[int] = set()
"""Where something was put into place that another stream sees only after a synchronisation."""


def _leave(target: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    """Copy ``source`` off the device, now or when it is waited for."""
    bare = _bare(source)
    if non_blocking:
        _streams[-1].arriving.append(lambda: target.copy_(bare))
        return target.fill_(torch.nan)
    if len(_streams) > 1 and _place(bare) in _unfinished:
        return target.fill_(torch.nan)
    return target.copy_(bare)


def _to(given: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Tensor.to, to and from the device."""
    bare = _bare(given)
    moves = [one for one in (*args, kwargs.get("device")) if isinstance(one, torch.device | str)]
    stays = not moves and isinstance(given, Pretended)
    if (moves and _is_device(moves[0])) or stays:
        args = tuple("cpu" if _is_device(one) else one for one in args)
        kwargs = {name: "cpu" if _is_device(value) else value for name, value in kwargs.items()}
        return _pretended(_plain_to(bare, *args, **kwargs))
    moved = _plain_to(bare, *args, **kwargs)
    return moved.clone() if isinstance(given, Pretended) else moved


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _is_device(what: object) -> bool:
    return isinstance(what, torch.device | str) and torch.device(what).type == "cuda"


def _bare(tensor: Tensor) -> Tensor:
    return tensor.as_subclass(Tensor)


def _pretended(what: Any) -> Any:
    return what.as_subclass(Pretended) if isinstance(what, Tensor) else what


def pretend(model: nn.Module) -> nn.Module:
    """The model with its weights on the device."""
    for module in model.modules():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                held[name] = None if tensor is None else _pretended(tensor.detach())  # type: ignore[assignment]
    return model


def pretend_cuda(patch: pytest.MonkeyPatch, *, free: int = 10**9) -> None:
    """Let ``torch`` pretend, until ``patch`` is undone, that it has a device with ``free`` bytes of memory."""

    def made(factory: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def make(*args: Any, **kwargs: Any) -> Tensor:
            kwargs.pop("pin_memory", None)
            if _is_device(kwargs.get("device")):
                return _pretended(factory(*args, **{**kwargs, "device": "cpu"}))
            return factory(*args, **kwargs)

        return make

    @contextlib.contextmanager
    def on(stream: Stream) -> Iterator[None]:
        _streams.append(stream)
        try:
            yield
        finally:
            _streams.pop()

    with torch.device("meta"):
        torch.empty(0)  # torch remembers which functions make tensors from the first time: it must be the real ones
    for name in _FACTORIES:
        patch.setattr(torch, name, made(getattr(torch, name)))
    patch.setattr(Tensor, "to", _to)
    patch.setattr(Tensor, "record_stream", lambda *_: None)
    patch.setattr(torch.cuda, "is_available", lambda: True)
    patch.setattr(torch.cuda, "device_count", lambda: 1)
    patch.setattr(torch.cuda, "get_device_name", lambda _device=None: "a pretended card")
    patch.setattr(torch.cuda, "Stream", Stream)
    patch.setattr(torch.cuda, "Event", Event)
    patch.setattr(torch.cuda, "stream", on)
    patch.setattr(torch.cuda, "synchronize", lambda _device=None: _unfinished.clear())
    patch.setattr(torch.cuda, "current_stream", lambda _device=None: _streams[-1])
    patch.setattr(torch.cuda, "mem_get_info", lambda _device=None: (free, free))
    patch.setattr(torch.cuda, "memory_reserved", lambda _device=None: 0)
    patch.setattr(torch.cuda, "memory_allocated", lambda _device=None: 0)
    patch.setattr(torch.cuda, "max_memory_allocated", lambda _device=None: 0)
    patch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _device=None: None)
