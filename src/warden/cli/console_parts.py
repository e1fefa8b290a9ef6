"""What the console is composed of: the review desk for each request, documents that commands print, verification and delivery
in the background."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from warden.cli import compose
from warden.cli.review_parts import Session, session
from warden.cli.review_text import detail_document, item_document, ruling_document
from warden.config.settings import Settings
from warden.errors import InputError, LockHeldError, StateError, WardenError
from warden.model.review import Reviewer
from warden.server.console.model import PASSPHRASE, Visitor

if TYPE_CHECKING:
    import sqlite3

    from warden.engine.review import Desk
    from warden.server.console.accounts import Accounts
    from warden.server.console.parts import ConsoleParts, Document, Site, Sources

T = TypeVar("T")
CONSOLE_DB = "console.db"


@dataclass(frozen=True, slots=True)
class Where:
    """Which configuration, state directory and agent the command line named."""

    config: Path | None
    state_dir: Path | None
    agent: str | None

    def settings(self) -> Settings:
        """Return the settings as they are now."""
        return compose.load_settings(self.config, self.state_dir, agent=self.agent)


class Place:
    """An open desk, as pages use it."""

    def __init__(self, open_session: Session) -> None:
        self._session = open_session

    @property
    def desk(self) -> Desk:
        """The desk."""
        return self._session.desk

    def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask the ledger's database something."""
        return self._session.queue.read(question)

    def reviewer(self, visitor: Visitor) -> Reviewer:
        """Return a visitor as the engine knows reviewers."""
        return reviewer_of(self._session.settings, self._session.reviewer, visitor)


def reviewer_of(settings: Settings, process: Reviewer, visitor: Visitor) -> Reviewer:
    """Return who decides, from how they signed in; `process` is whom this process would be on the command line.

    A passphrase shows a person. A one-time link or a token shows no more than the uid that made it: made by the worker's own
    uid it is the worker's, and it is a declared person's only when it was made under that person's uid.
    """
    person = next((person for person in settings.review.people if person.name == visitor.user), None)
    names = frozenset({visitor.user, *(person.agents if person is not None else ())})
    if visitor.method == PASSPHRASE or visitor.maker_uid is None:
        return Reviewer(f"console:{visitor.user}", person is not None, names, is_worker=False)
    declared = person is not None and person.uid == visitor.maker_uid
    return Reviewer(f"console:{visitor.user}", declared, names, visitor.maker_uid == worker_uid(settings))


def worker_uid(settings: Settings) -> int:
    """Return the owner's uid of the ledger: whoever runs the worker made it. Raises `StateError`."""
    try:
        return compose.ledger_files(settings).database.stat().st_uid
    except OSError as error:
        raise StateError("nobody can say whose ledger this is", "`warden doctor` looks at it") from error


@contextmanager
def open_desk(where: Where, reading: bool) -> Iterator[Place]:
    """Open the queue anew, with today's configuration and policy."""
    with session(where.config, where.state_dir, where.agent, reading=reading) as place:
        yield Place(place)


class Releases:
    """Has what people released delivered soon, one pass after the other, in a thread of its own."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._wanted = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="releases", daemon=True)
        self.problem = ""

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def ask(self) -> None:
        """Something was released."""
        self._wanted.set()

    def close(self) -> None:
        """Finish what is under way; what is left is the next executing run's."""
        self._ending.set()
        self._wanted.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            self._wanted.wait()
            if self._ending.is_set():
                return
            self._wanted.clear()
            try:
                deliver_open_now(self._where.settings())
                self.problem = ""
            except WardenError as error:
                self.problem = error.message


def deliver_open_now(settings: Settings) -> None:
    """Deliver what is open; another cycle that is at work does it instead. Raises as a run does."""
    from warden.cli.signals import SignalStop
    from warden.cli.worker import open_desk as open_run
    from warden.cli.worker_options import RunOptions
    from warden.engine.cycle import deliver_open

    try:
        with open_run(settings, SignalStop(), "execute", RunOptions(execute=True, quiet=True)) as desk:
            deliver_open(desk.parts, desk.terms, random.random)
    except LockHeldError:
        return


