"""Deliveries as forges send them, signed with keys of our own, and an intake of one source to send them to."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from warden.config.intake_settings import People
from warden.documents.triggers import load_triggers
from warden.guard.known import KnownSecrets
from warden.guard.scanner import GuardScanner
from warden.hubs.database import Database
from warden.hubs.intake import IntakeHub, open_database
from warden.orders.book import TriggerBook
from warden.server.intake.app import Desk, build_app
from warden.server.intake.delivery import Source
from warden.server.intake.events import EventTerms
from warden.server.intake.health import Health
from warden.server.intake.hooks import Hooks, HookTerms
from warden.server.intake.signature import SignatureTerms, SourceKind
from warden.testing.engine import FixedClock
from warden.testing.hub_server import served

KEY = b"a-key-of-this-test"
OTHER_KEY = b"the-key-that-comes-next"
REPOSITORY = {"full_name": "ops/site", "owner": {"login": "ops"}, "html_url": "https://git.example/ops/site"}
ISSUE = {
    "number": 7,
    "title": "The pump stands still",
    "body": "since this morning",
    "state": "open",
    "labels": [{"name": "deploy"}, {"name": "good first issue"}],
    "user": {"login": "alice"},
    "updated_at": "2026-03-01T10:00:00Z",
}
PULL = {**ISSUE, "number": 9, "base": {"ref": "main"}, "head": {"ref": "topic"}}
ALICE = {"login": "alice"}
PEOPLE = People(
    owners=frozenset({"alice"}),
    readonly=frozenset({"rita"}),
    own_accounts=frozenset({"warden-bot"}),
    agent_accounts=frozenset({"other-bot"}),
)
RULES = b"""
version: 1
sets:
  - name: issues
    rules:
      - id: deploy
        when: {event: issues, label: deploy}
        do: script
        script: {argv: [/bin/true, "{repository}", "{number}"]}
        key: "{repository}#{number}"
        concurrency: coalesce
      - id: ask
        when: {event: issue_comment}
        do: message
      - id: push
        when: {event: push}
        do: ignore
"""


def body_of(document: object) -> bytes:
    """Return a document as bytes."""
    return json.dumps(document).encode()


def gitea_headers(
    body: bytes, event: str = "issues", kind: str = "", delivery: str = "", key: bytes = KEY
) -> dict[str, str]:
    """Return the headers of a Gitea delivery."""
    return {
        "content-type": "application/json",
        "x-gitea-event": event,
        "x-gitea-event-type": kind or event,
        "x-gitea-delivery": delivery or hashlib.sha256(body + event.encode()).hexdigest()[:32],
        "x-gitea-signature": hmac.digest(key, body, "sha256").hex(),
    }


def issue_event(action: str = "opened", **more: Any) -> dict[str, Any]:
    """Return the payload of an event about the issue."""
    return {"action": action, "issue": {**ISSUE, **more}, "repository": REPOSITORY, "sender": ALICE}


def comment_event(text: str, sender: str = "alice") -> dict[str, Any]:
    """Return the payload of a comment on the issue."""
    comment = {"id": 31, "body": text, "user": {"login": sender}, "updated_at": "2026-03-01T11:00:00Z"}
    return {
        "action": "created",
        "comment": comment,
        "issue": ISSUE,
        "repository": REPOSITORY,
        "sender": {"login": sender},
    }


def reading(form: str = "gitea", **more: Any) -> EventTerms:
    """Return how a source is read."""
    return EventTerms("forge", form, PEOPLE, **more)


def source_of(kind: SourceKind = SourceKind.GITEA, form: str = "gitea", **more: Any) -> Source:
    """Return a source with two keys."""
    return Source("forge", SignatureTerms(kind, **more), [KEY, OTHER_KEY], reading(form))


def make_scanner() -> GuardScanner:
    """Return the guard, without enrolled values."""
    return GuardScanner(KnownSecrets(b"k" * 32, ()))


@dataclass
class Intake:
    """An intake that is served, and what a test looks at."""

    client: httpx.Client
    database: Database
    clock: FixedClock
    desk: Desk

    def post(
        self, document: object, event: str = "issues", headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """Send a signed delivery."""
        body = body_of(document)
        return self.client.post(
            "/hooks/forge", content=body, headers={**gitea_headers(body, event, **more), **(headers or {})}
        )

    def quarantined(self) -> list[str]:
        """Return the reasons of what was refused, oldest first."""
        return [str(row[0]) for row in self.database.read("SELECT reason FROM quarantine ORDER BY id")]

    def hub(self, takes: bool = False) -> IntakeHub:
        """Return the second source over the same file."""
        return IntakeHub(self.database, self.clock, takes, 3600.0, 900.0)


@contextlib.contextmanager
def intake(path: Path, source: Source | None = None, book: TriggerBook | None = None, **terms: Any) -> Iterator[Intake]:
    """Serve an intake of one source."""
    clock = FixedClock()
    rules = book or load_triggers(RULES, "triggers.yaml")
    limits = {"body_bytes": 65_536, "body_timeout_s": 5.0, "source_per_minute": 1000, "address_per_minute": 1000}
    database = open_database(path, clock)
    look = open_database(path, clock)
    desk = Desk(database, clock)
    hooks = Hooks(
        desk,
        {"forge": source or source_of()},
        lambda: rules,
        make_scanner(),
        HookTerms(**{**limits, "window_s": 3600.0, **terms}),
    )
    app = build_app(desk, [hooks.router(), Health(desk, lambda: "", 3600.0).router()])
    with served(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield Intake(client, look, clock, desk)
    look.close()
