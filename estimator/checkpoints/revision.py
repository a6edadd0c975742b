"""A checkpoint of a model, before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Revision:
    """One checkpoint: its location and its place in training.

    ``model`` is the displayed name (hub id, folder or ``"demo"``), ``name`` the branch, tag or checkpoint folder.
    ``commit`` is the hub's; None for a local ``folder``, which is identified by its content digest instead. ``step``
    and ``tokens`` count from the start of ``stage`` (tokens as published, rounded to 1e9 on most hubs).
    """

    model: str
    name: str
    commit: str | None = None
    folder: str | None = None
    stage: str | None = None
    ingredient: int | None = None
    step: int | None = None
    tokens: int | None = None
