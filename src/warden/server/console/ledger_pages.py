"""The ledger: its entries, whether it verifies, and proofs that an entry is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from warden.ledger.schema import BLOB_FIELDS, KINDS
from warden.server.console.look import page
from warden.server.console.visit import Answer, RefusedVisitError
from warden.store.console_queries import read_entries, read_entry

if TYPE_CHECKING:
    from warden.ledger.entry import StoredEntry
    from warden.server.console.parts import Document, OpenDesk
    from warden.server.console.visit import Visit

ENTRIES = 100
"""INVARIANT (bounded): entries of one page."""


def show(visit: Visit) -> Answer:
    """List entries, the newest first, under the badge of the last verification."""
    kind, before = visit.query.get("kind", ""), visit.query.get("before", "")
    if kind not in ("", *KINDS) or (before and not (before.isascii() and before.isdigit() and len(before) <= 18)):
        raise RefusedVisitError(422, "there is no such part of the ledger", "choose from the lists")
    with visit.parts.open_desk(True) as place:
        entries = place.read(
            lambda connection: read_entries(connection, int(before) if before else None, kind, ENTRIES)
        )
        head = place.desk.store.head()
    return page(
        visit,
        "ledger.html",
        entries=entries,
        kind=kind,
        kinds=sorted(KINDS),
        head=head,
        badge_of=visit.parts.sources.verified(),
        more=entries[-1].seq if len(entries) == ENTRIES else None,
        mark=visit.parts.mark(),
    )


def verify(visit: Visit) -> Answer:
    """Verify the whole ledger now, in the background."""
    visit.parts.sources.verify()
    return Answer(location="/ledger")


def _entry(visit: Visit, place: OpenDesk) -> StoredEntry:
    number = visit.number("number")
    found = place.read(lambda connection: read_entry(connection, number))
    if found is None:
        size = place.desk.store.head().size
        raise RefusedVisitError(
            404, f"there is no entry {number} here", f"the ledger has {size}; old ones are archived"
        )
    return found


def entry_of(visit: Visit) -> tuple[StoredEntry, str | None, bool]:
    """Return an entry, the redacted text that it names, and whether that was purged."""
    with visit.parts.open_desk(True) as place:
        found = _entry(visit, place)
        name = BLOB_FIELDS.get(found.kind)
        digest = None if name is None else found.fields[name]
        data = None if digest is None else place.desk.store.blob(str(digest))
    text = None if data is None else data.decode("utf-8", "replace")
    return found, text, digest is not None and data is None


def entry(visit: Visit) -> Answer:
    """Show one entry with its proof of inclusion."""
    found, text, purged = entry_of(visit)
    proof: Document = json.loads(visit.parts.sources.prove(found.seq))
    return page(
        visit,
        "entry.html",
        entry=found,
        fields=[
            (name, json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value)
            for name, value in found.fields.items()
        ],
        text=text,
        purged=purged,
        proof=proof,
        badge_of=visit.parts.sources.verified(),
    )


def proof(visit: Visit) -> Answer:
    """Hand out the proof, as `warden ledger check-proof` reads it."""
    with visit.parts.open_desk(True) as place:
        seq = _entry(visit, place).seq
    name = f'attachment; filename="entry-{seq}.proof.json"'
    data = visit.parts.sources.prove(seq)
    return Answer(data, media_type="application/json", headers={"content-disposition": name})
