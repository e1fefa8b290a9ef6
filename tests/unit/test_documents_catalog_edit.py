"""Adding phrases to a catalogue's text leaves the rest of the text as a person wrote it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warden.documents.catalog import load_catalog
from warden.documents.catalog_edit import edited
from warden.model.catalog import Catalog, CatalogEntry

TEXT = b"""# whose keys these are
entries:
  - id: one  # the first
    title: One
    owner: ops
    aliases: [a b, 'c d']  # in a row
    questions:
      - Who has one?  # often
      # the end
    answer: ask ops

  - {id: two, title: Two, owner: ops, aliases: [], answer: ask ops}
  - id: three
    title: Three
    owner: ops
    aliases:
    - x y
    answer: |
      ask
      ops
# nothing more
"""


def grown(catalog: Catalog, name: str, phrase: str) -> Catalog:
    """Return the catalogue with a phrase more in this list of each entry."""

    def more(one: CatalogEntry) -> CatalogEntry:
        if name == "aliases":
            return replace(one, aliases=(*one.aliases, phrase))
        return replace(one, questions=(*one.questions, phrase))

    return replace(catalog, entries=tuple(more(one) for one in catalog.entries))


@given(
    name=st.sampled_from(["aliases", "questions"]),
    phrase=st.text("abz 'ü\"\\:#-[]{},", min_size=1, max_size=20),
)
def test_every_style_of_list_takes_a_phrase(name: str, phrase: str) -> None:
    """What comes out reads as the changed catalogue, and without what was added every line is there as it was."""
    before = load_catalog(TEXT, "catalog.yaml")
    after = grown(before, name, f"q{phrase}q")
    data = edited(TEXT, before, after)
    assert data is not None
    assert load_catalog(data, "catalog.yaml").entries == after.entries
    for comment in ("# whose keys these are", "# the first", "# in a row", "# often", "# the end", "# nothing more"):
        assert comment in data.decode()


def test_windows_lines_stay_windows_lines() -> None:
    """A list in a file with CRLF is added to without breaking the line before."""
    text = TEXT.replace(b"\n", b"\r\n")
    before = load_catalog(text, "catalog.yaml")
    after = grown(before, "aliases", "more")
    data = edited(text, before, after)
    assert data is not None
    assert load_catalog(data, "catalog.yaml").entries == after.entries


@pytest.mark.parametrize("text", [b"\xff", b"entries: [", b"entries: 3\n", b"other: []\n"])
def test_a_text_without_the_places_is_left_alone(text: bytes) -> None:
    """What is not the text of the catalogue gives no edit."""
    before = load_catalog(TEXT, "catalog.yaml")
    assert edited(text, before, grown(before, "aliases", "more")) is None
