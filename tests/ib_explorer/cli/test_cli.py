from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import pytest

from cache import Cache
from cache.keys import key
from cache.locations import locations
from ib_explorer import __version__
from ib_explorer.__main__ import main
from ib_explorer.cli import main as cli
from ib_explorer.cli.session import Session
from ib_explorer.tables.measurements import columns
from ib_explorer.worker import client
from tests.ib_explorer.synthetic import STEPS, preference, trajectory

FAKE = str(Path(__file__).parents[1] / "fake_worker.py")
ROOT = str(Path(__file__).parents[3])


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command line with fake workers: its exit code, stdout and stderr."""
    for name in ("CACHE", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.delenv("IB_EXPLORER_CACHE", raising=False)
    monkeypatch.setattr(client, "WORKER", (sys.executable, FAKE))

    def command(*arguments):
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def table(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_version_and_help(run):
    assert run("--version") == (0, f"ib-explorer, version {__version__}\n", "")
    code, out, _ = run("--help")
    assert code == 0 and "measure" in out and "doctor" in out


def test_measure_prints_csv_on_stdout_and_tells_the_rest_on_stderr(run):
    code, out, err = run("measure", "kept", "--granularity", "token")
    rows = table(out)
    assert code == 0 and out.startswith(",".join(columns()))
    assert [(row["revision"], row["layer"]) for row in rows] == [
        (step, layer) for step in ("step1", "step2") for layer in ("1", "2", "mean")
    ]
    assert "kept step2: measured" in err


def test_measure_with_csv_prints_the_path(run, tmp_path):
    path = tmp_path / "out.csv"
    code, out, _ = run("measure", "kept", "--layers", "mean", "--csv", str(path))
    assert (code, out) == (0, f"{path}\n")
    assert len(table(path.read_text())) == 4


@pytest.mark.parametrize(
    ("models", "code", "sentence"),
    [
        (["wrong-input"], 2, "There is no model here."),
        (["bad-luck"], 1, "The device is out of memory."),
        (["dying"], 1, "The worker process was killed by signal 9 (SIGKILL, out of memory?)"),
        (["fault"], 1, "ZeroDivisionError"),
    ],
)
def test_a_failure_is_one_sentence_and_an_exit_code(run, models, code, sentence):
    got, out, err = run("measure", *models)
    assert (got, out) == (code, "")
    lines = [line for line in err.splitlines() if line.startswith("ib-explorer: ")]
    assert len(lines) == 1 and sentence in lines[0] and "Traceback" not in err


def test_an_unexpected_error_is_one_sentence_and_its_traceback_is_in_a_log(run, monkeypatch, tmp_path):
    def fail():
        raise ZeroDivisionError("no such luck")

    monkeypatch.setattr("ib_explorer.cli.doctor._versions", fail)
    code, _, err = run("doctor")
    (log,) = tmp_path.rglob("explorer.log")
    sentence = f"This failed with an unexpected error: ZeroDivisionError: no such luck. Its traceback is in {log}."
    assert (code, err) == (1, f"ib-explorer: {sentence}\n")
    assert "Traceback (most recent call last)" in log.read_text() and "in fail" in log.read_text()


def test_checkpoints_that_failed_are_summed_up_with_exit_code_1(run):
    code, _, err = run("measure", "sweep-with-2-deadly", "kept")
    assert code == 1 and "Traceback" not in err
    summary = err[err.index("ib-explorer: 2 of 5 checkpoints failed:") :].splitlines()
    assert [line.split(":")[0] for line in summary[1:3]] == [f"  sweep-with-2-deadly step{step}" for step in (2, 3)]
    assert summary[3] == "What was measured is cached: run the same command again to retry only these."


def test_what_could_be_measured_is_printed_although_another_model_failed(run):
    code, out, _ = run("measure", "wrong-input", "kept")
    assert code == 2 and len(table(out)) == 12


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["measure"], "Missing argument"),
        (["measure", "@main"], "names no model"),
        (["measure", "m", "--anchors", "1"], "--anchors must be at least 2"),
        (["measure", "m", "--anchors", "many"], "whole numbers"),
        (["measure", "m", "--granularity", "word"], "choose from token"),
        (["measure", "m", "--temperature", "0"], "is not a temperature"),
        (["measure", "m", "--temperature", "hot"], "is not a temperature"),
        (["measure", "m", "--layers", "some"], "is not a layer"),
        (["measure", "m", "--documents", "1"], "--documents must be at least 2"),
        (["measure", "m", "--csv", "/no/such/folder/out.csv"], "there is no folder"),
        (["measure", "m", "--no-such"], "No such option"),
        (["nonsense"], "No such command"),
        (["bound"], "--tokenizer"),
        (["plot"], "has no measurements"),
        (["export"], "has no measurements"),
        (["plot", "--layer", "first"], "is not a layer"),
        ([], "needs a terminal"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_2(run, arguments, part):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("ib-explorer: ") and err.count("\n") == 1 and part in err


def test_export_and_plot_read_what_measure_kept(run):
    run("measure", "kept")
    code, out, err = run("export")
    assert (code, err, len(table(out))) == (0, "", 12)
    code, out, _ = run("export", "--layer", "mean", "--granularity", "bigram", "--weights", "frequency")
    assert code == 0 and {(row["layer"], row["granularity"]) for row in table(out)} == {("mean", "bigram")}
    code, out, _ = run("plot", "--width", "60", "--height", "20")
    assert code == 0 and len(out.splitlines()) == 20 and "\x1b" not in out
    code, _, err = run("export", "--temperature", "x0.5")
    assert code == 2 and "No cached measurement matches" in err
    code, _, err = run("export", "--model", "other")
    assert code == 2 and "The cache has no measurements of other: choose from kept." in err


def test_export_and_plot_choose_variants_and_minimum_counts(run):
    run("measure", "kept")
    for command in ("export", "plot"):
        assert run(command, "--variant", "raw", "--min-count", "3")[0] == 0
        assert run(command, "--variant", "centred")[0] == 2


def store(records):
    """Put made-up records into the cache of the commands."""
    for record in records:
        document = {"schema": 1, "kind": "measurements", "step": record.step}
        Cache(locations().cache).measurements.merge(document, replace(record, key=key(document)))


def test_export_writes_checkpoints_in_training_order(run):
    store(reversed(trajectory()))
    revisions = [row["revision"] for row in table(run("export", "--layer", "mean", "--granularity", "token")[1])]
    assert list(dict.fromkeys(revisions)) == [f"step{step}" for step in STEPS]


def test_plot_draws_layers_of_the_last_or_the_named_checkpoint(run):
    store(trajectory())
    code, out, err = run("plot", "--kind", "layers", "--width", "80", "--height", "24")
    assert (code, err, len(out.splitlines())) == (0, "", 24) and "\x1b" not in out
    assert out.splitlines()[0].endswith(" ● I(X;Z)   ■ I(Y;Z)")
    assert out.splitlines()[-1].endswith("layer of demo@step256") and out.splitlines()[-2].split() == list("0123")
    _, out, _ = run("plot", "--kind", "layers", "--checkpoint", "step4")
    assert out.splitlines()[-1].endswith("layer of demo@step4")
    code, out, err = run("plot", "--kind", "layers", "--checkpoint", "step5")
    assert (code, out) == (2, "") and "named 'step5': choose from step0, step1, step4, step16, step64, step256." in err


def test_plot_draws_both_sides_over_training(run):
    store(trajectory())
    code, out, err = run("plot", "--kind", "training", "--height", "36")
    rows = out.splitlines()
    assert (code, err, len(rows)) == (0, "", 36)
    assert [rows[first].split()[0].strip(",") for first in (0, 12, 24)] == ["I(X;Z)", "I(Y;Z)", "optimality"]
    for last in (11, 23, 35):
        assert rows[last].endswith("training step") and rows[last - 1].split() == [str(step) for step in STEPS]


def test_plot_is_coloured_on_a_terminal_unless_no_color_is_set(run, monkeypatch):
    run("measure", "kept")
    monkeypatch.setattr("ib_explorer.cli.plot.sys.stdout.isatty", lambda: True)
    assert "\x1b[38;2;" in run("plot")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("plot")[1]


def test_plot_draws_preference_over_training(run):
    code, _, err = run("plot", "--granularity", "preference")
    assert code == 2 and "has no measurements" in err
    store(map(preference, STEPS))
    code, out, err = run("plot", "--granularity", "preference", "--layer", "each")
    assert (code, err) == (0, "") and out.startswith("I(pref;Z)") and "layer 3" in out
    assert "diagonal" not in out and out.splitlines()[-1].endswith("training step")
    assert out.splitlines()[-2].split() == [str(step) for step in STEPS]
    code, out, _ = run("export", "--granularity", "preference", "--layer", "mean")
    assert code == 0 and [row["granularity"] for row in table(out)] == ["preference"] * len(STEPS)


def test_plot_draws_the_held_out_curve_where_it_is_kept(run):
    run("measure", "kept")
    arguments = ("bound", "--corpus", "docstrings", "--tokenizer", "kept", "--granularity", "token")
    run(*arguments)
    assert "held-out estimate" not in run("plot", "--bound", "held-out")[1]
    assert "░" not in run("plot")[1]
    run(*arguments, "--held-out")
    assert "held-out estimate" in run("plot", "--bound", "held-out")[1]
    assert "░ held-out to raw" in run("plot")[1]


def test_distances_to_cached_curves_are_exported(run):
    names = ("bound_gap_low", "bound_gap_high", "epsilon_ib")
    (before, *_) = table(run("measure", "kept", "--granularity", "token,bigram")[1])
    assert [before[name] for name in names] == ["", "", ""]
    arguments = ("bound", "--corpus", "docstrings", "--tokenizer", "kept", "--granularity", "token")
    for held_out in ((), ("--held-out",)):
        run(*arguments, *held_out)
    for command in (("measure", "kept", "--granularity", "token,bigram"), ("export",)):
        rows = table(run(*command)[1])
        assert all((row["granularity"] == "token") == bool(row[name]) for row in rows for name in names)


def test_plot_draws_the_information_of_the_context(run):
    run("measure", "kept")
    code, out, err = run("plot", "--x", "context")
    assert code == 0 and "diagonal (bound)" in out and out.splitlines()[-1].endswith("I(context;Z), share of log n"), (
        err
    )
    code, _, err = run("plot", "--x", "context", "--granularity", "preference")
    assert code == 2 and "needs labels with two sides" in err


def test_measure_takes_the_loss_as_a_flag(run):
    code, out, _ = run("measure", "kept", "--loss", "--min-count", "2", "--variant", "raw")
    assert code == 0 and {row["loss"] for row in table(out)} == {"2.5"}
    code, _, err = run("measure", "kept", "--min-count", "0")
    assert code == 2 and "--min-count must be at least 1, not 0" in err
    code, _, err = run("measure", "kept", "--variant", "bleached")
    assert code == 2 and "choose from raw, centred, standardised" in err


def test_a_cache_folder_can_be_named_before_or_after_the_command(run, tmp_path):
    run("--cache-dir", str(tmp_path / "here"), "measure", "kept")
    assert run("export", "--cache-dir", str(tmp_path / "here"))[0] == 0
    assert run("export")[0] == 2


def commands(group=cli.cli, path=()):
    """Every command and subcommand with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        yield (*path, name), found
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))


