from __future__ import annotations

import csv
import io
import math
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.curve import distance_to_bound
from estimator.errors import InputError
from estimator.values import VALUES
from ib_explorer.tables.csv import check_writable, protected, table_text, unprotected, write_text
from ib_explorer.tables.measurements import columns, points_of, points_text
from tests.ib_explorer.fake_worker import fabricated_checkpoint
from tests.ib_explorer.synthetic import curve

DESIGN = """model, revision, commit, stage, step, tokens, layer, site, granularity, weights, variant, anchors,
anchor_seeds, temperature_rule, temperature, documents, positions, entropy, ceiling, complexity, complexity_null,
complexity_corrected, complexity_high, complexity_se, expressivity, expressivity_null, expressivity_corrected,
expressivity_high, expressivity_se, optimality, optimality_corrected, input_labels, output_labels, input_singletons,
output_singletons, loss, resultant_length, participation_ratio, corpus, estimator_version, key,
complexity_within, complexity_document, complexity_adjusted, complexity_adjusted_se, complexity_low,
expressivity_within, expressivity_document, expressivity_adjusted, expressivity_adjusted_se, expressivity_low,
optimality_adjusted, optimality_adjusted_se, predictive_share, predictive_share_se,
bound_gap_low, bound_gap_high, epsilon_ib, bits_per_byte, complexity_length"""


@pytest.fixture
def checkpoint():
    return fabricated_checkpoint("k" * 64, "my, model", "step5")


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_columns_are_those_promised():
    assert list(columns()) == DESIGN.replace("\n", " ").split(", ")


def test_values_survive_at_full_precision(checkpoint):
    rows = read(points_text(points_of(checkpoint)))
    first, row = rows[0], checkpoint.rows[0]
    assert first["model"] == "my, model" and first["anchor_seeds"] == "0,1"
    assert float(first["entropy"]) == row.entropy
    assert float(first["complexity"]) == row.complexity.plugin
    assert float(first["complexity_corrected"]) == row.complexity.corrected
    assert float(first["complexity_high"]) == row.complexity.high
    assert float(first["expressivity_se"]) == row.expressivity.se
    assert float(first["optimality"]) == VALUES["paper"].optimality(row)
    assert float(first["optimality_corrected"]) == VALUES["corrected"].optimality(row)
    assert float(first["complexity_adjusted"]) == row.complexity.adjusted
    assert float(first["complexity_document"]) == row.complexity.within - row.complexity.null
    assert float(first["predictive_share"]) == row.expressivity.adjusted / row.ceiling
    assert (first["input_labels"], first["input_singletons"], first["loss"]) == ("50", "0.25", "2.5")


def test_what_is_not_defined_is_empty(checkpoint):
    first = read(points_text(points_of(checkpoint)))[0]
    assert first["stage"] == first["tokens"] == first["participation_ratio"] == ""
    assert table_text(["x"], [[float("nan")], [float("inf")], [None], [0.0]]) == 'x\r\n""\r\n""\r\n""\r\n0.0\r\n'


def test_optimality_of_noise_is_withheld():
    noise = fabricated_checkpoint("k", "m", "step1", noise=True)
    first = read(points_text(points_of(noise)))[0]
    assert first["optimality_corrected"] == first["optimality_adjusted"] == first["optimality_adjusted_se"] == ""
    assert first["optimality"] != ""


def test_gaps_are_those_of_the_adjusted_point_to_the_estimate_and_the_curve(checkpoint):
    row = checkpoint.rows[0]
    curves = {"held-out": curve("token", "held-out"), "raw": curve("token", "raw")}
    uniform = replace(checkpoint, rows=(replace(row, weights="uniform"),))
    unknown = replace(checkpoint, rows=(replace(row, complexity=replace(row.complexity, adjusted=None)),))
    found = lambda *known: lambda record, row, wanted: curves[wanted.name] if wanted.name in known else None  # noqa: E731
    first, *_ = read(points_text(points_of(checkpoint), found("held-out", "raw")))
    bits = math.log2(checkpoint.anchors)
    low, high = (
        distance_to_bound(one, row.complexity.adjusted * bits, row.expressivity.adjusted * bits)
        for one in curves.values()
    )
    written = [float(first[name]) for name in ("bound_gap_low", "bound_gap_high", "epsilon_ib")]
    assert written == [low.gap, high.gap, high.epsilon] and low.gap < high.gap
    first, *_ = read(points_text(points_of(checkpoint), found("held-out")))
    assert first["bound_gap_low"] and first["bound_gap_high"] == first["epsilon_ib"] == ""
    for record in (uniform, unknown):
        (first,) = read(points_text(points_of(record), found("held-out", "raw")))
        assert first["bound_gap_low"] == first["bound_gap_high"] == first["epsilon_ib"] == ""


