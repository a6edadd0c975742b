"""One checkpoint on one sample: the unit of a worker's measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from estimator.checkpoints.revision import Revision
from estimator.request import MeasurementRequest
from estimator.text.labels import LabelKind, LabelText


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One family of a request's labels for one checkpoint: some ``kinds`` of labels of a text, on a device.

    ``identity`` identifies the measurements, ``states`` the scores they are computed from, whatever the labels.
    ``commit`` is the revision's, or the digest of a folder's files.
    """

    revision: Revision
    commit: str
    identity: dict[str, Any]
    states: dict[str, Any]
    text: LabelText
    kinds: Sequence[LabelKind]
    request: MeasurementRequest
    device: str