@pytest.mark.parametrize("words", [words for words, _ in commands()], ids=" ".join)
def test_every_command_takes_a_cache_folder_after_its_name(run, words):
    code, out, err = run(*words, "--help")
    assert (code, err) == (0, "") and "--cache-dir" in out


def test_the_cache_folder_named_last_counts(run, tmp_path):
    here, there = str(tmp_path / "here"), str(tmp_path / "there")
    for named in [(here, None, None), (None, here, None), (None, None, here), (there, None, here), (there, here, None)]:
        before, group, after = [["--cache-dir", folder] if folder else [] for folder in named]
        code, out, _ = run(*before, "cache", *group, "info", *after)
        assert code == 0 and out.startswith(f"{here}  (--cache-dir)")


def test_a_help_text_that_starts_with_a_choice_keeps_it_as_it_is_typed():
    for words, found in commands():
        for option in found.params:
            if isinstance(option, click.Option) and isinstance(option.type, click.Choice):
                first = re.match(r"[\w-]*", option.help)[0]
                assert first in option.type.choices or first.lower() not in option.type.choices, words


def test_the_cache_is_shown_and_verified(run):
    run("measure", "kept")
    code, out, _ = run("cache", "info")
    assert code == 0 and any(line.split()[:2] == ["measurements", "2"] for line in out.splitlines())
    code, out, _ = run("cache", "verify")
    assert code == 0 and " ".join(out.splitlines()[0].split()) == "measurements 2 intact 0 damaged 0 set aside earlier"


