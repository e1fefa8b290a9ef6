"""Who an account is at its source, and what marks an event as our own echo. Pure.

The operator's lists have the last word. Without an entry the payload's own statements count, and only those that are about
the sender: a forge may put the permissions of whoever opened the issue beside a comment of somebody else, so they are believed
only of the account that wrote the thing that the event is about. Beside a few acts (new commits in a pull request, its labels,
a push, a wiki) Gitea puts the permissions of an owner whoever did it, so they are believed only beside acts of `_TOLD`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from warden.model.event import Flag, Trust
from warden.model.message import MARKER

_SIGNATURE = re.compile(r"<!--\s*xen-spawn-sig:([0-9A-Za-z]{1,128}):([0-9A-Za-z:.+-]{1,40})\s*-->")
_TOLD_OF_ISSUES = frozenset(
    {"opened", "edited", "closed", "reopened", "assigned", "unassigned", "milestoned", "demilestoned", "label_cleared"}
)
_TOLD = {
    "issue": _TOLD_OF_ISSUES | {"label_updated"},
    "pull_request": _TOLD_OF_ISSUES | {"review_requested", "review_request_removed"},
    "comment": frozenset({"created", "edited", "deleted"}),
    "release": frozenset({"published", "updated", "deleted"}),
}
"""What an event is about, and the acts beside which Gitea computes the permissions of who did it or of who wrote it
(`services/webhook/notifier.go`)."""
_ASSOCIATIONS = {"OWNER": Trust.OWNER, "MEMBER": Trust.COLLABORATOR, "COLLABORATOR": Trust.COLLABORATOR}


class Accounts(Protocol):
    """The operator's lists of accounts, lower-case."""

    @property
    def owners(self) -> frozenset[str]: ...
    @property
    def collaborators(self) -> frozenset[str]: ...
    @property
    def readonly(self) -> frozenset[str]: ...
    @property
    def own_accounts(self) -> frozenset[str]: ...
    @property
    def agent_accounts(self) -> frozenset[str]: ...


def listed_trust(accounts: Accounts, sender: str) -> Trust | None:
    """Return what the operator's lists say of an account, None when it is in none; the least of several."""
    name = sender.lower()
    lists = ((accounts.readonly, Trust.READONLY), (accounts.collaborators, Trust.COLLABORATOR))
    for names, trust in (*lists, (accounts.owners, Trust.OWNER)):
        if name in names:
            return trust
    return None


def tells_permissions(about: str, action: str) -> bool:
    """Return whether the permissions in a payload are those of the account that acted, or of the one that wrote the thing:
    `about` is the member of the payload that the event is about, `action` its word."""
    return action in _TOLD.get(about, ())


def stated_trust(
    sender: str, author: str, repository: Mapping[str, object], association: object, told: bool = True
) -> Trust:
    """Return what the payload says of the sender; `author` wrote the thing that the event is about, and `told` says that the
    permissions in it may be theirs."""
    owner = repository.get("owner")
    login = owner.get("login") or owner.get("username") if isinstance(owner, Mapping) else None
    if isinstance(login, str) and sender and login.lower() == sender.lower():
        return Trust.OWNER
    if not author or author.lower() != sender.lower():
        return Trust.UNKNOWN
    if isinstance(association, str) and association in _ASSOCIATIONS:
        return _ASSOCIATIONS[association]
    permissions = repository.get("permissions") if told else None
    if not isinstance(permissions, Mapping):
        return Trust.UNKNOWN
    if permissions.get("admin") is True or permissions.get("push") is True:
        return Trust.COLLABORATOR
    return Trust.READONLY if permissions.get("pull") is True else Trust.UNKNOWN


def loop_flags(accounts: Accounts, sender: str, texts: Sequence[str]) -> set[Flag]:
    """Return the flags of an event that we, or another agent, caused."""
    name = sender.lower()
    found = {
        Flag.OWN: name in accounts.own_accounts,
        Flag.AGENT: name in accounts.agent_accounts,
        Flag.MARKER: any(MARKER in text for text in texts),
    }
    return {flag for flag, present in found.items() if present}


def workflow_flag(repository: str, title: str, body: str, keys: Sequence[bytes], now_s: float, window_s: float) -> Flag:
    """Return whether the signature in a privileged workflow issue holds: `<!-- xen-spawn-sig:HMAC:TIMESTAMP -->`, the
    HMAC-SHA256 in hex over `repository|title|timestamp`, no older than `window_s` and no further ahead."""
    found = _SIGNATURE.findall(body)
    if len(found) != 1 or not keys:
        return Flag.UNSIGNED
    given, timestamp = found[0]
    signed = f"{repository}|{title}|{timestamp}".encode("utf-8", "surrogatepass")
    if not any([hmac.compare_digest(hmac.digest(key, signed, "sha256").hex(), given) for key in keys]):  # noqa: C419
        return Flag.UNSIGNED
    made_at = _seconds(timestamp)
    return Flag.SIGNED if made_at is not None and abs(now_s - made_at) <= window_s else Flag.STALE


def carries_signature(body: str) -> bool:
    """Return whether a text claims to be a signed workflow issue."""
    return "xen-spawn-sig:" in body


def _seconds(text: str) -> float | None:
    """Return seconds since 1970 of a number of seconds or an RFC 3339 moment, None for anything else."""
    if text.isascii() and text.isdigit():
        return float(text) if len(text) <= 12 else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None
