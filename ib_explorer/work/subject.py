"""One checkpoint on one sample: what a worker measures at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from estimator.checkpoints.revision import Revision
from estimator.request import MeasurementRequest
from estimator.text.sample import Sample

AnySample = TypeVar("AnySample", bound=Sample)


@dataclass(frozen=True, slots=True, eq=False)
class Subject(Generic[AnySample]):
    """What a request means for one checkpoint: on this sample and device, under the name of ``document``.

    ``commit`` is the revision's, or the digest of a folder's files.
    """

    revision: Revision
    commit: str
    document: dict[str, Any]
    sample: AnySample
    request: MeasurementRequest
    device: str
