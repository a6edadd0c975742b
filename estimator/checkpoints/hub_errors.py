"""What the hub's client raises, as sentences for users."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from huggingface_hub import constants
from huggingface_hub.errors import (
    DryRunError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    XetDownloadError,
)

from estimator.checkpoints.hub_client import endpoint
from estimator.checkpoints.patience import Unavailable
from estimator.errors import InputError, MeasurementError, first_lines

_WRONG_LENGTH = "Consistency check failed"
"""The client's words for a file that is shorter or longer than announced; it has no exception of its own for that."""


@contextlib.contextmanager
def explained(model: str, revision: str | None = None) -> Iterator[None]:
    """Turn what the client raises for a model into :class:`InputError` or :class:`MeasurementError`."""
    try:
        yield
    except (Unavailable, HTTPError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _sentence(model, revision, _reason(error)) from error


def is_no_answer(error: Exception) -> str | None:
    """The reason, if the hub failed in the middle of an answer, so that another attempt may succeed; else None."""
    error = _reason(error)
    if isinstance(error, OSError) and str(error).startswith(_WRONG_LENGTH):
        return "sent a file of the wrong length"
    if isinstance(error, HTTPError) and not isinstance(error, HfHubHTTPError):
        return f"stopped in the middle of a file ({type(error).__name__})"
    if isinstance(error, XetDownloadError | RuntimeError):
        return f"failed to deliver a file ({first_lines(error)[:-1]})"
    return None


def out_of_reach(what: str) -> InputError:
    """The error for something that is not cached, in offline mode."""
    return InputError(
        "model",
        f"{what} is neither a local folder nor in the local hub cache, and offline mode is on (HF_HUB_OFFLINE): "
        "download it while online, with ib-explorer fetch.",
    )


def _reason(error: Exception) -> Exception:
    """The failure behind the client's remark that a file is not cached either."""
    while isinstance(error, LocalEntryNotFoundError | DryRunError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def _sentence(model: str, revision: str | None, error: Exception) -> InputError | MeasurementError:
    what = model if revision is None else f"{model}@{revision}"
    if isinstance(error, Unavailable):
        return MeasurementError(
            "network", f"{what} could not be fetched, because the hub {error.reason}: run the same command again later."
        )
    if isinstance(error, OfflineModeIsEnabled):
        return out_of_reach(what)
    if isinstance(error, RevisionNotFoundError):
        return InputError("revision", f"{model} no longer has a revision {revision}: choose another one.")
    if isinstance(error, GatedRepoError):
        return InputError(
            "access", f"{model} is gated: accept its terms at {endpoint()}/{model} and sign in with `hf auth login`."
        )
    if isinstance(error, RepositoryNotFoundError):
        return InputError(
            "model",
            f"There is no local folder and no public model {model} on the hub: check the name, or sign in with `hf "
            "auth login`.",
        )
    if isinstance(error, HfHubHTTPError):
        return _refusal(what, model, error.response.status_code)
    if isinstance(error, FileMetadataError | KeyError | TypeError | AttributeError | ValueError):
        return InputError(
            "hub",
            f"{endpoint()} does not answer like a Hugging Face hub when asked for {what} ({first_lines(error)[:-1]}): "
            "check HF_ENDPOINT, and whether a proxy asks to sign in.",
        )
    if isinstance(error, OSError) and error.errno is not None:
        where = error.filename or constants.HF_HUB_CACHE
        return InputError(
            "disk",
            f"{what} cannot be stored in {where} ({error.strerror}): make room or permit writing there, or set HF_HOME "
            "to another folder.",
        )
    return MeasurementError("network", f"{what} could not be fetched ({first_lines(error)[:-1]}): try again later.")


def _refusal(what: str, model: str, status: int) -> InputError:
    if status in (401, 403):
        return InputError(
            "access",
            f"The hub does not permit you to read {what} (status {status}): request access at {endpoint()}/{model}, or "
            "sign in with `hf auth login` to an account that has it.",
        )
    return InputError("model", f"The hub refused {what} (status {status}): check the name, or choose another revision.")
