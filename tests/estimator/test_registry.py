"""Entries of other packages are found by their entry points, and a broken one breaks nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from estimator.errors import InputError
from estimator.registry import Registry
from tests.packages import package


@dataclass(frozen=True)
class Entry:
    name: str


def registry() -> Registry[Entry]:
    return Registry("flavour", "ib_explorer.flavours", [Entry("sweet"), Entry("sour")])


def test_builtin_entries_keep_their_order_and_added_ones_follow():
    flavours = registry()
    flavours.add(Entry("bitter"))
    assert list(flavours) == ["sweet", "sour", "bitter"]
    with pytest.raises(ValueError, match="already"):
        flavours.add(Entry("sour"))


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(InputError, match=r"There is no flavour 'salt': choose from sweet, sour\.") as caught:
        registry().find("salt")
    assert caught.value.kind == "flavour"


def test_an_installed_package_adds_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    code = "class Umami:\n    name = 'umami'\n\nUMAMI = Umami()\n"
    package(tmp_path, "savoury", code, {"ib_explorer.flavours": {"umami": "UMAMI"}})
    monkeypatch.syspath_prepend(tmp_path)
    flavours = registry()
    assert list(flavours) == ["sweet", "sour", "umami"]
    assert flavours.origin("umami") == "savoury 1.0" and flavours.origin("sweet") is None


def test_an_entry_that_cannot_be_loaded_is_left_out_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package(tmp_path, "spoilt", "raise RuntimeError('gone off')\n", {"ib_explorer.flavours": {"rotten": "R"}})
    monkeypatch.syspath_prepend(tmp_path)
    flavours = registry()
    assert list(flavours) == ["sweet", "sour"]
    with pytest.raises(InputError, match=r"'rotten' of spoilt 1\.0 cannot be loaded .*gone off.*: update or remove"):
        flavours.find("rotten")


def test_a_name_that_is_taken_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    code = "class Other:\n    name = 'sweet'\n\nOTHER = Other()\n"
    package(tmp_path, "copycat", code, {"ib_explorer.flavours": {"sweet": "OTHER"}})
    monkeypatch.syspath_prepend(tmp_path)
    assert isinstance(registry()["sweet"], Entry)
    flavours = registry()
    assert "already" in flavours.broken["sweet"]
