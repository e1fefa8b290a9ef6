"""The file format of a change to a routing catalogue that a person reviews before it is applied.

Format (YAML): `schema: warden.catalog-patch/1`; `base`, the digest of the catalogue that the patch was made for; `changes`, a
list of `entry` (an id), `add_aliases` and `add_questions`; `cases`, a list of `subject`, `body` and `entry`: messages that the
changed catalogue must answer with that entry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from warden.documents.emit import emit_yaml
from warden.documents.shape import REQUIRED, Choice, ListOf, Record, Text, empty_text, read_document
from warden.documents.yaml import YamlLimits, load_yaml
from warden.errors import DocumentError, ReviewStateError, quote
from warden.model.catalog import Catalog, CatalogEntry

SCHEMA = "warden.catalog-patch/1"
MAX_PATCH_BYTES = 1024 * 1024
MAX_CHANGES = 500
REFERENCE = "docs/how-to/review.md"

_PHRASES = ListOf(Text(300, 1), 64)
_CHANGE = Record({"entry": (Text(64, 1), REQUIRED), "add_aliases": (_PHRASES, list), "add_questions": (_PHRASES, list)})
_CASE = Record(
    {"subject": (Text(1_000), empty_text), "body": (Text(20_000, 1), REQUIRED), "entry": (Text(64, 1), REQUIRED)}
)
_SHAPE = Record(
    {
        "schema": (Choice((SCHEMA,)), REQUIRED),
        "base": (Text(71, 71, re.compile("sha256:[0-9a-f]{64}")), REQUIRED),
        "changes": (ListOf(_CHANGE, MAX_CHANGES, 1), REQUIRED),
        "cases": (ListOf(_CASE, MAX_CHANGES), list),
    }
)
_LISTS = ("topics", "aliases", "questions", "links")


@dataclass(frozen=True, slots=True)
class Change:
    """What is added to one entry."""

    entry: str
    aliases: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A message, and the entry that must answer it."""

    body: str
    entry: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class CatalogPatch:
    """A change to the catalogue whose bytes have the digest `base`."""

    base: str
    changes: tuple[Change, ...]
    cases: tuple[Case, ...] = ()


def read_patch(data: bytes, name: str) -> CatalogPatch:
    """Return the patch in `data`; raises `DocumentError` with `file:line` for anything that is not of the format."""
    if len(data) > MAX_PATCH_BYTES:
        raise DocumentError(f"the patch is over {MAX_PATCH_BYTES} bytes", "split it", name)
    document = load_yaml(data, name, YamlLimits(size_bytes=MAX_PATCH_BYTES, depth=8, aliases=0))
    values = read_document(document, _SHAPE, REFERENCE)
    changes = tuple(
        Change(item["entry"], tuple(item["add_aliases"]), tuple(item["add_questions"])) for item in values["changes"]
    )
    cases = tuple(Case(item["body"], item["entry"], item["subject"]) for item in values["cases"])
    return CatalogPatch(values["base"], changes, cases)


def write_patch(patch: CatalogPatch) -> bytes:
    """Return the patch as `read_patch` reads it."""
    changes = [
        {
            "entry": change.entry,
            **({"add_aliases": list(change.aliases)} if change.aliases else {}),
            **({"add_questions": list(change.questions)} if change.questions else {}),
        }
        for change in patch.changes
    ]
    cases = [{"subject": case.subject, "body": case.body, "entry": case.entry} for case in patch.cases]
    document: dict[str, object] = {"schema": SCHEMA, "base": patch.base, "changes": changes, "cases": cases}
    return emit_yaml(document).encode()


def patched(catalog: Catalog, patch: CatalogPatch) -> Catalog:
    """Return the catalogue with the patch applied; its digest is that of the old bytes until it is written.

    Raises `ReviewStateError` when the patch was made for another catalogue or names an entry that there is not.
    """
    if patch.base != catalog.digest:
        raise ReviewStateError("the patch was made for another version of the catalogue", "make it again")
    changes: dict[str, Change] = {}
    for change in patch.changes:
        if catalog.find(change.entry) is None:
            raise ReviewStateError(f"the catalogue has no entry {quote(change.entry)}", "make the patch again")
        before = changes.get(change.entry, Change(change.entry))
        changes[change.entry] = Change(
            change.entry, before.aliases + change.aliases, before.questions + change.questions
        )
    return replace(catalog, entries=tuple(_changed(entry, changes.get(entry.id)) for entry in catalog.entries))


def _changed(entry: CatalogEntry, change: Change | None) -> CatalogEntry:
    if change is None:
        return entry
    return replace(
        entry,
        aliases=tuple(dict.fromkeys((*entry.aliases, *change.aliases))),
        questions=tuple(dict.fromkeys((*entry.questions, *change.questions))),
    )


def write_catalog(catalog: Catalog) -> bytes:
    """Return the catalogue as YAML that `catalog.load_catalog` reads; comments of an older file are not in it."""
    entries = [
        {
            "id": entry.id,
            "title": entry.title,
            "owner": entry.owner,
            **({"scope": entry.scope} if entry.scope != "route" else {}),
            **{name: list(getattr(entry, name)) for name in _LISTS if getattr(entry, name)},
            "answer": entry.answer,
        }
        for entry in catalog.entries
    ]
    return emit_yaml({"entries": entries}).encode()
