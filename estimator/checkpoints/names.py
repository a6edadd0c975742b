"""Names of checkpoints, read as places in training: stage, branch, step and tokens."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from estimator.checkpoints.catalogue import facts
from estimator.checkpoints.revision import SOUP, Revision

_PART = r"(?:^|[-_/.])"
_END = r"(?![a-z0-9])"
_HUB_ID = re.compile(r"[^/.~][^/]*/[^/]+")
_STAGES = tuple(
    (re.compile(_PART + pattern + _END, re.IGNORECASE), form)
    for pattern, form in (
        (r"stage[-_]?(\d+)", "stage{}"),
        (r"phase[-_]?(\d+)", "phase{}"),
        (r"mid[-_](\d+)", "mid{}"),
        (r"lc-(\d+k)-to-(\d+k)", "long{}-{}"),
        (r"(longctx|extension)", "{}"),
    )
)
_INGREDIENT = re.compile(_PART + r"ingredient[-_]?(\d+)((?:\+\d+)*)" + _END, re.IGNORECASE)
_SOUP = re.compile(_PART + "soup" + _END, re.IGNORECASE)
_SEED = re.compile(r"(?:^|[-_])(seed[-_]?(?:\d+|[a-z][\w-]*?))(?=[-_](?:step|tokens)|$)", re.IGNORECASE)
_RATE = re.compile(r"(?:^|[-_])(?:lr[-_]?)?(\d+(?:\.\d+)?e-?\d+)(?=[-_]|$)", re.IGNORECASE)
_STEPS = (
    re.compile(_PART + r"(?:global[-_]?)?(?:step|checkpoint|ckpt|iter)[-_=]?(\d+)(k?)" + _END, re.IGNORECASE),
    re.compile(_PART + r"base[-_](\d{4,})()" + _END, re.IGNORECASE),
    re.compile(r"(?:mid|stage)[-_]\d+[-_](\d{4,})()$", re.IGNORECASE),
    re.compile(r"^(\d{1,12})()$"),
)
_AMOUNT = r"(\d+(?:\.\d+)?)"
_TOKENS = (
    re.compile(_PART + r"tokens?[-_]?" + _AMOUNT + "([KMBT]?)" + _END, re.IGNORECASE),
    re.compile(r"step[-_]\d+k?[-_]" + _AMOUNT + "([BT])T?" + _END, re.IGNORECASE),
    re.compile(r"(?:^|/)" + _AMOUNT + "([KMBT])T?$"),
)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}

_KINDS_BY_STAGE = (
    ("stage1", "pretrain"),
    ("stage", "midtrain"),
    ("phase", "pretrain"),
    ("mid", "midtrain"),
    ("long", "longctx"),
    ("extension", "longctx"),
)
_KINDS_BY_MODEL = ((re.compile(r"(?i)-sft(?:-|$)"), "sft"), (re.compile(r"(?i)-dpo(?:-|$)"), "dpo"))
_KINDS_BY_NAME = ((re.compile(r"(?i)^iter[-_]"), "pretrain"), (re.compile(r"(?i)^base[-_](?:\d|final$)"), "pretrain"))


def parse_checkpoint(model: str, name: str, commit: str | None, folder: str | None = None) -> Revision:
    """The revision called ``name``, with its place in training as read from the name and the catalogue.

    Recognised are names such as ``stage2-ingredient1-step2000-tokens5B``, ``stage2-ingredient1+2-step23842`` (the mean
    of two ingredients), ``step-250000``, ``ckpt_100``, ``iter_0002384``, ``128000``, ``16.78B``, ``5e-5-step1000``,
    ``step37500-seed-default`` and ``longctx-step850``; for any other name stage, step and tokens are None. The name
    ``main`` has the place that the repository's name tells, if it does (``…-step-1431k-3T``).
    """
    written = name.rstrip("/")
    if name == "main" and folder is None and _HUB_ID.fullmatch(model):
        repository = model.rpartition("/")[2]
        read = _read(model, repository) if _step(repository) is not None else Revision(model, name)
        read = replace(read, fork=None)
    else:
        read = _read(model, written)
    return _as_known(replace(read, name=name, commit=commit, folder=folder))


def _read(model: str, name: str) -> Revision:
    stage = _stage(name)
    step, tokens = _step(name), _tokens(name)
    fork = _SEED.search(name) or _RATE.search(name)
    ingredient = _ingredient(name, stage)
    return Revision(
        model=model,
        name=name,
        stage=stage,
        ingredient=ingredient,
        step=step,
        tokens=tokens,
        kind=SOUP if ingredient == SOUP else _kind(model, name, stage),
        fork=fork[1] if fork and step is not None else None,
    )


def _stage(name: str) -> str | None:
    for pattern, form in _STAGES:
        if match := pattern.search(name):
            parts = (str(int(part)) if part.isdecimal() else part.lower() for part in match.groups())
            return form.format(*parts)
    return None


def _ingredient(name: str, stage: str | None) -> int | Literal["soup"] | None:
    match = _INGREDIENT.search(name)
    if match is None:
        return SOUP if stage is not None and _SOUP.search(name) else None
    return SOUP if match[2] else int(match[1])


def _step(name: str) -> int | None:
    match = next((found for pattern in _STEPS if (found := pattern.search(name))), None)
    return None if match is None else int(match[1]) * (1000 if match[2] else 1)


def _tokens(name: str) -> int | None:
    match = next((found for pattern in _TOKENS if (found := pattern.search(name))), None)
    return None if match is None else int(Decimal(match[1]) * _UNITS[match[2].upper()])


def _kind(model: str, name: str, stage: str | None) -> str | None:
    if stage is not None:
        return next(kind for word, kind in _KINDS_BY_STAGE if stage == word or (word != "stage1" and word in stage))
    known = next((kind for pattern, kind in _KINDS_BY_NAME if pattern.search(name)), None)
    if known is None and name != "main":
        known = next((kind for pattern, kind in _KINDS_BY_MODEL if pattern.search(model.rpartition("/")[2])), None)
    return known


def _as_known(revision: Revision) -> Revision:
    """The revision with what the catalogue knows of its model: kinds, exact tokens, code names, and what main is."""
    known = facts(revision.model)
    if known is None:
        return revision
    if revision.name == "main":
        revision = _main(revision, known.main)
    elif revision.name in known.code_names:
        kind = known.kinds.get(revision.name, known.kind)
        return replace(revision, kind=kind, ordinal=known.code_names.index(revision.name))
    if not revision.is_placed:
        return revision
    if revision.stage is None and revision.step is not None and revision.kind is None:
        revision = replace(revision, stage=known.first_stage, kind=known.kind)
    if revision.stage is not None and revision.ingredient != SOUP:
        revision = replace(revision, kind=known.kinds.get(revision.stage, revision.kind))
    if revision.kind is None:
        revision = replace(revision, kind=known.kind)
    each = known.tokens_each_step(revision.stage)
    return revision if revision.step is None or not each else replace(revision, tokens=revision.step * each)


def _main(revision: Revision, what: str) -> Revision:
    kinds = {"empty": "none", "mean": SOUP, "annealed": "anneal"}
    fork = "main" if what in ("mean", "annealed") else revision.fork
    return replace(revision, kind=kinds.get(what, revision.kind), fork=fork)
