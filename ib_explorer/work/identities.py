"""The canonical identities whose digests are cache keys: everything that determines a value and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from estimator import ESTIMATOR_VERSION, SCORES_VERSION
from estimator.checkpoints.catalogue import whole_model
from estimator.checkpoints.revision import Revision
from estimator.measurement import CheckpointMeasurements
from estimator.request import MeasurementRequest
from estimator.states.anchors import anchors_digest
from estimator.text import READING_VERSION
from estimator.text.kinds import NGRAMS
from estimator.text.labels import LabelKind, LabelText

SCHEMA = 1
INCREMENTS_VERSION = 2
"""Part of the key of increments: increase it with every change that alters one."""


def sample_identity(
    corpus: dict[str, Any], tokenizer: str, tokenizer_class: dict[str, Any], request: MeasurementRequest
) -> dict[str, Any]:
    """Identifies the tokens of a sample before any text is tokenised: corpus, tokenizer and size.

    ``tokenizer`` is the digest of the tokenizer's files, ``tokenizer_class`` what decides its class besides them.
    """
    return {
        "schema": SCHEMA,
        "kind": "sample",
        "reading": READING_VERSION,
        "corpus": corpus,
        "tokenizer": tokenizer,
        "tokenizer class": tokenizer_class,
        "documents": request.documents,
        "max_length": request.max_length,
        **({"columns": list(request.columns)} if request.columns else {}),
        **({"match_length": True} if request.match_length else {}),
    }


def checkpoint_identity(
    revision: Revision, commit: str, tokenizer: str, sample: str, dtype: str, request: MeasurementRequest
) -> dict[str, Any]:
    """Identifies all measurements of one checkpoint on one sample with one set of anchors.

    A hub model is identified by its id and commit, a local one by its content digest. Anchors are identified by a draw
    at a fixed width: the width of the model follows from the model.
    """
    return {
        "schema": SCHEMA,
        "kind": "measurements",
        "estimator": ESTIMATOR_VERSION,
        "model": revision.model if revision.folder is None else None,
        "commit": commit,
        "tokenizer": tokenizer,
        "sample": sample,
        "dtype": dtype,
        "anchors": request.anchors,
        "anchor_seeds": list(request.anchor_seeds),
        "anchor_draw": anchors_digest(request.anchors, request.anchor_seeds),
    }


def scores_identity(checkpoint: dict[str, Any], layers: str, variant: str) -> dict[str, Any]:
    """Identifies the scores of some layers (as a request names them) of a checkpoint, in one variant."""
    scores = {"kind": "layer scores", "estimator": SCORES_VERSION, "layers": layers, "variant": variant}
    return {**checkpoint, **scores}


def with_labels(identity: dict[str, Any], text: LabelText, kinds: Sequence[LabelKind]) -> dict[str, Any]:
    """Identifies values of one family of labels, adding their digest unless the sample determines them (n-grams)."""
    is_decided = all(kind.name in NGRAMS for kind in kinds)
    return identity if is_decided else {**identity, "labels": text.digest(kinds)}


def increments_identity(measurements: str) -> dict[str, Any]:
    """Identifies the increments of one checkpoint by the key of its measurements."""
    return {"schema": SCHEMA, "kind": "increments", "version": INCREMENTS_VERSION, "measurements": measurements}


def series_identity(measurements: CheckpointMeasurements) -> dict[str, Any]:
    """Identifies the checkpoints of one model that one request measures on one sample: one trajectory."""
    return {
        "estimator": measurements.estimator_version,
        "model": whole_model(measurements.model),
        "sample": measurements.sample,
        "dtype": measurements.dtype,
        "anchors": measurements.anchors,
        "anchor_seeds": list(measurements.anchor_seeds),
    }


def bound_identity(sample: str, granularity: str, curve: str) -> dict[str, Any]:
    """Identifies a curve (:class:`estimator.bottleneck.bounds.Curve`) of a sample by its name."""
    return {
        "schema": SCHEMA,
        "kind": "bound",
        "estimator": ESTIMATOR_VERSION,
        "sample": sample,
        "granularity": granularity,
        "conditionals": curve,
    }
