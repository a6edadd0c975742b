"""Other libraries are silent for the time of the work, and afterwards as they were."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from types import ModuleType

import datasets.utils
import huggingface_hub.utils
import pytest
import transformers.utils.logging as transformers_logging
from huggingface_hub.utils import tqdm as hub_bar

from estimator.quiet import quiet_libraries

LIBRARIES: tuple[ModuleType, ...] = (huggingface_hub.utils, datasets.utils)
NAMES = ("huggingface_hub", "transformers", "datasets")


def speak() -> None:
    """All that a library may say short of an error."""
    for bar in (transformers_logging.tqdm, hub_bar, datasets.utils.tqdm):
        for _ in bar(range(2), desc="a bar"):
            pass
    for name in NAMES:
        logging.getLogger(f"{name}.module").warning("a log line of %s", name)
    warnings.warn("a warning", stacklevel=1)


def state() -> list[object]:
    return [
        [logging.getLogger(name).level for name in NAMES],
        [library.are_progress_bars_disabled() for library in LIBRARIES],
        transformers_logging._tqdm_hook,
        transformers_logging.is_progress_bar_enabled(),
        list(warnings.filters),
    ]


@pytest.fixture(params=[True, False], ids=["bars", "no bars"])
def bars(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether the libraries draw bars outside of our work."""
    before = [library.are_progress_bars_disabled() for library in LIBRARIES]
    for library in LIBRARIES:
        library.enable_progress_bars() if request.param else library.disable_progress_bars()
    yield request.param
    for library, disabled in zip(LIBRARIES, before, strict=True):
        library.disable_progress_bars() if disabled else library.enable_progress_bars()


def test_libraries_are_silent_and_then_as_they_were(bars: bool, capfd: pytest.CaptureFixture[str]) -> None:
    before = state()
    with pytest.raises(KeyError), quiet_libraries():
        speak()
        with quiet_libraries():  # a measurement that loads a model
            speak()
        raise KeyError
    assert capfd.readouterr() == ("", "")
    assert state() == before
    with pytest.warns(UserWarning, match="a warning"):
        speak()
    assert ("a bar" in capfd.readouterr().err) and state() == before


def test_errors_of_libraries_are_still_said(caplog: pytest.LogCaptureFixture) -> None:
    with quiet_libraries():
        logging.getLogger("datasets.module").error("broken")
    assert "broken" in caplog.text
