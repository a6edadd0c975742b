"""What reaches the terminal, a pipe or a file from the command line, whatever names, encodings and streams are."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cache import Cache
from cache.keys import key
from ib_explorer.__main__ import main
from ib_explorer.cli.narration import Narration
from ib_explorer.cli.outlet import say
from ib_explorer.worker.messages import CheckpointFailed, Measured, Note, PhaseProgress
from tests.hostile import NAMES, TITLE, is_harmless
from tests.ib_explorer.fake_worker import fabricated_checkpoint

ROOT = str(Path(__file__).parents[3])


def stored(folder, *models):
    for number, model in enumerate(models):
        identity = {"schema": 1, "kind": "measurements", "number": number}
        made = replace(fabricated_checkpoint(key(identity), model, "step1"), revision=f"{model}-step1")
        Cache(folder).measurements.merge(identity, made)


def explorer(folder, *arguments, **options):
    environment = os.environ | {"PYTHONPATH": ROOT, "IB_EXPLORER_CACHE": str(folder), "XDG_STATE_HOME": str(folder)}
    environment |= options.pop("environment", {})
    command = [sys.executable, "-m", "ib_explorer", *arguments]
    return subprocess.run(command, env=environment, timeout=100, **{"capture_output": True} | options)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_progress_is_harmless_on_a_terminal_and_elsewhere(name):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    events = (
        PhaseProgress(1, "forward", 1, 2, "documents", name),
        Measured(1, "k", name, cached=False),
        CheckpointFailed(1, name, "model", f"{name} failed"),
        Note(1, name),
    )
    for stream in (Terminal(), io.StringIO()):
        narration = Narration({1: name}, stream)
        for event in events:
            narration.hear(event)
        narration.say("done", name)
        shown = stream.getvalue().replace("\r\x1b[K", "\n")
        assert is_harmless(shown) and "done" in shown.splitlines()
        assert "ib-explorer: all is well" not in shown.splitlines()


@pytest.mark.parametrize(
    "arguments", [("plot",), ("plot", "--kind", "training"), ("export", "--model", "\x1b]0;x\x07")]
)
def test_pictures_and_complaints_are_harmless(tmp_path, capsys, monkeypatch, arguments):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    stored(tmp_path, *NAMES.values())
    main(["--cache-dir", str(tmp_path), *arguments])
    said = capsys.readouterr()
    assert (said.out or said.err) and is_harmless(said.out) and is_harmless(said.err)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_csv_holds_names_exactly_but_for_formulas_and_what_is_no_unicode(tmp_path, capsysbinary, monkeypatch, name):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    stored(tmp_path, name)
    path = tmp_path / "out.csv"
    assert main(["--cache-dir", str(tmp_path), "export"]) == 0
    written = capsysbinary.readouterr().out
    assert main(["--cache-dir", str(tmp_path), "export", "--csv", str(path)]) == 0
    assert path.read_bytes() == written
    (model,) = {row["model"] for row in csv.DictReader(io.StringIO(written.decode(), newline=""))}
    assert model == {"formula": f"'{name}", "undecodable": "bad\\udcff"}.get(
        {v: k for k, v in NAMES.items()}[name], name
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_of_the_streams_will_do(tmp_path, encoding):
    stored(tmp_path, "café日本")
    environment = {"PYTHONIOENCODING": encoding}
    plotted = explorer(tmp_path, "plot", environment=environment)
    assert (plotted.returncode, plotted.stderr) == (0, b"")
    picture = plotted.stdout.decode(encoding)
    assert "caf\\xe9??" in picture if encoding == "ascii" else "café??" in picture
    assert "?" not in picture.replace("é??", "").replace("xe9??", "")
    exported = explorer(tmp_path, "export", environment=environment)
    assert "café日本" in exported.stdout.decode("utf-8")
    refused = explorer(tmp_path, "export", "--model", "π", environment=environment)
    assert refused.returncode == 2 and b"choose from caf" in refused.stderr


@pytest.mark.parametrize("descriptor", [1, 2])
def test_a_closed_stream_is_no_error(tmp_path, descriptor):
    stored(tmp_path, "kept")
    closed = explorer(tmp_path, "export", capture_output=False, preexec_fn=lambda: os.close(descriptor))
    assert closed.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_one_sentence(tmp_path):
    stored(tmp_path, "kept")
    with open("/dev/full", "wb") as full:
        done = explorer(tmp_path, "export", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2 and done.stderr.startswith(b"ib-explorer: There is no space left")
    assert done.stderr.count(b"\n") == 1


def test_a_reader_of_stderr_that_leaves_does_not_end_the_work(capsys):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    say("anything", stream=Gone())
    Narration({1: TITLE}, Gone()).hear(Note(1, "anything"))
    assert capsys.readouterr() == ("", "")
