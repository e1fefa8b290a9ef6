"""What happened: from the headers and the document of a delivery whose signature holds to an `Event`. Pure.

Formats: Gitea's and GitHub's webhooks, and one of plain named fields for everything else. Gitea names an event twice: the
header `X-Gitea-Event` covers a family (`issues` for assignments, labels and milestones, `issue_comment` for comments on pull
requests), `X-Gitea-Event-Type` the one of it; the family is `event` here and the other `type`. What is not of the expected
form is refused with a code, nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from warden.model.event import Event, Flag, Trust
from warden.server.intake.signature import Headers
from warden.server.intake.trust import (
    Accounts,
    carries_signature,
    listed_trust,
    loop_flags,
    stated_trust,
    tells_permissions,
    workflow_flag,
)

TITLE_CHARACTERS = 1_000
TEXT_CHARACTERS = 32_768
LABELS = 100
"""INVARIANT (bounded): what is kept of a title and a text; more labels than this are no event."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z")
_NAME = re.compile(r"[^\s\x00-\x20\x7f-\xa0\ud800-\udfff]{1,100}\Z")
_DELIVERY = re.compile(r"[\x21-\x7e]{1,128}\Z")
_SIGNED_ACTIONS = frozenset({"opened", "edited", "labeled", "label_updated", "reopened"})

Document = Mapping[str, object]


