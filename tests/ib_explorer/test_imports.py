"""Which room may know which other: looked at in the source, and in sys.modules of a process of its own."""

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


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a new interpreter has after ``statement``."""
    script = f"import json, sys\n{statement}\nprint(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=60, env=os.environ
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
        "import estimator.request, estimator.curve, estimator.checkpoints.resolve, estimator.bottleneck.solver",
    ],
)
def test_the_terminal_process_is_without_torch(statement):
    assert not loaded_by(statement) & HEAVY


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
    assert not loaded & (HEAVY | {"textual", "numpy", "scipy", "huggingface_hub", "asyncio"})


@pytest.mark.parametrize("room", ["estimator", "cache"])
def test_the_science_and_the_cache_know_no_screen(room):
    for path in (ROOT / room).rglob("*.py"):
        assert not imports_of(path) & {"ib_explorer", "textual", "click"}, path


def test_the_estimator_knows_no_cache():
    for path in (ROOT / "estimator").rglob("*.py"):
        assert "cache" not in imports_of(path), path


def test_the_screen_and_the_command_line_name_no_heavy_import():
    in_worker = {ROOT / "ib_explorer" / folder for folder in ("worker", "work")}
    for path in (ROOT / "ib_explorer").rglob("*.py"):
        assert path.parent in in_worker or not imports_of(path) & HEAVY, path


def test_rooms_do_not_shadow_the_standard_library():
    assert not {"estimator", "cache", "ib_explorer", "assets"} & set(sys.stdlib_module_names)
