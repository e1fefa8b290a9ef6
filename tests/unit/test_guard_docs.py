"""The reference page says what the tables say."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_reference_is_fresh() -> None:
    """docs/reference/guard.md is what docs/guard_page.py writes; `python docs/guard_page.py` renews it."""
    written = (ROOT / "docs" / "reference" / "guard.md").read_text("utf-8")
    assert written == runpy.run_path(str(ROOT / "docs" / "guard_page.py"))["page"]()