def test_bits_per_byte_are_written_where_the_loss_is_known(checkpoint):
    known = replace(checkpoint, bytes_per_token=4.0)
    assert float(read(points_text(points_of(known)))[0]["bits_per_byte"]) == 2.5 / math.log(2) / 4
    assert read(points_text(points_of(checkpoint)))[0]["bits_per_byte"] == ""


def test_the_header_is_there_without_rows_and_lines_end_as_rfc_4180_says():
    assert points_text([]) == ",".join(columns()) + "\r\n"


def test_every_row_has_a_key_of_its_own(checkpoint):
    keys = [row["key"] for row in read(points_text(points_of(checkpoint)))]
    assert len(set(keys)) == len(keys) == 6


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (None, [1, 1, 2, 2, "mean", "mean"]),
        ("all", [1, 1, 2, 2, "mean", "mean"]),
        ("mean", ["mean", "mean"]),
        ("2", [2, 2]),
    ],
)
def test_rows_are_of_the_layers_asked_for(checkpoint, layers, expected):
    assert [row.layer for _, row in points_of(checkpoint, layers)] == expected


def test_rows_of_other_requests_are_left_out(checkpoint):
    other = replace(checkpoint.rows[0], layer=0, site="embedding", temperature_rule="0.5", weights="uniform")
    both = replace(checkpoint, rows=(other, *checkpoint.rows))
    assert len(points_of(both)) == 7
    assert len(points_of(both, "all")) == 6
    assert len(points_of(both, None, ("token",), ("exact",), ("frequency",))) == 3
    assert points_of(both, temperatures=("0.5",)) == [(both, other)]


def test_variants_and_minimum_counts_are_told_apart(checkpoint):
    row = checkpoint.rows[0]
    uniform = [replace(row, weights="uniform", min_count=count) for count in (5, 3)]
    both = replace(checkpoint, rows=(row, *uniform, replace(row, variant="centred")))
    written = read(points_text(points_of(both, "1")))
    assert [line["weights"] for line in written] == ["frequency", "uniform", "uniform>=3", "frequency"]
    assert len({line["key"] for line in written}) == 4
    assert [found.variant for _, found in points_of(both, "1", variants=("centred",))] == ["centred"]
    assert [found.min_count for _, found in points_of(both, "1", min_count=3)] == [1, 3, 1]


def test_writing_replaces_the_file_whole(checkpoint, tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("before")
    write_text(path, points_text(points_of(checkpoint)))
    assert path.read_bytes().decode() == points_text(points_of(checkpoint))
    assert os.listdir(tmp_path) == ["out.csv"]


def test_a_failed_write_leaves_what_was_there(checkpoint, tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    path.write_text("before")

    def full(*names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        write_text(path, points_text(points_of(checkpoint)))
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["out.csv"]


def test_a_place_that_cannot_be_written_is_found_out_early(tmp_path):
    check_writable(tmp_path / "out.csv")
    with pytest.raises(InputError, match="there is no folder"):
        check_writable(tmp_path / "no" / "out.csv")
    with pytest.raises(InputError, match="it is a folder"):
        check_writable(tmp_path)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-x", "'-x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("'=1", "''=1"),
        ("''-x", "'''-x"),
        ("'quoted'", "'quoted'"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_is_protected_and_read_back(text, cell):
    assert (protected(text), unprotected(cell)) == (cell, text)
    (row,) = read(table_text(["name", "number"], [[text, 1]]))
    assert row["name"] == cell


@given(st.text(alphabet="'=+-@\t\ra"))
def test_every_text_is_read_back(text):
    assert unprotected(protected(text)) == text
    assert not protected(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_numbers_below_zero_stay_numbers():
    (row,) = read(table_text(["a", "b", "c"], [[-0.5, -3, "-3"]]))
    assert row == {"a": "-0.5", "b": "-3", "c": "'-3"}