def test_a_damaged_measurement_is_named_and_set_aside(run, tmp_path):
    run("measure", "kept")
    victim = sorted((tmp_path / "cache").rglob("measurements/*/*.json"))[0]
    victim.write_bytes(victim.read_bytes()[:-9])
    code, out, _ = run("cache", "verify")
    assert code == 1 and victim.stem in out
    assert not victim.exists()
    code, out, err = run("cache", "verify")
    assert code == 1 and " ".join(out.splitlines()[0].split()) == "measurements 1 intact 0 damaged 1 set aside earlier"
    assert "1 record (measurements) of the cache was damaged and set aside in" in err


@pytest.mark.parametrize("command", ["export", "plot"])
def test_what_is_read_reports_damaged_records_and_gives_the_rest(run, tmp_path, command):
    run("measure", "kept")
    whole = run("export")[1]
    victim = sorted((tmp_path / "cache").rglob("measurements/*/*.json"))[0]
    sound = victim.read_bytes()
    victim.write_bytes(sound[:-9])
    for _ in range(2):
        code, out, err = run(command)
        assert code == 1 and out
        assert err.startswith("ib-explorer: 1 record (measurements) of the cache was damaged and set aside in ")
        assert err.count("\n") == 1 and "measure again" in err
    code, _, err = run(command, "--model", "lost")
    assert code == 1 and "choose from kept" in err and "set aside" in err
    assert 1 < len(table(run("export")[1])) < len(table(whole))
    run("measure", "kept")
    assert run(command)[0] == 0 and run("export")[1] == whole


