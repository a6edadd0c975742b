"""``ib-explorer fetch``: download checkpoints and keep them, to measure them without a network."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from estimator.checkpoints.folders import is_local
from estimator.checkpoints.resolve import split_reference
from estimator.errors import InputError
from estimator.request import MeasurementRequest
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.outlet import show
from ib_explorer.cli.plans import planning, yes_option
from ib_explorer.cli.session import run_jobs
from ib_explorer.cli.settings import measurement_options
from ib_explorer.config import Settings, request_from
from ib_explorer.work.demo_run import DEMO
from ib_explorer.worker.messages import Fetch, Fetched


@click.command("fetch")
@click.argument("models", nargs=-1, required=True, metavar="MODEL[@REVISION]...")
@measurement_options("safetensors-only")
@yes_option
@cache_dir_option
def command(models: tuple[str, ...], yes: bool, cache_dir: Path | None, settings: Settings) -> int:
    """Download checkpoints into the local hub cache and keep them, and print their folders.

    Fetches what measure needs of each checkpoint: configuration, tokenizer and weights. Files that are there are not
    fetched again, so an interrupted fetch goes on with the file that it was at. REVISION selects as in measure.
    """
    requests = [_request(settings, *split_reference(model)) for model in models]
    jobs = [(request.model, partial(Fetch, request=request)) for request in requests]
    session = run_jobs(jobs, cache_dir, "cpu", planning(requests, yes=yes, keep=True))
    show(*(event.folder for event in session.events if isinstance(event, Fetched)))
    return session.exit_code


def _request(settings: Settings, model: str, revision: str | None) -> MeasurementRequest:
    if model == DEMO:
        raise InputError("model", "The demo is trained on this machine and needs no download: run ib-explorer demo.")
    if is_local(model):
        raise InputError("model", f"{model} is a local folder, which needs no download: measure it.")
    return request_from(settings, model, revision)
