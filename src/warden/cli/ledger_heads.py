"""What is kept of the ledger elsewhere, for the commands that verify, repair and restore: heads on the hub and of witnesses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from warden.cli import compose
from warden.cli.output import talk
from warden.config.settings import Settings
from warden.errors import HubError, StateError
from warden.ledger.posted import posted_note

PAGES_LIMIT = 10_000
"""INVARIANT (bounded): pages of progress events that are read from a hub."""


@dataclass(slots=True)
class KeptElsewhere:
    """Collects the notes of one origin. Without `strict` a hub that cannot be asked is told of and passed over.

    `unread` names the witnesses that could not be read.
    """

    settings: Settings
    online: bool
    strict: bool = True
    unread: list[str] = field(default_factory=list)

    def __call__(self, origin: str) -> list[str]:
        """Return the texts of all notes; raises `HubError` when the hub cannot be asked."""
        notes = list(self._witnessed())
        if not self.online:
            return notes
        try:
            return [*notes, *posted_notes(self.settings, origin)]
        except HubError as error:
            if self.strict:
                raise
            talk(f"heads on the hub are not compared: {error.message}")
            return notes

    def _witnessed(self) -> Iterator[str]:
        for witness in compose.build_witnesses(self.settings):
            try:
                note = witness.read()
            except StateError as error:
                self.unread.append(witness.name)
                talk(f"{witness.name} is not compared: {error.message}")
            else:
                if note:
                    yield note


def posted_notes(settings: Settings, origin: str) -> list[str]:
    """Return the notes of this log that runs of the configured agent posted on the hub; raises `HubError`."""
    hub = compose.open_hub(settings)
    notes: list[str] = []
    after: str | None = None
    try:
        if not hub.traits().lists_progress:
            raise HubError("the hub lists no progress events: heads posted there cannot be compared", "use a witness")
        for _ in range(PAGES_LIMIT):
            page = hub.list_progress(settings.agent, after)
            found = (posted_note(event.metadata, origin) for event in page.events)
            notes += [note for note in found if note is not None]
            if page.after is None or page.after == after:
                return notes
            after = page.after
    finally:
        hub.close()
    raise HubError(f"the hub lists more than {PAGES_LIMIT} pages of progress events")
