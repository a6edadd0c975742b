"""``ib-explorer reproduce``: recompute published values, and show the effect of the corrections."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from cache.locations import locations
from estimator.errors import InputError, MeasurementError
from estimator.measurement import CheckpointMeasurements, Information, Measurement
from estimator.text.kinds import NGRAMS
from estimator.values import VALUES
from ib_explorer.cli import DONE, FAILED
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.measure import measure_all
from ib_explorer.cli.outlet import show
from ib_explorer.cli.settings import measurement_options
from ib_explorer.config import Settings
from ib_explorer.options import demo_request
from ib_explorer.worker.client import worker_environment

COMPUTATION: Sequence[str] = (sys.executable, "-P", "-m", "ib_explorer.work.reproduction")
TOLERANCE = 0.6e-4
"""Published values have four decimals; slightly more than half of the last one allows for other processors."""


@click.group("reproduce")
@cache_dir_option
def command(cache_dir: Path | None) -> None:
    """Check the estimator against published values and on pure noise."""


@command.command()
@cache_dir_option
def digits(cache_dir: Path | None) -> int:
    """Compute the published example on scikit-learn's digits; exit code 1 when a value differs.

    Needs scikit-learn: install ib-explorer[reproduce].
    """
    published = tomllib.loads(files("assets").joinpath("digits.toml").read_text(encoding="utf-8"))
    ours = _computed("digits")
    same = {name: abs(ours[name] - value) <= TOLERANCE for name, value in published.items()}
    show(f"{'':36}{'published':>10}{'here':>10}")
    for name, value in published.items():
        show(f"{name:36}{value:>10.4f}{ours[name]:>10.4f}{'' if same[name] else '   differs'}")
    return DONE if all(same.values()) else FAILED


@command.command()
@measurement_options("device")
@cache_dir_option
def findings(cache_dir: Path | None, settings: Settings) -> int:
    """Show published and adjusted values of states without skill, and of an untrained and a trained model.

    The states are pure noise, or know their document only, or the next token only. The demo is trained first if needed,
    about two minutes on two cores. Values of models are means over the layers.
    """
    request = replace(demo_request(settings["device"].value), revision="log:2")
    session, measured = measure_all([request], cache_dir)
    if session.exit_code != DONE:
        return session.exit_code
    untrained, trained = (_layer_means(measurements) for measurements in measured)
    references = _computed("references", "--cache-dir", str(locations(cache_dir).cache))
    show(f"{'':28}{'published':^22} {'adjusted ± error':^45}  {'predictive':>14}")
    show(f"{'':28}{'I(X;Z)  I(Y;Z)  ratio':22} {'I(X;Z)':>7}{'I(Y;Z)':>18}{'ratio':>16}{'share':>14}")
    for granularity in NGRAMS:
        show(granularity)
        for name, known in references.items():
            show(_line(name, _reference(trained[granularity], known[granularity])))
        show(_line(f"untrained ({measured[0].revision})", untrained[granularity]))
        show(_line(f"trained ({measured[1].revision})", trained[granularity]))
    return DONE


def _reference(like: Measurement, known: Mapping[str, Any]) -> Measurement:
    return replace(
        like,
        complexity=Information(**known["input"]),
        expressivity=Information(**known["output"]),
        ceiling=known["ceiling"],
        covariance=known["covariance"],
    )


def _computed(*arguments: str) -> Mapping[str, Any]:
    """The parsed output of the computation; raises InputError with its message, MeasurementError if it crashed."""
    done = subprocess.run(
        [*COMPUTATION, *arguments], capture_output=True, text=True, env=worker_environment(), stdin=subprocess.DEVNULL
    )
    said = done.stderr.strip().splitlines() or ["no message"]
    if done.returncode == 2:
        raise InputError("reproduce", said[-1])
    if done.returncode:
        raise MeasurementError("reproduce", f"The computation failed: {said[-1]}.")
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def _layer_means(measurements: CheckpointMeasurements) -> dict[str, Measurement]:
    rows = measurements.select(layers=["mean"], weights="frequency", temperature_rule="exact")
    return {row.granularity: row for row in rows}


def _line(name: str, row: Measurement) -> str:
    x, y = row.complexity, row.expressivity
    assert y is not None, "n-grams have two sides"
    published, ratio = (VALUES[preset].optimality(row) for preset in ("paper", "adjusted"))
    raw = f"{x.plugin:6.4f}  {y.plugin:6.4f}  {_number(published, 5, 2)}"
    sides = [f"{_number(side.adjusted, 7, 4)} ± {_number(side.adjusted_se, 6, 4)}" for side in (x, y)]
    optimality = f"{_number(ratio, 5, 2)} ± {_number(None if ratio is None else row.optimality_se, 4, 2)}"
    share = f"{_number(row.predictive_share, 6, 3)} ± {_number(row.predictive_share_se, 5, 3)}"
    return f"  {name:26}{raw:22} {'  '.join([*sides, optimality, share])}"


def _number(value: float | None, width: int, digits: int) -> str:
    return "–".rjust(width) if value is None else f"{value:z{width}.{digits}f}"
