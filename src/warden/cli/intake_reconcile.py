"""Asking a Gitea what its webhooks lost: issues and comments that changed since a cursor, as events of the same source.

What it does: pages through `GET /api/v1/repos/{repo}/issues` and `/issues/comments` (Gitea's REST API), makes of each that no
webhook brought in its present form an event, and moves the cursor when all of a repository was taken in. What it does not:
guess who edited something: the author counts as the sender only of what is new. Rules: no redirect is followed, the token goes
to the configured address only; pages and sizes are bounded; taking the same thing in twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from warden.errors import ConfigError, InputError, StateError, quote
from warden.hubs import intake_operations
from warden.hubs.intake_operations import NEW, NewDelivery
from warden.model.digests import digest_bytes
from warden.model.message import Assurance
from warden.server.intake import delivery
from warden.server.intake.delivery import Proven, RefusedError, Source

if TYPE_CHECKING:
    from warden.config.settings import Settings
    from warden.hubs.database import Database
    from warden.orders.book import TriggerBook
    from warden.ports import Clock, Scanner

PAGE = 50
PAGES = 200
ANSWER_BYTES = 16 << 20
"""INVARIANT (bounded): things of a page, pages of a repository, bytes of an answer."""
FIRST_LOOK = timedelta(days=7)
TIMEOUT_S = 30.0

Document = dict[str, Any]


class Forge:
    """Reads a Gitea; raises `StateError` for an answer that cannot be used."""

    def __init__(self, client: Any, url: str, repositories: tuple[str, ...]) -> None:
        self._client = client
        self._url = url
        self.repositories = repositories

    def changed(self, repository: str, what: str, since: str) -> Iterator[Document]:
        """Yield issues or comments of a repository that changed since then."""
        for page in range(1, PAGES + 1):
            query = {"state": "all", "since": since, "limit": PAGE, "page": page}
            found = self._get(f"/api/v1/repos/{repository}/{what}", query)
            if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
                raise StateError(f"{quote(self._url)} answered something else than a list", "is it a Gitea?")
            yield from found
            if len(found) < PAGE:
                return

    def issue(self, repository: str, number: str) -> Document:
        """Return one issue."""
        found = self._get(f"/api/v1/repos/{repository}/issues/{number}", {})
        if not isinstance(found, dict):
            raise StateError(f"{quote(self._url)} answered something else than an issue", "is it a Gitea?")
        return found

    def _get(self, path: str, query: dict[str, Any]) -> object:
        import httpx

        from warden.hubs.parsing import MalformedDocumentError, parse_json

        try:
            answer = self._client.get(self._url + path, params=query)
        except httpx.HTTPError as error:
            hint = "try again; nothing was lost, the cursor stays"
            raise StateError(f"{quote(self._url)} cannot be asked: {type(error).__name__}", hint) from error
        if answer.status_code != 200 or len(answer.content) > ANSWER_BYTES:
            hint = "check `url`, `repositories` and the token of the source"
            raise StateError(f"{quote(self._url + path)} answered {answer.status_code}", hint)
        try:
            return parse_json(answer.content)
        except MalformedDocumentError as error:
            raise StateError(f"{quote(self._url)} answered no JSON", "is it a Gitea?") from error


@contextmanager
def open_forge(settings: Settings, name: str) -> Iterator[Forge]:
    """Give the forge of a source; raises `InputError` and `ConfigError` for one that cannot be asked."""
    from warden.cli.intake_parts import need_intake
    from warden.cli.own_credentials import fetch_own

    source = need_intake(settings).source(name)
    if source is None:
        raise InputError(f"there is no source {quote(name)}", "name one of [intake.sources]")
    if source.format != "gitea" or source.url is None or not source.repositories:
        hint = f'write url = "https://..." and repositories = ["OWNER/NAME"] below [intake.sources.{name}]'
        raise ConfigError(f"the source {quote(name)} is no Gitea that can be asked", hint)
    import httpx

    token = fetch_own(source.token, settings)
    headers = {"authorization": f"token {token}"} if token else {}
    with httpx.Client(headers=headers, timeout=TIMEOUT_S, follow_redirects=False) as client:
        yield Forge(client, source.url, source.repositories)


class Reconciler:
    """Takes in what a forge has and webhooks did not bring. `parts` are the source, the rules and the scanner."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        parts: tuple[Source, TriggerBook, Scanner],
        forge: Forge,
        window_s: float,
    ) -> None:
        self._database = database
        self._clock = clock
        self._source, self._book, self._scanner = parts
        self._forge = forge
        self._window_s = window_s

    def run(self, since: str | None) -> dict[str, int]:
        """Return how many things were looked at and how many were new."""
        counts = {"seen": 0, "new": 0}
        for repository in self._forge.repositories:
            begin = since or self._cursor(repository)
            newest = begin
            issues: dict[str, Document] = {}
            for issue in self._forge.changed(repository, "issues", begin):
                issues[str(issue.get("number"))] = issue
                newest = max(newest, str(issue.get("updated_at", "")))
                self._take(counts, "issues", _issue_document(repository, issue))
            for comment in self._forge.changed(repository, "issues/comments", begin):
                newest = max(newest, str(comment.get("updated_at", "")))
                number = str(comment.get("issue_url") or comment.get("pull_request_url") or "").rpartition("/")[2]
                if number and number not in issues and number.isascii() and number.isdigit():
                    issues[number] = self._forge.issue(repository, number)
                self._take(counts, "issue_comment", _comment_document(repository, comment, issues.get(number, {})))
            # Only now: what was taken in before an error is known again, what was not is asked for again.
            self._move(repository, newest)
        return counts

    def _cursor(self, repository: str) -> str:
        row = self._database.read_one(
            "SELECT value FROM cursors WHERE source = ? AND name = ?", (self._source.name, repository)
        )
        return str(row[0]) if row else (self._clock.now() - FIRST_LOOK).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _move(self, repository: str, value: str) -> None:
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return
        values = (self._source.name, repository, value)
        self._database.write(lambda c: c.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)", values) and None)

    def _take(self, counts: dict[str, int], event: str, document: Document) -> None:
        counts["seen"] += 1
        now = self._clock.now().timestamp()
        body = json.dumps(document, sort_keys=True).encode("utf-8")
        kind = "pull_request_comment" if document.get("is_pull") else event
        headers = [("x-gitea-event", event), ("x-gitea-event-type", kind), ("content-type", delivery.JSON)]
        # The forge was asked with our token at its configured address: as sure as a bearer token, no signature.
        proven = Proven(Assurance.TOKEN, body, digest_bytes(body))
        try:
            found = delivery.read(self._source, headers, proven, now)
            ready = delivery.ready(self._scanner, self._book, found, proven)
        except RefusedError:
            return
        new = NewDelivery(
            event=ready.event,
            assurance=ready.assurance.value,
            body_digest=ready.digest,
            body=ready.body,
            headers=headers,
            received_at=now,
            tasks=ready.tasks,
            reason=ready.reason,
            origin="reconcile",
            window_s=self._window_s,
        )
        taken: Any = self._database.write(partial(intake_operations.accept, new=new))
        counts["new"] += taken.state == NEW


def _issue_document(repository: str, issue: Document) -> Document:
    is_new = issue.get("created_at") == issue.get("updated_at")
    action = "opened" if is_new else "closed" if issue.get("state") == "closed" else "edited"
    document: Document = {"action": action, "number": issue.get("number"), "issue": issue}
    if is_new:
        document["sender"] = issue.get("user")
    return {**document, "repository": _repository(repository)}


def _comment_document(repository: str, comment: Document, issue: Document) -> Document:
    is_new = comment.get("created_at") == comment.get("updated_at")
    document: Document = {"action": "created" if is_new else "edited", "comment": comment, "issue": issue}
    if comment.get("pull_request_url"):
        document["is_pull"] = True
    if is_new:
        document["sender"] = comment.get("user")
    return {**document, "repository": _repository(repository)}


def _repository(name: str) -> Document:
    return {"full_name": name, "owner": {"login": name.partition("/")[0]}}
