"""Measured checkpoints by trajectory, in training order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import Any

from estimator.checkpoints.catalogue import whole_model
from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tree import in_training_order
from estimator.measurement import CheckpointMeasurements
from ib_explorer.drawing.shelf import Same, shelf_of


@dataclass(frozen=True, slots=True)
class Trajectory:
    """The attributes shared by checkpoints joined with a line: the model, its sample and anchors."""

    model: str
    sample: str
    anchors: int
    anchor_seeds: tuple[int, ...]
    dtype: str
    estimator_version: str

    @classmethod
    def of(cls, checkpoint: CheckpointMeasurements) -> Trajectory:
        """The trajectory of a measured checkpoint."""
        return cls(
            whole_model(checkpoint.model),
            checkpoint.sample,
            checkpoint.anchors,
            checkpoint.anchor_seeds,
            checkpoint.dtype,
            checkpoint.estimator_version,
        )

    @classmethod
    def named(cls, series: Mapping[str, Any]) -> Trajectory | None:
        """The trajectory that a series of checkpoints in the cache is; None if it is described otherwise."""
        try:
            names = ("model", "sample", "anchors", "anchor_seeds", "dtype", "estimator")
            model, sample, anchors, seeds, dtype, version = (series[name] for name in names)
            return cls(model, sample, anchors, tuple(seeds), dtype, version)
        except (KeyError, TypeError):
            return None


def checkpoints_of(records: Iterable[CheckpointMeasurements]) -> list[tuple[CheckpointMeasurements, ...]]:
    """The checkpoints of one trajectory in training order, each with its records: one per family of labels."""
    parts: dict[Revision, list[CheckpointMeasurements]] = {}
    for record in records:
        parts.setdefault(revision_of(record), []).append(record)
    return [tuple(parts[revision]) for revision in in_training_order(parts)]


def by_trajectory(
    records: tuple[CheckpointMeasurements, ...],
) -> Mapping[Trajectory, tuple[CheckpointMeasurements, ...]]:
    """The records of each trajectory in training order; cached by the identity of the tuple."""
    return _by_trajectory(Same(records))


@lru_cache(maxsize=4)
def _by_trajectory(
    records: Same[tuple[CheckpointMeasurements, ...]],
) -> Mapping[Trajectory, tuple[CheckpointMeasurements, ...]]:
    groups = grouped(records.value)
    return {trajectory: tuple(chain(*checkpoints_of(mine))) for trajectory, mine in groups.items()}


def revision_of(record: CheckpointMeasurements) -> Revision:
    """The revision of the checkpoint that ``record`` measured."""
    return _revision(record.model, record.revision, record.commit, record.stage, record.step, record.tokens)


@lru_cache(maxsize=4096)
def _revision(model: str, name: str, commit: str, stage: str | None, step: int | None, tokens: int | None) -> Revision:
    read = parse_checkpoint(model, name, commit)
    return replace(
        read,
        stage=stage if read.stage is None else read.stage,
        step=step if read.step is None else read.step,
        tokens=tokens if read.tokens is None else read.tokens,
    )


def layers_measured(records: Iterable[CheckpointMeasurements]) -> list[int]:
    """The layers that have rows in any of ``records``, ascending."""
    return sorted(set[int]().union(*(shelf_of(record).layers for record in records)))


def grouped(records: Iterable[CheckpointMeasurements]) -> dict[Trajectory, list[CheckpointMeasurements]]:
    """The records of each trajectory, in the order given."""
    groups: dict[Trajectory, list[CheckpointMeasurements]] = {}
    for record in records:
        groups.setdefault(Trajectory.of(record), []).append(record)
    return groups
