"""One checkpoint on one sample: the unit of a worker's measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cache.digests import State, file_states
from estimator.checkpoints.revision import Revision
from estimator.errors import MeasurementError
from estimator.request import MeasurementRequest
from estimator.text.labels import LabelKind, LabelText


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One family of a request's labels for one checkpoint: some ``kinds`` of labels of a text, on a device.

    ``identity`` identifies the measurements, ``states`` the scores they are computed from, whatever the labels.
    ``commit`` is the revision's, or the digest of a folder's files, whose states when it was taken are ``files``.
    """

    revision: Revision
    commit: str
    identity: dict[str, Any]
    states: dict[str, Any]
    text: LabelText
    kinds: Sequence[LabelKind]
    request: MeasurementRequest
    device: str
    files: Mapping[Path, State] = field(default_factory=dict)

    def check_unchanged(self) -> None:
        """Raise :class:`MeasurementError` (``"files"``) if the model's files have changed since they were identified.

        Call it once the model is loaded: weights that are overwritten meanwhile would be measured as those before.
        """
        if file_states(list(self.files)) != self.files:
            raise MeasurementError(
                "files",
                f"The files of {self.revision.folder} changed while they were being read: measure this checkpoint "
                "again once it has been written.",
            )
