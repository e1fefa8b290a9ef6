"""The JSON API: the queue for programs, with bearer tokens. Documents are those that the command line prints.

A decision names what was looked at: `seen`, as the item's document carries it, or it is refused with 409.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from warden.errors import WardenError
from warden.server.console.decide import VERBS, Words, decide
from warden.server.console.items import look, seen_of
from warden.server.console.ledger_pages import entry_of
from warden.server.console.openapi import describe_api
from warden.server.console.queue import FILTERS, read_filters, wanted_of
from warden.server.console.visit import Answer, RefusedVisitError, status_of
from warden.store.console_queries import read_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warden.server.console.visit import Visit

PAGE = 100
"""INVARIANT (bounded): items of one answer."""
WORDS = {"reason", "text", "owner", "seen"}
SCHEMA = "warden.console/1"


def document(value: Mapping[str, object], status: int = 200) -> Answer:
    """Return a JSON answer; a lone surrogate, which has no form in UTF-8, is written as an escape."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Answer(text.encode("utf-8", "backslashreplace"), status, "application/json")


def refuse(visit: Visit, error: WardenError) -> Answer:
    """Return the document of a refusal."""
    status = status_of(error)
    body = {"error": {"code": error.code, "message": error.message, "hint": error.hint or None}}
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    done = document(body, status)
    return Answer(done.body, status, done.media_type, headers=headers)


def describe(visit: Visit) -> Answer:
    """Return the OpenAPI description."""
    return document(describe_api(tuple(VERBS)))


def list_items(visit: Visit) -> Answer:
    """List items, oldest first; `after` continues behind a number."""
    unknown = sorted(set(visit.query) - {*FILTERS, "after"})
    if unknown:
        raise RefusedVisitError(422, "there is no such parameter", "see /api/v1/openapi.json")
    after = visit.query.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) <= 18):
        raise RefusedVisitError(422, "`after` is the number of an item")
    filters = read_filters(visit.query)
    with visit.parts.open_desk(True) as place:
        desk = place.desk
        now, rules = desk.clock.now(), desk.rules
        wanted = wanted_of(desk, filters)
        found = place.read(lambda connection: read_page(connection, wanted, int(after), PAGE))
        rows = [{**visit.parts.documents.item(item, rules, now), "seen": seen_of(item)} for item in found.items]
    following = found.items[-1].number if found.more else None
    return document({"schema": SCHEMA, "items": rows, "next_after": following})


def show_item(visit: Visit) -> Answer:
    """Return one item with its messages and its exact text."""
    with visit.parts.open_desk(True) as place:
        detail = look(place.desk, visit.number("number"))
        body = visit.parts.documents.detail(detail, place.desk.rules, place.desk.clock.now())
    del body["history"]
    return document({"schema": SCHEMA, "item": {**body, "seen": seen_of(detail.item)}})


def decide_item(visit: Visit) -> Answer:
    """Decide one item."""
    number, verb = visit.number("number"), visit.params["verb"]
    if verb not in VERBS:
        raise RefusedVisitError(404, "there is no such decision")
    words = read_words(visit.body)
    said = Words(words.get("reason", ""), words.get("text", ""), words.get("owner", ""))
    ruling = decide(visit, number, verb, said, words.get("seen", ""))
    return document({"schema": SCHEMA, "ruling": visit.parts.documents.ruling(ruling)})


def read_words(body: bytes) -> dict[str, str]:
    """Return the words of a decision; raises `RefusedVisitError` for a body that is not an object of known texts."""
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RefusedVisitError(400, "the body is not JSON") from error
    if not isinstance(value, dict) or not set(value) <= WORDS:
        raise RefusedVisitError(422, f"the body is an object with {', '.join(sorted(WORDS))}")
    if not all(isinstance(text, str) for text in value.values()):
        raise RefusedVisitError(422, "every word of a decision is a text")
    return value


def stats(visit: Visit) -> Answer:
    """Return how much waits and how people decide."""
    return document({"schema": SCHEMA, "windows": visit.parts.sources.rates()})


def health(visit: Visit) -> Answer:
    """Return schedule and health."""
    return document({"schema": SCHEMA, **visit.parts.sources.health()})


def entry(visit: Visit) -> Answer:
    """Return one entry of the ledger."""
    found, text, purged = entry_of(visit)
    body = {"seq": found.seq, "at": found.at, "kind": found.kind, "prev": found.prev, "digest": found.digest}
    return document(
        {"schema": SCHEMA, "entry": {**body, "fields": dict(found.fields), "text": text, "text_purged": purged}}
    )


def proof(visit: Visit) -> Answer:
    """Return the proof that an entry is in the ledger."""
    found, _, _ = entry_of(visit)
    return Answer(visit.parts.sources.prove(found.seq), media_type="application/json")
