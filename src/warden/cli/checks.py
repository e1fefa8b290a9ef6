"""What `warden doctor` looks at: each check takes plain facts and returns what it thinks of them."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from warden.errors import WardenError, quote
from warden.model.hub import HubTraits

PYTHON = (3, 11)
SQLITE_WITHOUT_RESET_FAULT = (3, 51, 3)
FREE_FAIL_BYTES = 16 * 2**20
FREE_WARN_BYTES = 256 * 2**20
CLOCK_TOLERANCE = timedelta(minutes=5)


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: what was looked at, what was seen, and what to do about it (empty when all is well)."""

    check: str
    outcome: Outcome
    seen: str
    advice: str = ""


def ok(check: str, seen: str) -> Finding:
    """Return the finding that all is well."""
    return Finding(check, Outcome.OK, seen)


def warn(check: str, seen: str, advice: str) -> Finding:
    """Return the finding that somebody should look."""
    return Finding(check, Outcome.WARN, seen, advice)


def fail(check: str, seen: str, advice: str) -> Finding:
    """Return the finding that warden cannot work like this."""
    return Finding(check, Outcome.FAIL, seen, advice)


def from_error(check: str, error: Exception) -> Finding:
    """Return the finding for an error that a check ran into; an unforeseen one is named by its type only."""
    if isinstance(error, WardenError):
        return fail(check, error.message, error.hint or "see docs/reference/exit-codes.md")
    return fail(check, f"unexpected {type(error).__name__}", "run it again with WARDEN_DEBUG=1 and report it")


def check_python(version: tuple[int, int, int]) -> Finding:
    """Python itself."""
    seen = ".".join(str(part) for part in version)
    if version[:2] < PYTHON:
        return fail("python", seen, "install Python 3.11 or newer")
    return ok("python", seen)


def check_sqlite(version: tuple[int, int, int]) -> Finding:
    """SQLite: releases before 3.51.3 can lose a write when two connections reset the log at the same moment."""
    seen = "SQLite " + ".".join(str(part) for part in version)
    if version >= SQLITE_WITHOUT_RESET_FAULT:
        return ok("sqlite", seen)
    return warn(
        "sqlite",
        f"{seen}, which has the rare WAL-reset fault",
        "warden takes one writer lock for every append, so that two of its own connections cannot meet it; "
        "do not let another program write or checkpoint ledger.db or hub.db, or run Python with SQLite 3.51.3 or newer",
    )


def check_state_dir(path: str, mode: int, owner: int, user: int, writable: bool) -> Finding:
    """The state directory: ours, private, and writable."""
    if not stat.S_ISDIR(mode):
        return fail("state", f"{quote(path)} is not a directory", "move it away, or name another with --state-dir")
    if not writable:
        return fail("state", f"cannot write into {quote(path)}", "give it to the user that runs warden")
    if owner != user:
        return warn("state", f"{quote(path)} belongs to another user (uid {owner})", f"run: chown {user} {path}")
    if stat.S_IMODE(mode) & 0o077:
        seen = f"{quote(path)} is open to other users (mode {stat.S_IMODE(mode):04o})"
        return fail("state", seen, f"run: chmod 700 {path}")
    return ok("state", path)


def check_space(free_bytes: int) -> Finding:
    """Free space where state lies: a full disk stops every run before its first entry."""
    seen = f"{free_bytes / 2**20:.0f} MiB free"
    if free_bytes < FREE_FAIL_BYTES:
        return fail("space", seen, "make room; nothing is executed while entries cannot be written")
    if free_bytes < FREE_WARN_BYTES:
        return warn("space", seen, "make room soon")
    return ok("space", seen)


def check_clock(now: datetime, newest_entry: datetime | None, newest_file: datetime) -> Finding:
    """The clock against what was certainly in the past: the installed files, and the newest entry of the ledger."""
    seen = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    if newest_entry is not None and newest_entry > now + CLOCK_TOLERANCE:
        return fail(
            "clock",
            f"it is {seen}, and the ledger's newest entry is of {newest_entry.strftime('%Y-%m-%dT%H:%M:%SZ')}",
            "set the clock (NTP); hourly limits and plan ages cannot be trusted while it runs behind",
        )
    if newest_file > now + CLOCK_TOLERANCE:
        return warn("clock", f"it is {seen}, before warden was installed", "set the clock (NTP)")
    return ok("clock", seen)


def check_traits(traits: HubTraits, described: str) -> Finding:
    """What the hub declares of itself, and what that means for automatic answers."""
    seen = f"{described}, id {quote(traits.hub_id)}, delivery {traits.delivery.value}"
    if not traits.authenticated_senders and described != "embedded":
        return warn(
            "hub",
            f"{seen}, senders not authenticated",
            "only answers of the catalogue go out by themselves; drafts wait for approval",
        )
    return ok("hub", seen)


def check_transport(url: str | None, has_token: bool) -> Finding:
    """Whether a credential would cross a network in the open."""
    if url is None:
        return ok("transport", "embedded hub, no network")
    if url.startswith("https://") or _is_loopback(url):
        return ok("transport", quote(url))
    if has_token:
        return warn(
            "transport", f"{quote(url)} carries the token in the open", "use https, or a tunnel that ends on this host"
        )
    return warn("transport", f"{quote(url)} is not encrypted", "use https")


def _is_loopback(url: str) -> bool:
    from ipaddress import ip_address
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


SUSPICIOUS_PAGE = 25
"""A page without successor that holds so many messages, all decided, may be all that the hub shows, whatever page size the
profile names."""


def check_inbox(listed: int, decided: int, pages: bool, page_size: int) -> Finding:
    """Whether the inbox can be worked: a hub without paging whose page is full of decided messages shows no new ones."""
    seen = f"{listed} unread on the first page, {decided} of them decided"
    if not pages and listed >= page_size and decided == listed:
        return fail(
            "inbox",
            f"{seen}: the inbox is blocked",
            "mark messages that a person has handled as read at the hub; new ones cannot be seen until then",
        )
    if not pages and (decided * 2 > page_size or decided == listed >= SUSPICIOUS_PAGE):
        return warn("inbox", seen, "mark handled messages as read before they fill the only page that the hub shows")
    return ok("inbox", seen)
