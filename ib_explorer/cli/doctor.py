"""``ib-explorer doctor``: report the environment and the origin of each setting."""

from __future__ import annotations

import asyncio
import os
import platform
from importlib import metadata
from pathlib import Path

import click

from cache import Cache
from cache.checkpoints import held
from cache.files import in_words
from cache.locations import BUDGET_VARIABLE, locations, score_budget
from ib_explorer import __version__
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.outlet import show
from ib_explorer.cli.settings import config_file, measurement_options
from ib_explorer.config import Settings, read_screen_settings
from ib_explorer.options import OPTIONS, THEME
from ib_explorer.worker.client import WorkerClient
from ib_explorer.worker.messages import Failed, Ready

PACKAGES = ("torch", "transformers", "datasets", "huggingface_hub", "numpy", "scipy", "psutil", "textual")
WAIT_FOR_WORKER = 60.0
"""Seconds that a worker has to import torch and resolve its device."""


@click.command("doctor")
@measurement_options()
@cache_dir_option
def command(cache_dir: Path | None, settings: Settings) -> None:
    """Report versions, folders, hub, device and the origin of each setting, with options applied as in measure."""
    _section("versions", [("ib-explorer", __version__), ("python", platform.python_version()), *_versions()])
    _section("folders", _folders(cache_dir, settings))
    _section("settings", _sources(settings))
    _section("hub", [_hub()])
    _section("device", [(settings["device"].value, asyncio.run(_device(cache_dir, settings["device"].value)))])


def _section(title: str, lines: list[tuple[str, str]]) -> None:
    show(title)
    for name, text in lines:
        show(f"  {name:<16} {text}".rstrip())


def _versions() -> list[tuple[str, str]]:
    found = []
    for package in PACKAGES:
        try:
            found.append((package, metadata.version(package)))
        except metadata.PackageNotFoundError:
            found.append((package, "missing: reinstall ib-explorer"))
    return found


def _folders(cache_dir: Path | None, settings: Settings) -> list[tuple[str, str]]:
    places = locations(cache_dir)
    config = config_file()
    return [
        ("cache", f"{places.cache}  ({places.origin['cache']})"),
        ("scores", f"at most {score_budget() / 1e9:.3g} GB  ({_budget_origin()})"),
        ("checkpoints", _checkpoints(places.cache, settings)),
        ("state", f"{places.state}  ({places.origin['state']})"),
        ("log", f"{places.log}  ({places.origin['log']})"),
        ("configuration", f"{config}  ({places.origin['config']}{'' if os.path.exists(config) else '; no such file'})"),
    ]


def _budget_origin() -> str:
    return BUDGET_VARIABLE if os.environ.get(BUDGET_VARIABLE) else "default"


def _checkpoints(cache_dir: Path, settings: Settings) -> str:
    """What downloaded checkpoints take of their budget."""
    from ib_explorer.work.downloads import checkpoint_budget

    store, setting = Cache(cache_dir).checkpoints, settings["checkpoint-budget"]
    taken = sum(size for _, size in held(store.all()))
    return f"{in_words(taken)} of at most {in_words(checkpoint_budget(setting.value, store))}  ({setting.source})"


def _sources(settings: Settings) -> list[tuple[str, str]]:
    shown = ((option, settings[option.name]) for option in OPTIONS)
    theme = read_screen_settings(os.environ, config_file()).theme
    return [
        (option.name, f"{option.write(setting.value) or '-'}  ({setting.source})")
        for option, setting in (*shown, (THEME, theme))
    ]


def _hub() -> tuple[str, str]:
    from huggingface_hub import constants

    from estimator.checkpoints import hub

    if constants.is_offline_mode():
        return hub.endpoint(), "offline mode is on: only local files are used"
    return hub.endpoint(), "answers" if hub.answers() else "does not answer: only local files are used"


async def _device(cache_dir: Path | None, device: str) -> str:
    """The device of a worker on this machine, or the worker's error."""
    places = locations(cache_dir)
    client = WorkerClient(places.cache, device, log_dir=places.log)
    await client.start()
    try:
        async with asyncio.timeout(WAIT_FOR_WORKER):
            async for event in client.events():
                if isinstance(event, Ready):
                    return event.device
                if isinstance(event, Failed):
                    return event.message
    except TimeoutError:
        return f"the worker did not start within {WAIT_FOR_WORKER:.0f} s: see its log in {places.log}"
    finally:
        await client.close()
    return "the worker process exited"
