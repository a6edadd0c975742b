"""How far a model's tables reach: token ids and positions that a text may have."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from estimator.errors import InputError
from estimator.states.configuration import text_config
from estimator.states.loading import LoadedModel
from estimator.text.sample import Sample


def check_tokens(model: Any, sample: Sample) -> None:
    """Raise :class:`InputError` (``"tokenizer"``) if the sample has token ids that the model has no embedding for."""
    rows, highest = model.get_input_embeddings().weight.shape[0], int(sample.tokens.max())
    if highest >= rows:
        raise InputError(
            "tokenizer",
            f"The text has the token id {highest}, but the model has only {rows} embeddings: "
            "use the tokenizer that the model was trained with.",
        )


class PositionCheck(TorchFunctionMode):
    """While active, raises :class:`InputError` (``"max-length"``) when a table is read beyond its end.

    A table of positions ends at the longest text that the model can read. Beyond it, the CPU raises an error whose
    message does not say so, and CUDA ends the process's use of the device. Needed only for the longest document.
    """

    def __init__(self, model: Any, longest: int) -> None:
        super().__init__()
        text = text_config(model.config)
        self._limit = getattr(text, "max_position_embeddings", getattr(text, "max_seq_len", None))
        self._longest = longest

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        table = _table(func, args, kwargs)
        if table is not None and table[0].numel() and int(table[0].max()) >= table[1]:
            raise self._too_long(table[1])
        try:
            return func(*args, **kwargs)
        except (IndexError, RuntimeError) as error:
            if isinstance(error, torch.OutOfMemoryError) or self._limit is None or self._longest <= self._limit:
                raise
            raise self._too_long(self._limit) from error

    def _too_long(self, rows: int) -> InputError:
        limit = self._limit if self._limit is not None and self._limit < self._longest else rows
        return InputError(
            "max-length",
            f"The longest document has {self._longest} tokens, but the model has positions for {limit} only: "
            f"set --max-length {limit} or lower.",
        )


def forget_lengths(model: LoadedModel) -> None:
    """Let dynamic rotary positions start anew: they are those of the longest text since the last short one."""
    if model.alike_above is None:
        return
    for module in model.model.modules():
        for name in [name for name in vars(module) if name.endswith("max_seq_len_cached")]:
            setattr(module, name, 0)


def _table(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, int] | None:
    """The indices with which a function reads rows of a table, and the number of rows; None for other functions."""
    if func is nn.functional.embedding:
        weight = kwargs["weight"] if "weight" in kwargs else args[1]
        return (kwargs["input"] if "input" in kwargs else args[0]), weight.shape[0]
    if func is torch.index_select or func is Tensor.index_select:
        table, axis, index = (*args, *kwargs.values())[:3]
        return index, table.shape[axis]
    if func is Tensor.__getitem__ and isinstance(args[1], Tensor) and args[1].dtype in (torch.int64, torch.int32):
        return args[1], args[0].shape[0]
    return None