def test_a_cache_of_damaged_records_only_is_a_failure(run, tmp_path):
    run("measure", "kept")
    for path in (tmp_path / "cache").rglob("measurements/*/*.json"):
        path.write_bytes(b"")
    code, out, err = run("export")
    assert (code, out) == (
        1,
        "",
    ) and "has no measurements: run ib-explorer measure first. 2 records (measurements)" in err


def test_verify_and_prune_of_a_cache_that_can_only_be_read_claim_no_success(run, tmp_path, read_only):
    run("measure", "kept")
    victim = sorted((tmp_path / "cache").rglob("measurements/*/*.json"))[0]
    victim.write_bytes(b"")
    read_only(tmp_path / "cache")
    code, out, err = run("cache", "verify")
    assert code == 1 and f"{victim.name}  damaged, and not set aside: Read-only file system" in out
    assert "cannot be used" in err
    code, out, err = run("cache", "prune", "--part", "measurements")
    assert code == 1 and out.startswith("removed 0 entries") and "2 entries in" in err and "Read-only" in err
    assert len(table(run("export")[1])) == 6


def test_pruning_keeps_measurements_unless_they_are_named(run):
    run("measure", "kept")
    assert run("cache", "prune")[0] == 0
    assert len(table(run("export")[1])) == 12
    assert run("cache", "prune", "--part", "measurements")[1].startswith("removed 2 entries")
    assert run("export")[0] == 2
    assert run("cache", "prune", "--part", "attic")[0] == 2


def test_checkpoints_are_listed(run):
    code, out, _ = run("checkpoints", "kept")
    assert code == 0 and table(out)[0]["revision"] == "step1" and table(out)[0]["commit"] == ""
    assert table(out)[0]["state"] == "not trained"
    assert json.loads(run("checkpoints", "kept", "--json")[1])[0]["step"] == 1


