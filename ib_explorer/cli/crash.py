"""Unexpected errors: one sentence for the user, and the traceback in a log."""

from __future__ import annotations

from traceback import format_exception

from cache.locations import Locations, usable
from estimator.errors import InputError, MeasurementError, foreseen
from estimator.safe_text import safe

LOG = "explorer.log"


def reported(error: Exception, places: Locations) -> InputError | MeasurementError:
    """``error`` as one whose message is for users; the traceback of an unexpected one goes to a log that it names."""
    failure = foreseen(error)
    if failure.kind != "internal" or error is failure:
        return failure
    log = usable(places.log, places.cache / "logs") / LOG
    try:
        with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(f"{safe(line)}\n" for line in "".join(format_exception(error)).splitlines())
    except OSError:
        return failure
    return MeasurementError("internal", f"{failure} Its traceback is in {log}.")
