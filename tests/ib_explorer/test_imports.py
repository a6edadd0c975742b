"""Which folder may import which other: looked at in the source, and in sys.modules of a process of its own."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "transformers", "datasets"}
PACKAGES = {
    "checkpoints": set(),
    "text": {"checkpoints"},
    "states": {"checkpoints", "text"},
    "soft_entropy": {"text", "states"},
    "bottleneck": {"text"},
    "demo": {"text"},
}
"""The packages of the estimator, each with those that it may import; all may import ``estimator`` itself."""
WITH_TORCH = {"states", "soft_entropy", "demo"}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a new interpreter has after ``statement``."""
    script = f"import json, sys\n{statement}\nprint(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=100, env=os.environ
    )
    return set(json.loads(done.stdout))


def imports_of(path: Path) -> set[str]:
    """The top-level modules that a source file names in any import, also one inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize(
    "statement",
    [
        "import ib_explorer",
        "import cache, cache.measurements, cache.locations",
        "import ib_explorer.tui.app",
        "import ib_explorer.worker.client",
        "from ib_explorer.cli import main; [main.cli.get_command(None, name) for name in main._COMMANDS]",
        "import ib_explorer.drawing.plane, ib_explorer.drawing.picture, ib_explorer.tables.measurements",
        "import ib_explorer.drawing.text_plot",
        "import estimator.request, estimator.curve, estimator.checkpoints.resolve, estimator.bottleneck.solver",
    ],
)
def test_the_terminal_process_is_without_torch(statement):
    assert not loaded_by(statement) & HEAVY


def test_the_screen_and_the_help_of_plot_do_without_plotext():
    plot_help = "from ib_explorer.cli.plot import command; command(['--help'], standalone_mode=False)"
    for statement in (
        "import ib_explorer.tui.app, ib_explorer.cli.screen, ib_explorer.cli.demo",
        f"sys.stdout = sys.stderr; {plot_help}; sys.stdout = sys.__stdout__",
    ):
        assert "plotext" not in loaded_by(statement)


def test_bounds_are_known_without_what_computes_them():
    assert not loaded_by("from estimator.bottleneck.bounds import BOUNDS; list(BOUNDS)") & (HEAVY | {"scipy", "numpy"})


def test_the_worker_process_loads_torch_only_with_its_runner():
    assert not loaded_by("import ib_explorer.worker.__main__") & (HEAVY | {"textual", "click"})


@pytest.mark.parametrize("arguments", ["['--version']", "['--help']"])
def test_help_and_version_load_next_to_nothing(arguments):
    loaded = loaded_by(
        "from ib_explorer.__main__ import main\nsys.stdout = sys.stderr\n"
        f"main({arguments})\nsys.stdout = sys.__stdout__"
    )
    assert not loaded & (HEAVY | {"textual", "numpy", "scipy", "plotext", "huggingface_hub", "asyncio"})


def package_of(path: Path) -> str:
    """The package of the estimator that a module is in, empty for ``estimator`` itself."""
    return "" if path.parent.name == "estimator" else path.parent.name


def packages_imported(path: Path) -> set[str]:
    """The packages that a module of the estimator names in any import."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "estimator":
            below = (node.module or "").split(".")[1:2] or [alias.name for alias in node.names]
            found |= {name for name in below if name in PACKAGES}
    return found


def test_packages_import_only_those_below_them():
    modules = list((ROOT / "estimator").rglob("*.py"))
    assert {package_of(path) for path in modules} == {"", *PACKAGES}
    for path in modules:
        allowed = PACKAGES[package] | {package} if (package := package_of(path)) else set()
        if path.name == "request.py":
            allowed = {"text"}  # the way in names the kinds of labels
        assert packages_imported(path) <= allowed, path


def test_torch_is_imported_in_three_wings_only():
    for path in (ROOT / "estimator").rglob("*.py"):
        assert package_of(path) in WITH_TORCH or "torch" not in imports_of(path), path
    without = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "estimator").rglob("*.py")
        if package_of(path) not in WITH_TORCH
    ]
    assert not loaded_by(f"import {', '.join(without)}") & HEAVY


@pytest.mark.parametrize("package", ["estimator", "cache"])
def test_the_science_and_the_cache_know_no_screen(package):
    for path in (ROOT / package).rglob("*.py"):
        assert not imports_of(path) & {"ib_explorer", "textual", "click"}, path


def test_the_estimator_knows_no_cache():
    for path in (ROOT / "estimator").rglob("*.py"):
        assert "cache" not in imports_of(path), path


def test_the_screen_and_the_command_line_name_no_heavy_import():
    in_worker = {ROOT / "ib_explorer" / folder for folder in ("worker", "work")}
    for path in (ROOT / "ib_explorer").rglob("*.py"):
        assert path.parent in in_worker or not imports_of(path) & HEAVY, path


def test_packages_do_not_shadow_the_standard_library():
    assert not {"estimator", "cache", "ib_explorer", "assets"} & set(sys.stdlib_module_names)
