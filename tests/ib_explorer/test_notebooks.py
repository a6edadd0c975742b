"""The notebooks in ``docs/examples`` run as they are and show what they are stored with."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from docs.notebooks import FOLDER, read, run

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def outputs(notebook: dict[str, Any]) -> list[Any]:
    return [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]


def kinds(notebook: dict[str, Any]) -> list[Any]:
    return [[(one["output_type"], sorted(one.get("data", ()))) for one in cell] for cell in outputs(notebook)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    stored = read(path)
    monkeypatch.chdir(tmp_path)
    fresh = copy.deepcopy(stored)
    run(fresh)
    assert kinds(fresh) == kinds(stored) and any(kinds(stored))
    assert [len(cell["source"]) for cell in fresh["cells"]] == [len(cell["source"]) for cell in stored["cells"]]
    assert capfd.readouterr() == ("", "")


def test_the_digits_are_stored_and_computed_with_the_published_values() -> None:
    stored = read(FOLDER / "states.ipynb")
    fresh = copy.deepcopy(stored)
    run(fresh)
    for notebook in (stored, fresh):
        assert "H(Z) = 0.4104, I(digit;Z) = 0.0557\n" in outputs(notebook)[-1][0]["text"]


def test_notebooks_name_no_folder_of_a_machine_and_are_small() -> None:
    assert {path.stem for path in NOTEBOOKS} == {"measure", "states"}
    for path in NOTEBOOKS:
        text = path.read_text(encoding="utf-8")
        assert "/tmp" not in text and "/home" not in text and len(text) < 60_000