def test_checkpoints_are_a_table_on_a_terminal(run, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    lines = run("checkpoints", "kept")[1].splitlines()
    assert lines[0].split() == ["step", "state", "revision"]
    assert lines[-1] == "1 checkpoint: 1 not trained."


def test_a_damaged_catalogue_is_one_sentence_before_anything_starts(run, tmp_path):
    file = tmp_path / "config" / "ib-explorer" / "catalogue.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[[models]")
    for command in (("checkpoints", "kept"), ("measure", "kept"), ()):
        code, out, err = run(*command)
        assert code == 2 and out == "" and err.count("\n") == 1 and (str(file) in err or not command)
    file.write_text('[[models]]\nid = "kept"\ntokens_per_step = 7\n')
    assert run("checkpoints", "kept")[0] == 0


def test_bound_prints_the_curve_in_bits_and_on_the_planes_axes(run):
    code, out, err = run("bound", "--tokenizer", "kept", "--anchors", "4")
    rows = table(out)
    assert code == 0 and [row["rate_bits"] for row in rows] == ["0.0", "1.0", "2.0"]
    assert [row["complexity"] for row in rows] == ["0.0", "0.5", "1.0"]
    assert [row["beta"] for row in rows] == ["", "4.0", ""]
    assert "50 inputs" in err and "25%" in err
    assert {(row["bound"], row["conditionals"]) for row in rows} == {("ib", "raw")}
    assert (rows[0]["positions"], rows[0]["input_labels"], rows[0]["one_successor"]) == ("100", "50", "0.25")


def test_bounds_own_default_gives_way_to_the_environment_and_the_configuration(run, tmp_path, monkeypatch):
    def widths(*arguments):
        code, out, _ = run("bound", "--tokenizer", "kept", *arguments)
        assert code == 0
        return {row["granularity"] for row in table(out)}

    assert widths() == {"token"}
    assert "[default: token]" in " ".join(run("bound", "--help")[1].split())
    (tmp_path / "config" / "ib-explorer").mkdir(parents=True)
    file = tmp_path / "config" / "ib-explorer" / "config.toml"
    file.write_text("granularity = 'bigram'")
    assert widths() == {"bigram"}
    monkeypatch.setenv("IB_EXPLORER_GRANULARITY", "trigram,quadgram")
    assert widths() == {"trigram", "quadgram"}
    assert widths("--granularity", "token") == {"token"}


def test_a_setting_of_preference_is_named_where_bound_refuses_it(run, monkeypatch):
    monkeypatch.setenv("IB_EXPLORER_GRANULARITY", "preference")
    code, out, err = run("bound", "--tokenizer", "kept")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "The granularity preference" in err and "(environment)" in err and "--granularity token" in err
    assert run("bound", "--tokenizer", "kept", "--granularity", "token")[0] == 0


def test_bound_prints_every_kind_and_width_from_held_out_conditionals(run):
    kinds = [word for kind in ("diagonal", "dpi", "ib") for word in ("--kind", kind)]
    code, out, err = run("bound", "--tokenizer", "kept", "--granularity", "token,quadgram", "--held-out", *kinds)
    rows = table(out)
    assert code == 0 and "quadgram (held-out)" in err
    assert {row["conditionals"] for row in rows} == {"held-out"}
    corners = [(row["rate_bits"], row["relevance_bits"]) for row in rows if row["granularity"] == "quadgram"]
    diagonal, dpi = [("0.0", "0.0"), ("2.0", "2.0")], [("0.0", "0.0"), ("1.0", "1.0"), ("2.0", "1.0")]
    assert corners == [*diagonal, *dpi, ("0.0", "0.0"), ("1.0", "0.75"), ("2.0", "1.0")]


def test_doctor_says_what_it_found_and_where_settings_come_from(run, monkeypatch):
    monkeypatch.setenv("IB_EXPLORER_ANCHORS", "50")
    code, out, err = run("doctor", "--documents", "9")
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "anchors 50 (environment)" in lines
    assert "documents 9 (command line)" in lines
    assert "max-length 512 (default)" in lines
    assert "auto fake" in lines
    assert any(line.startswith("torch ") for line in lines)


MEASURING = """
import sys
from ib_explorer.worker import client
client.WORKER = (sys.executable, sys.argv[1])
from ib_explorer.__main__ import main
sys.exit(main(["--cache-dir", sys.argv[2], "measure", sys.argv[3]]))
"""


