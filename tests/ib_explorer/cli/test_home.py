"""Commands without a HOME that can be read or written, with a cache elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ib_explorer.cli.test_outlet import ROOT, stored

FAKE = str(Path(__file__).parents[1] / "fake_worker.py")
COMMAND = """
import sys
from ib_explorer.worker import client
client.WORKER = (sys.executable, sys.argv[1])
from ib_explorer.__main__ import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("home", ["/dev/null/home", "/proc", None])
@pytest.mark.parametrize("arguments", [("export",), ("plot",), ("measure", "kept"), ("cache", "info"), ("doctor",)])
def test_a_home_that_cannot_be_used_is_not_needed(tmp_path, home, arguments):
    stored(tmp_path, "kept")
    environment = {name: value for name, value in os.environ.items() if name != "HOME" and not name.startswith("XDG_")}
    environment |= {"PYTHONPATH": ROOT, "IB_EXPLORER_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    environment |= {} if home is None else {"HOME": home}
    if home is None:
        environment |= {f"XDG_{name}_HOME": "/dev/null/x" for name in ("CACHE", "CONFIG", "STATE", "DATA")}
    command = [sys.executable, "-c", COMMAND, FAKE, *arguments]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout and "Traceback" not in done.stderr and "ib-explorer:" not in done.stderr


def test_the_table_of_the_demo_goes_to_the_cache_where_there_is_no_state(tmp_path, monkeypatch, capsys):
    from ib_explorer.__main__ import main
    from ib_explorer.cli.session import Session
    from tests.ib_explorer.synthetic import trajectory

    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/x")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/dev/null/x")
    finished = Session((), ())
    monkeypatch.setattr("ib_explorer.cli.demo.measure_all", lambda *_: (finished, trajectory()))
    monkeypatch.setattr("ib_explorer.cli.demo.run_jobs", lambda *_: finished)
    assert main(["demo", "--cache-dir", str(tmp_path / "cache")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "cache" / "demo.csv")


def test_an_unreadable_configuration_file_is_still_refused(tmp_path, monkeypatch, capsys):
    from ib_explorer.__main__ import main

    (tmp_path / "ib-explorer" / "config.toml").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["doctor"]) == 2 and "config.toml cannot be read" in capsys.readouterr().err
