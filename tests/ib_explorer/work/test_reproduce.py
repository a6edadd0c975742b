"""``reproduce``: the published values come out, a difference is told, and noise has no optimality."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest

from estimator.errors import InputError
from estimator.measurement import Information
from estimator.text.kinds import NGRAMS
from estimator.text.sample import Sample
from ib_explorer.__main__ import main
from ib_explorer.cli import reproduce
from ib_explorer.cli.session import Session
from ib_explorer.work import reproduction
from tests.ib_explorer.fake_worker import fabricated_checkpoint


@pytest.fixture
def computed(monkeypatch):
    """Replaces the computation by a process that runs a line of Python."""

    def stand_in(statement):
        monkeypatch.setattr(reproduce, "COMPUTATION", (sys.executable, "-c", f"import sys\n{statement}"))

    return stand_in


def test_digits_are_the_published_ones(capsys):
    assert main(["reproduce", "digits"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 14
    assert lines[1].split() == ["H(Z)", "0.4104", "0.4104"]
    assert lines[2].split() == ["I(digit;Z)", "0.0557", "0.0557"]


def test_a_value_that_differs_is_told_by_the_exit_code(computed, capsys):
    found = reproduction.digits() | {"H(Z)": 0.4106}
    computed(f"print({json.dumps(found)!r})")
    assert main(["reproduce", "digits"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("differs") and not any(line.endswith("differs") for line in lines[2:])


def test_without_scikit_learn_one_sentence_says_what_to_install(computed, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(InputError, match=r"install ib-explorer\[reproduce\]"):
        reproduction.digits()
    computed("print('a warning', file=sys.stderr); print('It is missing.', file=sys.stderr); sys.exit(2)")
    assert main(["reproduce", "digits"]) == 2
    assert capsys.readouterr().err == "ib-explorer: It is missing.\n"


def test_a_computation_that_breaks_is_exit_1(computed, capsys):
    computed("raise SystemError('broken')")
    assert main(["reproduce", "digits"]) == 1
    assert capsys.readouterr().err == "ib-explorer: The computation failed: SystemError: broken.\n"


def test_states_without_skill_have_no_adjusted_optimality():
    """Documents alone and pure noise score as published; within documents nothing remains of either."""
    tokens = np.minimum(np.random.default_rng(5).zipf(1.3, 4000), 400).astype(np.int32)
    sample = Sample(tokens, np.arange(0, 4001, 200), "zipf", "no digest", 200)
    found = reproduction.references(sample, 64)
    assert tuple(found) == ("pure noise", "document only", "next token only")
    for name in ("pure noise", "document only"):
        assert tuple(found[name]) == NGRAMS
        for row in found[name].values():
            x, y = (Information(**row[side]) for side in ("input", "output"))
            assert y.plugin / x.plugin == pytest.approx(1, abs=0.02)
            assert x.is_adjusted_zero and y.is_adjusted_zero
    for row in found["document only"].values():
        assert Information(**row["input"]).adjusted == pytest.approx(0, abs=1e-6)
    following = found["next token only"]["token"]
    assert following["output"]["adjusted"] == pytest.approx(following["ceiling"], abs=1e-5)


def test_findings_show_states_without_skill_untrained_and_trained(computed, capsys, monkeypatch):
    measured = []
    for step in (0, 400):
        checkpoint = fabricated_checkpoint("k", "demo", f"step{step}")
        rows = tuple(replace(row, granularity=granularity) for row in checkpoint.rows[::2] for granularity in NGRAMS)
        measured.append(replace(checkpoint, rows=rows))
    asked = []
    monkeypatch.setattr(
        reproduce, "measure_all", lambda requests, cache_dir: (asked.extend(requests), (Session((), ()), measured))[1]
    )
    side = asdict(Information(plugin=0.2, null=0.2, high=0.21, se=0.01, spread=0.0, labels=9, singletons=0.0))
    side |= {"within": 0.2, "low": -0.02, "adjusted": 0.0, "adjusted_se": 0.01}
    row = {"input": side, "output": side, "ceiling": 0.5, "covariance": 0.0}
    computed(f"import json; print(json.dumps({ {'pure noise': {g: row for g in NGRAMS}}!r}))")
    assert main(["reproduce", "findings"]) == 0
    assert [(request.model, request.revision) for request in asked] == [("demo", "log:2")]
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == list(NGRAMS)
    assert "pure noise" in lines[3] and "1.00" in lines[3] and "–" in lines[3] and lines[3].endswith("0.000 ± 0.020")
    assert "step0" in lines[4] and "step400" in lines[5] and "0.50 ±" in lines[5]