class MalformedEventError(Exception):
    """A delivery of its source that is no event. `code` is a stable word for the quarantine."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class EventTerms:
    """How the payload of a source is read, and who accounts are there."""

    source: str
    format: str
    accounts: Accounts
    event_header: str = "x-event"
    id_header: str = "x-delivery"
    workflow_keys: Sequence[bytes] = ()
    workflow_window_s: float = 900.0
    workflow_label: str = "workflow"


@dataclass(frozen=True, slots=True)
class _Names:
    """In which headers a forge names an event, its type and the delivery."""

    event: str
    type: str
    delivery: str


_GITEA = _Names("x-gitea-event", "x-gitea-event-type", "x-gitea-delivery")
_GITHUB = _Names("x-github-event", "", "x-github-delivery")


def read_event(terms: EventTerms, headers: Headers, document: object, now_s: float) -> Event:
    """Return the event; raises `MalformedEventError`."""
    if not isinstance(document, Mapping):
        raise MalformedEventError("not-an-object")
    match terms.format:
        case "gitea":
            return _forge_event(terms, headers, document, now_s, _GITEA)
        case "github":
            return _forge_event(terms, headers, document, now_s, _GITHUB)
    return _generic_event(terms, headers, document)


def _forge_event(terms: EventTerms, headers: Headers, document: Document, now_s: float, names: _Names) -> Event:
    kind = _header(headers, names.type) if names.type else ""
    # Some versions of Gitea name packages and states of commits by their type only.
    event = _word(_header(headers, names.event) or kind, "event-missing")
    issue = _inner(document, "pull_request") or _inner(document, "issue")
    comment = _inner(document, "comment") or _inner(document, "review")
    about = comment or issue or _inner(document, "release")
    what = next(
        (name for name in ("comment", "review", "pull_request", "issue", "release") if _inner(document, name)), ""
    )
    action = _optional_word(document, "action")
    repository = _inner(document, "repository")
    sender = _login(document, "sender") or _login(document, "pusher")
    author = _login(about, "user") or _login(about, "author")
    title = _text(issue, "title") or _text(about, "name") or _text(document, "ref")
    text = _text(about, "body") or _text(about, "content")
    found = Event(
        source=terms.source,
        delivery_id=_delivery_id(headers, names.delivery),
        event=event,
        type=_word(kind, "event-type") if kind else event,
        action=action,
        repository=_repository(repository),
        number=_number(issue, document),
        branch=_branch(document, issue),
        labels=_labels(issue),
        sender=sender,
        trust=_trust(
            terms,
            sender,
            stated_trust(sender, author, repository, about.get("author_association"), tells_permissions(what, action)),
        ),
        title=title[:TITLE_CHARACTERS],
        text=text[:TEXT_CHARACTERS],
        url=_url(about) or _url(repository),
    )
    flags = loop_flags(terms.accounts, sender, (text, _text(issue, "title")))
    pulls = (document.get("pull_request"), issue.get("pull_request"))
    if document.get("is_pull") is True or any(isinstance(pull, Mapping) for pull in pulls):
        flags.add(Flag.PULL)
    if issue.get("state") == "closed":
        flags.add(Flag.CLOSED)
    body = _text(issue, "body")
    claims = terms.workflow_label in found.labels or carries_signature(body)
    if claims and Flag.PULL not in flags and found.event == "issues" and found.action in _SIGNED_ACTIONS:
        signed = found.repository, _text(issue, "title"), body
        flags.add(workflow_flag(*signed, terms.workflow_keys, now_s, terms.workflow_window_s))
    return replace(found, flags=frozenset(flags), revisions=_revisions(document, found.repository))


def _generic_event(terms: EventTerms, headers: Headers, document: Document) -> Event:
    """Read an event of named fields: `event` or `type` (or the header), `id`, `action`, `repository`, `number`, `branch`,
    `labels`, `sender`, `title`, `text` or `body`, `url`."""
    kind = _optional_word(document, "type")
    event = _header(headers, terms.event_header) or _optional_word(document, "event") or kind
    text = _text(document, "text") or _text(document, "body") or _text(document, "message")
    sender = _name(document.get("sender"), "sender") or _login(document, "sender")
    title = _text(document, "title")
    repository = document.get("repository")
    found = Event(
        source=terms.source,
        delivery_id=_delivery_id(headers, terms.id_header, "webhook-id") or _stated_id(document),
        event=_word(event, "event-missing"),
        type=kind or event,
        action=_optional_word(document, "action"),
        repository=_repository(repository if isinstance(repository, Mapping) else {"full_name": repository}),
        number=_number({}, document),
        branch=_name(document.get("branch"), "branch"),
        labels=_labels(document),
        sender=sender,
        trust=_trust(terms, sender, Trust.UNKNOWN),
        title=title[:TITLE_CHARACTERS],
        text=text[:TEXT_CHARACTERS],
        url=_url(document),
    )
    return replace(found, flags=frozenset(loop_flags(terms.accounts, sender, (title, text))))


def _trust(terms: EventTerms, sender: str, stated: Trust) -> Trust:
    listed = listed_trust(terms.accounts, sender)
    return stated if listed is None else listed


def _header(headers: Headers, name: str) -> str:
    values = [value.strip() for found, value in headers if found == name]
    if len(values) > 1:
        raise MalformedEventError("header-repeated")
    return values[0] if values else ""


def _delivery_id(headers: Headers, *names: str) -> str:
    for name in names:
        value = _header(headers, name)
        if value:
            if not _DELIVERY.match(value):
                raise MalformedEventError("delivery-id")
            return value
    return ""


def _stated_id(document: Document) -> str:
    value = document.get("id")
    return value if isinstance(value, str) and _DELIVERY.match(value) else ""


def _word(value: str, code: str) -> str:
    if not _WORD.match(value):
        raise MalformedEventError(code)
    return value


def _optional_word(document: Document, name: str) -> str:
    value = document.get(name)
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        raise MalformedEventError(name)
    return _word(value, name)


def _name(value: object, code: str) -> str:
    if value is None or value == "" or isinstance(value, Mapping):
        return ""
    if not isinstance(value, str) or not _NAME.match(value):
        raise MalformedEventError(code)
    return value


def _inner(document: Document, name: str) -> Document:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def _login(document: Document, name: str) -> str:
    account = _inner(document, name)
    return _name(account.get("login") or account.get("username"), "sender")


def _text(document: Document, name: str) -> str:
    value = document.get(name)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _repository(repository: Document) -> str:
    return _name(repository.get("full_name"), "repository")


def _number(issue: Document, document: Document) -> str:
    value = issue.get("number", document.get("number"))
    if value is None or value == "":
        return ""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**12:
        raise MalformedEventError("number")
    return str(value)


def _branch(document: Document, issue: Document) -> str:
    """Return the branch that an event is about: that of a push, or the one that a pull request goes into."""
    base = _inner(issue, "base").get("ref")
    if base is not None:
        return _name(base, "branch")
    ref = document.get("ref")
    if isinstance(ref, str) and ref.startswith("refs/heads/"):
        return _name(ref.removeprefix("refs/heads/"), "branch")
    return _name(ref, "branch") if document.get("ref_type") == "branch" else ""


def _labels(issue: Document) -> tuple[str, ...]:
    value = issue.get("labels")
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > LABELS:
        raise MalformedEventError("labels")
    names = [label.get("name") if isinstance(label, Mapping) else label for label in value]
    if not all(isinstance(name, str) and 0 < len(name) <= 100 and name.isprintable() for name in names):
        raise MalformedEventError("labels")
    return tuple(str(name) for name in names)


def _url(document: Document) -> str:
    value = document.get("html_url") or document.get("url")
    fine = isinstance(value, str) and len(value) <= 500 and value.startswith(("https://", "http://"))
    return value if isinstance(value, str) and fine and value.isascii() and value.isprintable() else ""


def _revisions(document: Document, repository: str) -> tuple[str, ...]:
    """Return names of what a forge's document brings in which form: the comment, or else the issue, as of when it changed."""
    comment, issue = _inner(document, "comment"), _inner(document, "issue")
    changed = comment.get("updated_at") if comment else issue.get("updated_at")
    what = f"comment {comment.get('id')}" if comment else f"issue {issue.get('number')}"
    if not isinstance(changed, str) or not changed or not (comment or issue):
        return ()
    return (f"rev:{repository} {what} {changed}"[:300],)
