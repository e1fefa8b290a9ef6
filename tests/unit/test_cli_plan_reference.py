"""The pages that explain runs and plans name every field of their schemas, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
INNER = {"entry", "score", "terms", "kind", "arguments"}


def fields(schema: dict[str, Any]) -> Iterator[str]:
    """Yield the names of all members at any depth."""
    for name, member in schema.get("properties", {}).items():
        yield name
        yield from fields(member)
    if isinstance(schema.get("items"), dict):
        yield from fields(schema["items"])


@pytest.mark.parametrize("name", ["run", "plan"])
def test_a_page_names_exactly_the_fields_of_its_schema(name: str) -> None:
    """What can be printed is explained, and what is explained can be printed."""
    page = (REFERENCE / f"{name}.md").read_text(encoding="utf-8")
    explained = {
        word for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE) for word in re.findall(r"`(\w+)`", row)
    }
    schema = json.loads((REFERENCE / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert explained == set(fields(schema)) - (INNER - explained)
    assert all(f"`{field}`" in page for field in fields(schema))
