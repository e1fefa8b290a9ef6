"""Heads of our log that are kept elsewhere: compared before anything is executed, and a new one kept at the end.

What is done on one machine can be undone on it: only a head that left the machine tells that the whole state directory was
put back to an earlier moment. Runs post their head in audit events on the hub; witnesses (files on another disk, a command)
are given it at the end of each cycle. At the end, not at each commit: a head is worth what later runs compare with, the hub
already has those of the batches, and a witness may be slow.

Rules: a head that our key signed and that our log does not contain ends the run before its first entry (`LedgerError`). What
anybody else may have written there is counted and ignored. A hub or witness that cannot be asked is said and never blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.errors import HubError, HubRejectedError, StateError
from warden.ledger.posted import posted_note
from warden.ledger.schema import is_id

if TYPE_CHECKING:
    from warden.engine.bench import Opening
    from warden.engine.journal import Journal
    from warden.engine.parts import Parts, Terms
    from warden.model.hub import HubTraits

PAGES_PER_RUN = 200
"""INVARIANT (bounded): pages of progress events that one run reads; where it stops, the next one goes on."""
MAX_SUBJECT = 256


class HeadWatch:
    """Compares and keeps heads for one executing run."""

    def __init__(self, parts: Parts, terms: Terms, traits: HubTraits, journal: Journal, opening: Opening) -> None:
        self._parts = parts
        self._terms = terms
        self._traits = traits
        self._journal = journal
        self._opening = opening

    def compare(self) -> None:
        """Compare the log with what witnesses and hub keep; what is to be recorded of it follows the run's start.

        INVARIANT (tamper-evident): raises `LedgerError` when the log was rolled back behind a head of it; nothing was written.
        """
        for witness in self._parts.witnesses:
            try:
                note = witness.read()
            except StateError as error:
                self._warn("witness-unreadable", f"{witness.name}: {error.message}")
                continue
            if note == "":
                self._warn("witness-empty", f"{witness.name} holds no head yet: this run gives it the first")
            elif note is not None and self._parts.store.check_heads([note]):
                self._warn(
                    "witness-foreign", f"{witness.name} holds no head of this log: this run replaces what it holds"
                )
        if not self._traits.lists_progress:
            self._parts.reporter.alert("the hub lists no progress events: heads posted there are not compared")
            return
        try:
            self._compare_with_hub()
        except HubError as error:
            self._warn("heads-not-compared", f"heads on the hub are not compared: {error.message}")

    def _compare_with_hub(self) -> None:
        hub_id, agent, store = self._traits.hub_id, self._terms.agent, self._parts.store
        known = store.progress_cursor(hub_id, agent)
        try:
            after, events, others = self._read_pages(known)
        except HubRejectedError:
            if known is None:
                raise
            after, events, others = self._read_pages(None)  # the hub does not know its own cursor any more
        if after is not None and after != known and is_id(after):
            fields = {"hub_id": hub_id, "agent": agent, "cursor": after, "events": events, "others": others}
            self._opening.add("heads_compared", **fields)

    def _read_pages(self, after: str | None) -> tuple[str | None, int, int]:
        """Return the cursor of the last page, how many events were read, and how many named heads that are not ours."""
        events = others = 0
        for _ in range(PAGES_PER_RUN):
            page = self._parts.hub.list_progress(self._terms.agent, after)
            notes = [posted_note(event.metadata, self._parts.store.origin) for event in page.events]
            others += self._parts.store.check_heads(note for note in notes if note is not None)
            events += len(page.events)
            if page.after is None or page.after == after:
                return after, events, others
            after = page.after
        self._parts.reporter.alert(
            f"{events} progress events were compared with the log; the next run goes on from there"
        )
        return after, events, others

    def keep(self) -> None:
        """Give the newest signed head to every witness; one that does not take it is told of and recorded."""
        failed = False
        for witness in self._parts.witnesses:
            try:
                witness.keep(self._parts.store.note())
            except StateError as error:
                failed = True
                text = f"{witness.name}: {error.message}"
                self._parts.reporter.alert(text)
                self._journal.write("alert_raised", code="witness-unwritable", subject=text[:MAX_SUBJECT])
        if failed:
            self._journal.commit()

    def _warn(self, code: str, text: str) -> None:
        self._parts.reporter.alert(text)
        self._opening.add("alert_raised", code=code, subject=text[:MAX_SUBJECT])
