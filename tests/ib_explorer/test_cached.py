from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cache import Cache
from estimator.bottleneck.bounds import ESTIMATE, RAW
from ib_explorer.cached import CachedCurves
from ib_explorer.drawing.view import View
from ib_explorer.work.identities import bound_identity
from tests.ib_explorer.synthetic import checkpoint, curve


def test_of_several_versions_of_a_curve_the_newest_is_found(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for version, most in (("9", 2.0), ("10", 3.0), ("2", 1.0)):
        identity = {**bound_identity("sample", "token", RAW.name), "estimator": version}
        cache.curves.put(identity, replace(curve(), mutual_information=most))
    record = checkpoint(1)
    row = next(row for row in record.rows if row.granularity == "token")
    found = CachedCurves(cache).of_row(record, row, RAW)
    assert found is not None and found.mutual_information == 3.0


def test_curves_are_those_of_the_sample_and_the_labels(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for wanted in (RAW, ESTIMATE):
        cache.curves.put(bound_identity("sample", "token", wanted.name), curve("token", wanted.name))
    cache.curves.put(bound_identity("other", "bigram", RAW.name), curve("bigram"))
    cache.curves.put(bound_identity("sample", "trigram", RAW.name), replace(curve("trigram"), input_labels=7))
    curves, records = CachedCurves(cache), [checkpoint(1), checkpoint(4)]
    assert curves.drawn(records, View()) == (curve(), curve("token", ESTIMATE.name))
    assert curves.drawn(records, View(bound="held-out")) == (curve("token", ESTIMATE.name), None)
    for labels in ("bigram", "trigram"):  # of another sample, of other labels
        assert curves.drawn(records, View(granularity=labels)) == (None, None)
    assert curves.drawn([records[0], replace(records[1], sample="other")], View()) == (None, None)
