"""What the console is given: everything that it shows and does, as functions that somebody else composed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from warden.engine.review import Desk
    from warden.model.review import ReviewDetail, Reviewer, ReviewItem, ReviewRules, Ruling
    from warden.ports import Clock
    from warden.server.console.accounts import Accounts
    from warden.server.console.model import Visitor

Document = dict[str, object]
T = TypeVar("T")


class OpenDesk(Protocol):
    """An open ledger with its review desk, for the length of one request."""

    @property
    def desk(self) -> Desk:
        """The desk."""
        ...

    def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask the ledger's database something."""
        ...

    def reviewer(self, visitor: Visitor) -> Reviewer:
        """Return a visitor as the engine knows reviewers."""
        ...


@dataclass(frozen=True, slots=True)
class Documents:
    """Items and what was decided as JSON values, in the form that the command line prints."""

    item: Callable[[ReviewItem, ReviewRules, datetime], Document]
    detail: Callable[[ReviewDetail, ReviewRules, datetime], Document]
    ruling: Callable[[Ruling], Document]


@dataclass(frozen=True, slots=True)
class Sources:
    """What pages show beside the queue; each returns JSON values in the form that a command of the same name prints.

    `policy` says what is in force, `explain` how the decision on a request comes about, `simulate` what a candidate policy
    (its name, its text) would change, `rates` how much waits and how people decide, `prove` a proof of inclusion, `verified`
    what the last verification of the ledger found; `verify` starts another. `delivery_problem` says why what was released
    could not be delivered, and is empty when it could.
    """

    health: Callable[[], Document]
    policy: Callable[[], Document]
    explain: Callable[[bytes], Document]
    simulate: Callable[[str, bytes], Document]
    rates: Callable[[], list[Document]]
    prove: Callable[[int], bytes]
    verified: Callable[[], Document]
    verify: Callable[[], None]
    delivery_problem: Callable[[], str]


@dataclass(slots=True)
class Stopping:
    """Whether the server is asked to end: what streams look at."""

    requested: Callable[[], bool] = field(default=lambda: False)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the console is: the `Host` headers that name it, whether browsers reach it over TLS, what its cookies are called
    (browsers share them between ports), and the address that is printed."""

    hosts: frozenset[str]
    secure: bool
    cookie: str
    address: str

    @property
    def origins(self) -> frozenset[str]:
        """Return what `Origin` says of our own pages."""
        scheme = "https" if self.secure else "http"
        return frozenset(f"{scheme}://{host}" for host in self.hosts)

    @property
    def session_cookie(self) -> str:
        """Return the session cookie's name; over TLS with the prefix that binds it to this host (RFC 6265bis, 4.1.3)."""
        return f"__Host-{self.cookie}" if self.secure else self.cookie

    @property
    def form_cookie(self) -> str:
        """Return the name of the cookie that the sign-in form is bound to."""
        return f"{self.session_cookie}_form"


@dataclass(frozen=True, slots=True)
class ConsoleParts:
    """All of it. `open_desk` opens the ledger anew for each request, with today's policy and configuration; its argument says
    that nothing will be changed. `release` has what was released delivered soon; `mark` changes whenever the ledger does."""

    agent: str
    site: Site
    accounts: Accounts
    clock: Clock
    open_desk: Callable[[bool], AbstractContextManager[OpenDesk]]
    documents: Documents
    sources: Sources
    release: Callable[[], None]
    mark: Callable[[], str]
    stopping: Stopping = field(default_factory=Stopping)
    labels: Mapping[str, str] = field(default_factory=dict)
