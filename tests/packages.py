"""Packages as a user would install them: a module and the metadata that declares its entry points."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def package(folder: Path, name: str, code: str, declared: Mapping[str, Mapping[str, str]]) -> None:
    """Put a package ``name`` 1.0 of one module into ``folder``, which is to be on the path.

    ``declared`` has the entry points: group, then name, then the attribute of the module.
    """
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    sections = [
        f"[{group}]\n" + "".join(f"{entry} = {name}:{attribute}\n" for entry, attribute in entries.items())
        for group, entries in declared.items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(sections), encoding="utf-8")
