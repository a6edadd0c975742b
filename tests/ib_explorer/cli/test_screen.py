"""What the command line hands to the screen, with a fake worker and no terminal."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from ib_explorer.__main__ import main
from ib_explorer.tui.app import ExplorerApp
from ib_explorer.worker import client
from tests.ib_explorer.pilot import LARGE

FAKE = str(Path(__file__).parents[1] / "fake_worker.py")


@pytest.fixture
def opened(tmp_path, monkeypatch, capsys):
    """Runs a command line as in a terminal: its exit code, the fields of the form that it opened, and stderr."""
    for name in ("CACHE", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.delenv("IB_EXPLORER_CACHE", raising=False)
    monkeypatch.setattr(client, "WORKER", (sys.executable, FAKE))
    form = {}

    async def fill(app):
        async with app.run_test(size=LARGE) as pilot:
            await pilot.press("M")
            form.update({one.id: one.value for one in app.screen.query("Input, Select") if one.id})
            await pilot.press("ctrl+c")

    def command(*arguments):
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setattr(ExplorerApp, "run", lambda app: asyncio.run(fill(app)))
        return main(arguments), form, capsys.readouterr().err

    return command


def test_the_environment_and_the_configuration_file_fill_the_form(opened, tmp_path, monkeypatch):
    folder = tmp_path / "config" / "ib-explorer"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("anchors = 50\ndocuments = 32\n")
    monkeypatch.setenv("IB_EXPLORER_DOCUMENTS", "64")
    code, form, _ = opened()
    assert code == 0 and (form["documents"], form["anchors"], form["model"]) == ("64", "50", "demo")


@pytest.mark.parametrize(("documents", "part"), [("many", "whole numbers"), ("1", "--documents must be at least 2")])
@pytest.mark.parametrize("arguments", [[], ["demo"]])
def test_a_wrong_setting_is_one_sentence_and_exit_2(opened, monkeypatch, documents, part, arguments):
    monkeypatch.setenv("IB_EXPLORER_DOCUMENTS", documents)
    code, form, said = opened(*arguments)
    assert (code, form) == (2, {}) and said.count("\n") == 1 and part in said
