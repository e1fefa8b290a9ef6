"""What the table `[intake]` says, as frozen values; kept apart from its reading because most runs have no such table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.config.credential import NOWHERE, CredentialSource

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class People:
    """Who accounts are, by their lower-case names: owners and collaborators may order, agents (ours and others) never do."""

    owners: frozenset[str] = frozenset()
    collaborators: frozenset[str] = frozenset()
    readonly: frozenset[str] = frozenset()
    own_accounts: frozenset[str] = frozenset()
    agent_accounts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class IntakeSource:
    """One sender of webhooks. `kind` says how it signs, `format` how its payload is read; with several `keys` any of them
    fits, so that one can be replaced. `url` and `token` are for asking it what webhooks lost."""

    name: str
    kind: str
    keys: tuple[CredentialSource, ...]
    format: str = "generic"
    header: str = "x-signature"
    prefix: str = ""
    algorithm: str = "sha256"
    encoding: str = "hex"
    tolerance_s: float = 300.0
    event_header: str = "x-event"
    id_header: str = "x-delivery"
    people: People = People()
    url: str | None = None
    token: CredentialSource = NOWHERE
    repositories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """How events come in. Nothing is taken in without a source; times are in seconds, sizes in bytes.

    `workflow_key` is the key of signatures inside privileged workflow issues, and `workflow_window_s` how old one may be.
    """

    host: str = "127.0.0.1"
    port: int = 8790
    rules: Path | None = None
    sources: tuple[IntakeSource, ...] = ()
    body_bytes: int = 1 << 20
    body_timeout_s: float = 10.0
    source_per_minute: int = 6_000
    address_per_minute: int = 3_000
    dedupe_window_s: float = 3 * 86_400.0
    retention_s: float = 30 * 86_400.0
    lock_ttl_s: float = 3_600.0
    lock_grace_s: float = 900.0
    workflow_key: CredentialSource = NOWHERE
    workflow_window_s: float = 900.0
    workflow_label: str = "workflow"

    def source(self, name: str) -> IntakeSource | None:
        """Return the source with this name, or None."""
        return next((source for source in self.sources if source.name == name), None)
