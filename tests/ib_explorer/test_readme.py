"""README.md: its table of options is that of the program."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_option_table_is_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "options_table.py"))
    assert script["with_table"](PAGE) == PAGE, "run make docs"


def test_every_relative_link_of_the_pages_leads_to_a_file() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
