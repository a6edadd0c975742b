"""The requests that measured what is cached, so that a later process can ask for more of the same sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cache.entries import Entry
from cache.keys import key
from cache.records import RecordStore
from estimator.errors import InputError
from estimator.request import MeasurementRequest


class RequestStore(RecordStore[MeasurementRequest]):
    """The latest request of each series of checkpoints, one small file each; the series are described by the caller."""

    def put(self, series: Mapping[str, Any], request: MeasurementRequest) -> None:
        """Store the latest request of ``series``, replacing any earlier one; raises InputError as writing does."""
        identity = {"schema": self.schema, "kind": "request", **series}
        if self.load(key(identity)) != request:
            self.entries.put(identity, {"schema": self.schema, **asdict(request)}, {})

    def all(self) -> list[tuple[Mapping[str, Any], MeasurementRequest]]:
        """Every request with the description of its series."""
        return [(_series(entry), request) for entry, request in self._all()]

    def _decode(self, entry: Entry) -> MeasurementRequest:
        fields = {name: value for name, value in entry.value.items() if name != "schema"}
        try:
            return MeasurementRequest.from_json(fields)
        except InputError as error:  # such as labels of a package that is not installed any more
            raise ValueError(str(error)) from error


def _series(entry: Entry) -> Mapping[str, Any]:
    return {name: value for name, value in entry.identity.items() if name not in ("schema", "kind")}
