"""One delivery, step by step: proven, read, redacted, sorted. Pure but for the scanner that it is given.

Each step either brings the delivery further or refuses it with a status and a stable reason. INVARIANT (no-secret): from
`redact` on, nobody holds the text as it came, and what is kept of a refused delivery is redacted too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from warden.engine.cleaning import Cleaner
from warden.hubs.parsing import MalformedDocumentError, parse_json
from warden.model.digests import digest_bytes
from warden.model.event import LOOPS, Event, NewTask, Trust
from warden.model.message import Assurance
from warden.orders.approvals import APPROVAL, find_words
from warden.server.intake.events import TEXT_CHARACTERS, EventTerms, MalformedEventError, read_event
from warden.server.intake.pieces import split_document, without_text
from warden.server.intake.signature import (
    Headers,
    RefusedDeliveryError,
    SignatureTerms,
    SourceKind,
    check_signature,
)

if TYPE_CHECKING:
    from warden.orders.book import TriggerBook
    from warden.ports import Scanner

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_COMMENTS = frozenset({"issue_comment", "pull_request_comment"})
_KEPT = frozenset(
    {"content-type", "user-agent", "x-gitea-event", "x-gitea-event-type", "x-gitea-delivery", "x-gitea-signature"}
    | {"x-github-event", "x-github-delivery", "x-hub-signature", "x-hub-signature-256"}
    | {"webhook-id", "webhook-timestamp", "webhook-signature"}
)
_SINGLE = frozenset({"content-type", "content-length", "authorization", "host", "transfer-encoding"})
MAX_HEADER_CHARACTERS = 500


class RefusedError(Exception):
    """A delivery goes no further. `status` answers it, `reason` is a stable word; `proven` says that its signature held."""

    def __init__(self, status: int, reason: str, proven: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.proven = proven


@dataclass(frozen=True, slots=True)
class Source:
    """A sender of deliveries: how it signs, with which keys, and how its payload is read."""

    name: str
    signature: SignatureTerms
    keys: Sequence[bytes]
    reading: EventTerms

    @property
    def kept_headers(self) -> frozenset[str]:
        """The headers that are written down: never one that holds a credential."""
        own = {self.signature.header.lower(), self.reading.event_header, self.reading.id_header}
        return _KEPT | (own - {"authorization", "cookie", "proxy-authorization"})

    @property
    def forge(self) -> bool:
        """Whether the payload says itself what it is, so that its event header can be held against it."""
        return self.signature.kind in (SourceKind.GITEA, SourceKind.GITHUB)


@dataclass(frozen=True, slots=True)
class Proven:
    """A delivery whose signature holds. `document_bytes` is the JSON of it, `digest` that of these bytes."""

    assurance: Assurance
    document_bytes: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A delivery that can be kept: the event and the text of the body, both redacted, and what is to be done."""

    event: Event
    assurance: Assurance
    body: bytes
    digest: str
    tasks: tuple[NewTask, ...]
    reason: str


def check_headers(headers: Headers) -> str:
    """Return the content type; raises `RefusedError` for a repeated header that must stand once, or another type."""
    for name in _SINGLE:
        if sum(found == name for found, _ in headers) > 1:
            raise RefusedError(400, "header-repeated")
    kind = next((value for name, value in headers if name == "content-type"), "").partition(";")[0].strip().lower()
    if kind not in (JSON, FORM):
        raise RefusedError(415, "content-type")
    return kind


def prove(source: Source, headers: Headers, body: bytes, kind: str, now_s: float) -> Proven:
    """Return the delivery once its signature holds; raises `RefusedError`.

    A form carries its JSON in `payload`. Gitea and others sign that JSON, GitHub signs the form as it is sent; either way all
    that is read afterwards was signed.
    """
    document = body if kind == JSON else _form_payload(body)
    signed = [body] if kind == JSON else [body, document] if source.forge else [document]
    refusal = RefusedDeliveryError("signature-wrong")
    for candidate in signed:
        try:
            assurance = check_signature(source.signature, source.keys, headers, candidate, now_s)
        except RefusedDeliveryError as error:
            refusal = error
            continue
        return Proven(assurance, document, digest_bytes(document))
    raise RefusedError(401, refusal.code) from refusal