def started(tmp_path, model, **pipes):
    environment = os.environ | {"PYTHONPATH": ROOT, "XDG_STATE_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    # Whoever runs the tests in the background has Ctrl-C ignored, and so would every child.
    hear_ctrl_c = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    command = [sys.executable, "-c", MEASURING, FAKE, str(tmp_path), model]
    return subprocess.Popen(command, env=environment, preexec_fn=hear_ctrl_c, **pipes)


def test_ctrl_c_cancels_and_exits_130(tmp_path):
    process = started(tmp_path, "endless", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [process.stderr.readline()]
    while "training" not in lines[-1]:
        lines.append(process.stderr.readline())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    assert (process.returncode, out) == (130, "")
    assert "ib-explorer: interrupted" in err and "Traceback" not in err


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    hear, tell = os.pipe()
    os.close(hear)
    process = started(tmp_path, "kept", stdout=tell, stderr=subprocess.PIPE, text=True)
    os.close(tell)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 0
    assert "Traceback" not in err and "BrokenPipe" not in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("measure", "kept", "--granularity", "preference", "--increments", "i.csv"),
            "Increments exist only for n-gram labels",
        ),
        (
            ("measure", "kept", "--granularity", "token,preference"),
            "token and preference are measured on different samples",
        ),
        (("bound", "--tokenizer", "kept", "--granularity", "preference"), "The granularity preference"),
        (("export", "--granularity", "preference"), "has no measurements"),
        (("measure", "kept", "--increments", "/no/such/folder/i.csv"), "there is no folder /no/such/folder"),
    ],
)
def test_what_preference_and_increments_cannot_be_asked_for(run, arguments, sentence):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "") and sentence in err


def test_the_demo_without_a_terminal_draws_its_plane_and_names_its_table(run, monkeypatch, tmp_path):
    finished = Session((), ())
    monkeypatch.setattr("ib_explorer.cli.demo.measure_all", lambda *_: (finished, trajectory()))
    monkeypatch.setattr("ib_explorer.cli.demo.run_jobs", lambda *_: finished)
    code, out, err = run("demo", "--csv", str(tmp_path / "demo.csv"))
    rows = out.splitlines()
    assert (code, err, len(rows)) == (0, "", 33) and "\x1b" not in out
    assert rows[0].startswith("I(Y;Z)") and rows[0].endswith("· diagonal   ● demo")
    assert rows[-1] == str(tmp_path / "demo.csv")


def test_a_plan_is_said_before_a_sweep_and_confirmed_on_a_terminal(run, monkeypatch):
    sentence = (
        "large: 16 checkpoints, 464.0 GB to fetch, at most 60.0 GB at a time, 4 are measured, 12 to go; 1.2 TB free; "
        "scores 3.4 GB each, 20.0 GB keep 5 of 16."
    )
    _, _, err = run("measure", "large")
    assert err.index(sentence) < err.index("large step1: measured") and "Fetch 464.0 GB?" not in err
    monkeypatch.setattr("sys.stdin", type("Terminal", (io.StringIO,), {"isatty": lambda _: True})("n\n"))
    code, out, err = run("measure", "large")
    assert (code, out) == (0, "") and sentence in err and "measured\n" not in err
    assert err.endswith("Nothing was fetched: choose fewer checkpoints, for example MODEL@log:4.\n")
    assert "large step1: measured" in run("measure", "large", "--yes")[2]
    monkeypatch.setattr("sys.stdin", type("Terminal", (io.StringIO,), {"isatty": lambda _: True})("y\n"))
    assert "large step1: measured" in run("measure", "large")[2]


def test_fetch_refuses_what_is_on_this_machine(run, tmp_path):
    code, _, err = run("fetch", str(tmp_path))
    assert code == 2 and "is a local folder, which needs no download" in err
    code, out, err = run("fetch", "demo")
    assert code == 2 and not out and "needs no download: run ib-explorer demo" in err


def test_info_and_doctor_show_what_downloaded_checkpoints_take(run):
    assert re.search(r"checkpoints +0 files +0 bytes", run("cache", "info")[1])
    out = run("doctor", "--checkpoint-budget", "60GB")[1]
    assert re.search(r"checkpoints +0 bytes of at most 60\.0 GB  \(command line\)", out)
