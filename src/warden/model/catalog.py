"""The routing catalogue as a frozen value: who owns what, and the answer to the question where to get it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One thing that people ask about. `scope` is `own` (we do it ourselves) or `route` (somebody else does)."""

    id: str
    title: str
    owner: str
    answer: str
    topics: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    scope: str = "route"

    @property
    def reply_body(self) -> str:
        """The exact text of the answer as it is sent: the answer, then its links, one a line."""
        if not self.links:
            return self.answer
        return self.answer + "\n\n" + "\n".join(self.links)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All entries, in the file's order, and the digest of the file's bytes."""

    entries: tuple[CatalogEntry, ...]
    digest: str

    def find(self, entry_id: str) -> CatalogEntry | None:
        """Return the entry with this id, or None."""
        for entry in self.entries:
            if entry.id == entry_id:
                return entry
        return None
