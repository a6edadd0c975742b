"""Weights in ``.bin`` files, which are pickles: read by torch's restricted unpickler, which runs none of their code."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from estimator.errors import InputError, first_lines

_NAMED = re.compile(r"GLOBAL ([\w.]+)")


def pickled_shapes(files: Sequence[Path], where: str) -> list[Sequence[int]]:
    """The shapes of the tensors in ``.bin`` files, without their numbers.

    Raises :class:`InputError` (``"weights"``) for files that are damaged, that hold anything but named tensors, or that
    name code to run, which is not run.
    """
    return [tuple(tensor.shape) for path in files for tensor in _tensors(path, where)]


def _tensors(path: Path, where: str) -> list[torch.Tensor]:
    """The tensors of a file on torch's device without memory."""
    try:
        is_zip = zipfile.is_zipfile(path)
        if is_zip and _expands(path):
            raise InputError(
                "weights", f"{path.name} of {where} is compressed, as weights never are: choose another revision."
            )
        # Legacy files are no archives, and cannot be mapped into memory.
        found: Any = torch.load(path, map_location="meta", weights_only=True, mmap=is_zip)
    except pickle.UnpicklingError as error:
        if named := _NAMED.search(str(error)):
            raise InputError(
                "weights",
                f"{path.name} of {where} names {named[1]}, which is not a tensor and could run code; it was not run: "
                "choose a revision with safetensors, and do not load this file with other tools.",
            ) from error
        raise _damaged(path, where, "no tensors as torch.save writes them") from error
    except InputError:
        raise
    except Exception as error:  # whatever the reader makes of the bytes in the file
        raise _damaged(path, where, first_lines(error)[:-1]) from error
    if not isinstance(found, Mapping) or not all(isinstance(one, torch.Tensor) for one in found.values()):
        raise InputError(
            "weights",
            f"{path.name} of {where} is not a state dict, which maps names to tensors: save the model with "
            "save_pretrained.",
        )
    return list(found.values())


def _expands(path: Path) -> bool:
    """Whether the members of an archive take more room than the file itself."""
    with zipfile.ZipFile(path) as archive:
        return sum(member.file_size for member in archive.infolist()) > path.stat().st_size


def _damaged(path: Path, where: str, reason: str) -> InputError:
    return InputError(
        "weights", f"{path.name} of {where} is damaged or truncated ({reason}): download or save the weights again."
    )
