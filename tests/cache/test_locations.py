"""Where the folders are, and whether they can be used."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cache.locations import locations, prepare, score_budget
from estimator.errors import InputError


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("IB_EXPLORER_CACHE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_the_argument_wins_over_the_variable_and_the_variable_over_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = locations()
    assert default.cache.is_relative_to(tmp_path)
    assert default.origin["cache"] == "platform default"
    monkeypatch.setenv("IB_EXPLORER_CACHE", str(tmp_path / "variable"))
    assert locations().cache == tmp_path / "variable"
    assert locations().origin["cache"] == "IB_EXPLORER_CACHE"
    chosen = locations(tmp_path / "argument")
    assert chosen.cache == tmp_path / "argument"
    assert chosen.origin["cache"] == "--cache-dir"
    assert (chosen.config, chosen.state, chosen.log) == (default.config, default.state, default.log)


def test_an_empty_variable_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    default = locations().cache
    monkeypatch.setenv("IB_EXPLORER_CACHE", "")
    assert locations().cache == default


def test_the_origin_names_the_variable_that_moved_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    found = locations()
    if found.state.is_relative_to(tmp_path / "elsewhere"):
        assert found.origin["state"] == found.origin["log"] == "XDG_STATE_HOME"
    assert found.origin["config"] == "platform default"


def test_paths_are_absolute_and_home_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locations("here").cache == tmp_path / "here"
    assert locations("~/there").cache == tmp_path / "there"


def test_looking_makes_nothing(tmp_path: Path) -> None:
    found = locations(tmp_path / "argument")
    assert not any(folder.exists() for folder in (found.cache, found.config, found.state, found.log))


def test_prepare_makes_a_folder_and_leaves_it_empty(tmp_path: Path) -> None:
    assert prepare(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match=r"cannot be written .*--cache-dir") as caught:
            prepare(folder)
        assert caught.value.kind == "cache"


@pytest.mark.parametrize(("number", "kind"), [(errno.EROFS, "cache"), (errno.EACCES, "cache"), (errno.ENOSPC, "disk")])
def test_a_folder_that_takes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: str) -> None:
    def refuse(self: Path, data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(InputError) as caught:
        prepare(tmp_path)
    assert caught.value.kind == kind
    assert str(tmp_path) in str(caught.value)


def test_the_budget_of_scores_is_a_number_of_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IB_EXPLORER_SCORE_BUDGET", raising=False)
    assert score_budget() == 20 * 10**9
    monkeypatch.setenv("IB_EXPLORER_SCORE_BUDGET", " 0.5 ")
    assert score_budget() == 500_000_000
    for wrong in ("much", "-1", "nan", "inf"):
        monkeypatch.setenv("IB_EXPLORER_SCORE_BUDGET", wrong)
        with pytest.raises(InputError, match="IB_EXPLORER_SCORE_BUDGET must be a number of GB"):
            score_budget()