def _form_payload(body: bytes) -> bytes:
    if not body.startswith(b"payload=") or b"&" in body or b";" in body:
        raise RefusedError(400, "form-without-payload")
    return unquote_to_bytes(body[len(b"payload=") :].replace(b"+", b" "))


def read(source: Source, headers: Headers, proven: Proven, now_s: float) -> Event:
    """Return the event of a proven delivery; raises `RefusedError`."""
    try:
        return read_event(source.reading, headers, parse_json(proven.document_bytes), now_s)
    except MalformedDocumentError as error:
        raise RefusedError(400, "not-json", proven=True) from error
    except MalformedEventError as error:
        raise RefusedError(422, error.code, proven=True) from error


def redact(scanner: Scanner, event: Event, document_bytes: bytes) -> tuple[Event, bytes]:
    """Return event and body without secret values; raises `RefusedError` when an identifier holds one."""
    body = document_bytes.decode("utf-8", "replace")
    names = (
        *(event.delivery_id, event.event, event.type, event.action, event.repository, event.branch, event.sender),
        *(event.url, *event.revisions),
    )
    # A look costs more than the characters that it is at: one at the text, one at all the rest, in paragraphs; and what most
    # deliveries share is known to the scanner.
    left, *shared = split_document(without_text(body, event.text) if len(event.text) < TEXT_CHARACTERS else body)
    rest = "\n\n".join((*names, event.title, *event.labels, left))
    if not any(map(scanner.scan, (event.text, rest, *shared))):
        return event, body.encode("utf-8")
    cleaner = Cleaner(scanner, [body, event.title, event.text, *event.labels])
    if scanner.scan("\n\n".join(names)) or any(map(cleaner.holds_value, names)):
        raise RefusedError(422, "secret-in-id", proven=True)
    clean = replace(
        event,
        title=cleaner.redacted(event.title),
        text=cleaner.redacted(event.text),
        labels=tuple(cleaner.redacted(label) for label in event.labels),
    )
    return clean, cleaner.redacted(body).encode("utf-8")


def redact_text(scanner: Scanner, text: str) -> str:
    """Return a text that is kept of a refused delivery, without secret values."""
    return Cleaner(scanner, [text]).redacted(text)


def ready(scanner: Scanner, book: TriggerBook, event: Event, proven: Proven) -> Ready:
    """Return the delivery as it is kept, with what the rules make of it; raises `RefusedError`."""
    clean, body = redact(scanner, event, proven.document_bytes)
    tasks, reason = sort(book, clean, proven.assurance)
    return Ready(clean, proven.assurance, body, proven.digest, tasks, reason)


def sort(book: TriggerBook, event: Event, assurance: Assurance) -> tuple[tuple[NewTask, ...], str]:
    """Return the tasks of an event and the reason code when there are none.

    A comment that rules over a review item does nothing else; it counts from somebody with a say, over a signature.
    """
    words = find_words(event.text) if event.event in _COMMENTS and event.action == "created" else None
    if words is None or event.flags & set(LOOPS):
        return book.sort(event)
    if event.trust.rank < Trust.COLLABORATOR.rank or assurance is not Assurance.SIGNED:
        return (), "approval-untrusted"
    return (NewTask(APPROVAL, words.verb, APPROVAL, words.prefix),), ""


def kept_headers(
    source: Source | None, headers: Headers, scanner: Scanner, looked_at: str = ""
) -> list[tuple[str, str]]:
    """Return the headers that are written down, redacted where they are no signature.

    `looked_at` is a value in which nothing was found: what is left is the same in most deliveries, and known to the scanner.
    """
    names = _KEPT if source is None else source.kept_headers
    kept = [(name, value) for name, value in headers if name in names and len(value) <= 4 * MAX_HEADER_CHARACTERS]
    others = [value for name, value in kept if "signature" not in name]
    unknown = "\n\n".join(value for value in others if value != looked_at)
    if not scanner.scan(unknown) and all(len(value) <= MAX_HEADER_CHARACTERS for value in others):
        return kept
    return [
        (name, value if "signature" in name else redact_text(scanner, value[:MAX_HEADER_CHARACTERS]))
        for name, value in kept
    ]


def headers_digest(headers: Headers) -> str:
    """Return the digest of all headers as they came."""
    text = "\n".join(f"{name}: {value}" for name, value in headers)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


Sources = Mapping[str, Source]
