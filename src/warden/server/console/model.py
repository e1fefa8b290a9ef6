"""Who is at the console: roles, users, sessions, and the ways in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Role(IntEnum):
    """What somebody may do; each may do what the lower ones may."""

    VIEWER = 1
    """Look."""
    REVIEWER = 2
    """Decide."""
    ADMIN = 3
    """Manage users and sessions of the console."""

    @property
    def word(self) -> str:
        """The role as it is written."""
        return self.name.lower()


ROLES = {role.word: role for role in Role}

LINK = "link"
PASSPHRASE = "passphrase"
TOKEN = "token"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in; without a passphrase by one-time link only."""

    name: str
    role: Role
    has_passphrase: bool
    disabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whom a request comes from, as its session or token says.

    `method` is how they showed who they are. `maker_uid` is the uid of the process that made the one-time link or the token,
    None for a passphrase: a link shows no more than that uid. `key` names the session in lists, `csrf` is what its forms carry.
    """

    user: str
    role: Role
    method: str
    maker_uid: int | None
    key: str
    csrf: str = ""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as the page of sessions lists it."""

    key: str
    user: str
    method: str
    address: str
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the console's own audit: sign-ins, refusals, changes of users. Decisions are in the ledger."""

    at: datetime
    user: str
    what: str
    detail: str
    address: str


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things hold, in seconds."""

    idle_s: int = 30 * 60
    session_s: int = 12 * 3600
    link_s: int = 10 * 60
