"""The built-in corpus: documentation strings of the running Python's library, real English on every machine."""

from __future__ import annotations

import ast
import contextlib
import gc
import hashlib
import os
import platform
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from estimator.progress import Progress
from estimator.text.corpus import Corpus
from estimator.text.tables import PlainTexts

DOCSTRINGS = "docstrings"

LONGEST = 2500
"""Characters after which a document ends at the next boundary between documentation strings."""

_LEFT_OUT = frozenset(
    {"test", "tests", "idle_test", "idlelib", "lib2to3", "encodings", "turtledemo", "pydoc_data", "ensurepip"}
    | {"site-packages", "dist-packages", "__pycache__", "lib-dynload"}
)


def open_docstrings(_spec: str, progress: Progress) -> Corpus:
    """The built-in corpus; reports phase ``"text"`` in modules."""
    documents = docstring_documents(progress)
    digest = hashlib.sha256("\0".join(documents).encode("utf-8", "replace")).hexdigest()
    name = f"{DOCSTRINGS} (Python {platform.python_version()})"
    identity = {"source": DOCSTRINGS, "python": platform.python_version(), "sha256": digest}
    return Corpus(name, identity, [PlainTexts(name, lambda: documents)], lambda _column: {})


def docstring_documents(progress: Progress, root: Path | None = None) -> list[str]:
    """Documents of up to about 2,500 characters, each from one module, without duplicates.

    Their order is shuffled, and depends only on their texts. ``root`` is the folder of the library's sources, by
    default the running Python's. Reports phase ``"text"`` in modules.
    """
    root = root or Path(sysconfig.get_path("stdlib"))
    files = sorted(_source_files(root))
    documents: dict[str, str] = {}
    with _without_cycle_collection():
        for done, file in enumerate(files):
            if done % 32 == 0:
                progress.phase("text", done, len(files), "modules")
            for document in _documents(_docstrings(file)):
                documents[hashlib.sha256(document.encode()).hexdigest()] = document
    progress.phase("text", len(files), len(files), "modules")
    return [documents[digest] for digest in sorted(documents)]


def _source_files(root: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name not in _LEFT_OUT and not name.startswith("config-")]
        for name in names:
            if name.endswith(".py"):
                yield Path(folder, name)


def _docstrings(file: Path) -> list[str]:
    """The documentation strings of a module, its classes and functions, in the order of the source."""
    try:
        source = file.read_bytes()
        if b'"""' not in source and b"'''" not in source:
            return []
        tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError):
        return []  # a template or a deliberately broken file must not prevent the use of the corpus
    found = [ast.get_docstring(node) for node in (tree, *_documented(tree))]
    return [text for text in found if text]


def _documented(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _documented(child)


def _documents(docstrings: list[str]) -> Iterator[str]:
    """The strings joined by blank lines, split between two of them before a document exceeds :data:`LONGEST`."""
    held: list[str] = []
    length = 0
    for text in docstrings:
        if held and length + len(text) > LONGEST:
            yield "\n\n".join(held)
            held, length = [], 0
        held.append(text)
        length += len(text) + 2
    if held:
        yield "\n\n".join(held)


@contextlib.contextmanager
def _without_cycle_collection() -> Iterator[None]:
    """Disable garbage collection: syntax trees have no cycles, and traversing their many nodes triples the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