class Verification:
    """Verifies the whole ledger in the background, and remembers what that found and of which head."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._mutex = threading.Lock()
        self._running = False
        self._found: Document = {"state": "unknown", "size": 0, "at": None, "findings": []}

    def last(self) -> Document:
        """Return what the last verification found; the first question starts one."""
        with self._mutex:
            found, running = dict(self._found), self._running
        if found["state"] == "unknown" and not running:
            self.start()
            running = True
        return {**found, "running": running}

    def start(self) -> None:
        """Start one, unless one is under way."""
        with self._mutex:
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._work, name="verification", daemon=True).start()

    def _work(self) -> None:
        try:
            found = self._verify()
        except WardenError as error:
            found = {"state": "failed", "size": 0, "at": None, "findings": [error.message]}
        with self._mutex:
            self._found, self._running = found, False

    def _verify(self) -> Document:
        settings = self._where.settings()
        clock = compose.build_clock()
        store = compose.read_ledger(settings, clock)
        try:
            report = compose.verify_ledger(settings, store)
        finally:
            store.close()
        return {
            "state": "sound" if report.sound else "damaged",
            "size": report.verdict.size if report.verdict is not None else 0,
            "at": clock.now(),
            "findings": [str(finding) for finding in report.findings],
        }


def mark_of(settings: Settings) -> Callable[[], str]:
    """Return what tells whether the ledger has grown: its published head's file, which every commit replaces."""
    head = compose.ledger_files(settings).head

    def mark() -> str:
        try:
            found = head.stat()
        except OSError:
            return ""
        return f"{found.st_mtime_ns}-{found.st_ino}"

    return mark


def build_sources(where: Where, verification: Verification, releases: Releases) -> Sources:
    """Return what pages show beside the queue."""
    from warden.server.console.parts import Sources

    turn = threading.Lock()
    return Sources(
        health=lambda: _health(where),
        policy=lambda: _policy(where),
        explain=lambda data: _explain(where, data),
        simulate=lambda name, data: _simulate(where, name, data, turn),
        rates=lambda: _rates(where),
        prove=lambda number: _prove(where, number),
        verified=verification.last,
        verify=verification.start,
        delivery_problem=lambda: releases.problem,
    )


def _health(where: Where) -> Document:
    from warden.cli.schedule_parts import read_health
    from warden.cli.status import to_document

    return to_document(read_health(where.settings()))


def _policy(where: Where) -> Document:
    from warden.cli.policy_parts import build_judge

    settings = where.settings()
    judge = build_judge(settings, remember=False)
    return {
        "snapshot": judge.kernel.snapshot,
        "charter_digest": judge.kernel.charter_digest,
        "source": judge.policies.source,
        "digest": judge.policies.digest,
        "alerts": list(judge.policies.alerts),
        "directory": str(settings.policy.dir),
        "bundles": [
            {"name": layer.name, "rules": [rule.id for rule in getattr(layer, "rules", ())]}
            for layer in judge.policies.layers
        ],
    }


def _explain(where: Where, data: bytes) -> Document:
    from warden.cli.policy_judge import explanation_document
    from warden.cli.policy_parts import build_judge
    from warden.documents.request import requests_from_json

    requests, is_list = requests_from_json(data)
    if is_list:
        raise InputError("this takes one request, not a list", "hand in one JSON object")
    kernel = build_judge(where.settings(), remember=False).kernel
    return explanation_document(requests[0], kernel, kernel.explain(requests[0]))


def _simulate(where: Where, name: str, data: bytes, turn: threading.Lock) -> Document:
    """Judge past decisions again; one at a time, because each reads the whole ledger."""
    if not turn.acquire(blocking=False):
        raise InputError("another simulation is under way", "try again when it has ended")
    try:
        return _simulated(where, name, data)
    finally:
        turn.release()


def _simulated(where: Where, name: str, data: bytes) -> Document:
    from warden.cli.policy_simulate import kernels_with, past_requests, simulation_document
    from warden.documents.policy_file import load_policy
    from warden.policy.simulate import compare

    settings = where.settings()
    before, after = kernels_with(settings, (load_policy(data, Path(name).name),))
    skipped: list[int] = []
    changes = compare(past_requests(settings, skipped), before.evaluate, after.evaluate)
    return simulation_document(changes, len(skipped), before.snapshot, after.snapshot)


def _rates(where: Where) -> list[Document]:
    from warden.cli.review_text import read_age
    from warden.cli.stats import WINDOWS, summarize

    with session(where.config, where.state_dir, where.agent, reading=True) as place:
        now, limit = place.desk.clock.now(), place.settings.review.approval_rate_warning
        return [
            summarize(name, place.queue.counts(place.desk.agent, now - timedelta(seconds=read_age(name))), limit)
            for name in WINDOWS
        ]


def _prove(where: Where, number: int) -> bytes:
    from warden.cli.ledger_prove import prove_entry

    settings = where.settings()
    store = compose.read_ledger(settings)
    try:
        return prove_entry(settings, store, number)
    finally:
        store.close()


def build_parts(where: Where, accounts: Accounts, site: Site, releases: Releases) -> ConsoleParts:
    """Return all of the console."""
    from warden.server.console.parts import ConsoleParts, Documents

    settings = where.settings()
    return ConsoleParts(
        agent=settings.agent,
        site=site,
        accounts=accounts,
        clock=compose.build_clock(),
        open_desk=lambda reading: open_desk(where, reading),
        documents=Documents(item_document, detail_document, ruling_document),
        sources=build_sources(where, Verification(where), releases),
        release=releases.ask,
        mark=mark_of(settings),
    )
