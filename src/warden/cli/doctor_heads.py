"""What `warden doctor` says of heads that are kept elsewhere: on the hub, and by each witness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from warden.cli import checks, compose
from warden.cli.checks import Finding
from warden.config.settings import Settings
from warden.errors import LedgerError, StateError

if TYPE_CHECKING:
    from warden.ports import Witness
    from warden.store.sqlite import SqliteLedgerStore

CHECK = "heads"


def look_at_heads(settings: Settings, full: bool) -> Iterator[Finding]:
    """Return what each place holds, compared with the ledger when there is one; the hub is read with `full`."""
    witnesses = compose.build_witnesses(settings)
    if not compose.ledger_files(settings).exists():
        yield checks.ok(CHECK, f"{len(witnesses)} witnesses, and no ledger yet")
        return
    store = compose.read_ledger(settings)
    try:
        for witness in witnesses:
            yield _look_at_witness(witness, store)
        yield _look_at_hub(settings, store, bool(witnesses), full)
    finally:
        store.close()


def _look_at_witness(witness: Witness, store: SqliteLedgerStore) -> Finding:
    try:
        note = witness.read()
    except StateError as error:
        return checks.warn(
            CHECK, f"{witness.name}: {error.message}", "runs go on without it; a roll-back may go unseen"
        )
    if note is None:
        return checks.ok(
            CHECK, f"{witness.name} is given heads; it has no command to read them back, so nothing is compared"
        )
    if note == "":
        return checks.warn(CHECK, f"{witness.name} holds no head", "the next executing run gives it one")
    try:
        others = store.check_heads([note])
    except LedgerError as error:
        return checks.fail(CHECK, f"{witness.name}: {error.message}", error.hint)
    if others:
        advice = "somebody changed it, or it belongs to another ledger: look before the next executing run replaces it"
        return checks.warn(CHECK, f"{witness.name} holds no head of this log", advice)
    return checks.ok(CHECK, f"{witness.name} holds a head of this log")


def _look_at_hub(settings: Settings, store: SqliteLedgerStore, witnessed: bool, full: bool) -> Finding:
    if settings.hub.url is None:
        seen = "the embedded hub lies in the state directory and goes back with it"
        return checks.ok(CHECK, seen if witnessed else f"{seen}; no witness is configured")
    hub = compose.open_hub(settings)
    try:
        lists = hub.traits().lists_progress
    finally:
        hub.close()
    if not lists:
        seen = "the hub lists no progress events, so heads posted there are not compared"
        if witnessed:
            return checks.ok(CHECK, seen)
        return checks.warn(CHECK, seen, "name a file on another disk in `ledger.witness_files`")
    if not full:
        return checks.ok(CHECK, "runs post them on the hub, and compare (--full compares all)")
    from warden.cli.ledger_heads import posted_notes

    notes = posted_notes(settings, store.origin)
    try:
        others = store.check_heads(notes)
    except LedgerError as error:
        return checks.fail(CHECK, f"on the hub: {error.message}", error.hint)
    return checks.ok(CHECK, f"{len(notes) - others} on the hub are in the log, {others} are not ours")
