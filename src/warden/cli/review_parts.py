"""What the `warden review` commands share: the desk, who sits at it, and delivering what was released."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from warden.cli import compose
from warden.config.settings import Settings
from warden.errors import InputError, LockHeldError, StateError
from warden.model.review import Reviewer, ReviewRules
from warden.store.review_store import SqliteReviews

if TYPE_CHECKING:
    from warden.engine.release import Gate
    from warden.engine.review import Desk
    from warden.model.ids import MessageKey
    from warden.model.report import RunReport
    from warden.model.request import Request
    from warden.ports import Clock, Hub, Scanner


@dataclass(frozen=True, slots=True)
class Session:
    """An open desk, and the person at it."""

    settings: Settings
    desk: Desk
    reviewer: Reviewer
    queue: SqliteReviews


@dataclass(frozen=True, slots=True)
class Reading:
    """The queue, open for looking at it: nothing that judges or delivers is loaded for that."""

    settings: Settings
    queue: SqliteReviews
    rules: ReviewRules
    clock: Clock


@contextmanager
def reading(config: Path | None, state_dir: Path | None, agent: str | None = None) -> Iterator[Reading]:
    """Open the queue for reading."""
    settings = compose.load_settings(config, state_dir, agent=agent)
    store = compose.read_ledger(settings)
    try:
        yield Reading(settings, SqliteReviews(store), rules_of(settings), compose.build_clock())
    finally:
        store.close()


class Messages:
    """Asks the hub for a message when a decision needs it; the hub is opened then."""

    def __init__(self, settings: Settings, scanner: Scanner, stack: ExitStack) -> None:
        self._settings = settings
        self._scanner = scanner
        self._stack = stack

    @cached_property
    def _hub(self) -> Hub:
        hub = compose.open_hub(self._settings)
        self._stack.callback(hub.close)
        return hub

    @cached_property
    def _events(self) -> Hub:
        from warden.cli.intake_parts import open_intake_hub

        hub = open_intake_hub(self._settings, compose.build_clock(), takes=False)
        self._stack.callback(hub.close)
        return hub

    def _hub_of(self, key: MessageKey) -> Hub:
        is_event = self._settings.intake is not None and key.hub_id.startswith("intake-")
        return self._events if is_event else self._hub

    def digest(self, key: MessageKey) -> str:
        """Return the digest of what the message says now, empty when the hub has it no more or it cannot be read."""
        from warden.engine.pull import Seen, read_message
        from warden.errors import HubNotFoundError

        settings = self._settings
        try:
            message = self._hub_of(key).get_message(settings.agent, key.message_id)
        except HubNotFoundError:
            return ""
        seen = read_message(message, settings.agent, settings.limits.hops, self._scanner)
        return seen.message.digest if isinstance(seen, Seen) else ""


@contextmanager
def session(
    config: Path | None, state_dir: Path | None, agent: str | None = None, *, reading: bool = False
) -> Iterator[Session]:
    """Open the queue; with `reading` nothing can be changed. No lock of a cycle is needed: each decision is one commit."""
    from warden.cli.clock import RandomIds
    from warden.cli.run_parts import LazyScanner
    from warden.engine.review import Desk

    settings = compose.load_settings(config, state_dir, agent=agent)
    with ExitStack() as stack:
        clock = compose.build_clock()
        files = compose.ledger_files(settings)
        store = compose.read_ledger(settings) if reading else files.open(clock)
        stack.callback(store.close)
        scanner = LazyScanner(lambda: compose.build_scanner(settings))
        queue = SqliteReviews(store)

        def open_gate() -> Gate:
            from warden.engine.release import Gate

            return Gate(compose.build_kernel(settings), scanner, store, clock)

        desk = Desk(
            agent=settings.agent,
            run_id=RandomIds().run_id(),
            store=store,
            queue=queue,
            clock=clock,
            rules=rules_of(settings),
            scanner=scanner,
            open_gate=cache(open_gate),
            read_request=_read_request,
            read_json=json.loads,
            current_digest=Messages(settings, scanner, stack).digest,
        )
        yield Session(settings, desk, who(settings), queue)


def _read_request(data: bytes) -> Request:
    from warden.documents.request import request_from_json

    return request_from_json(data)


def rules_of(settings: Settings) -> ReviewRules:
    """Return the configured rules as the engine takes them."""
    review = settings.review
    return ReviewRules(
        approval_expiry_s=review.approval_expiry_s,
        allow_same_uid=review.allow_same_uid,
        two_persons=frozenset(review.two_persons),
        owner=review.owner,
        owners=review.owners,
        people=frozenset(person.name for person in review.people),
        raise_after_s=review.raise_after_s,
    )


def who(settings: Settings) -> Reviewer:
    """Return who runs this process, as the system says it: never an option.

    The worker's uid is the owner's of the ledger: whoever runs the worker made it. Raises `StateError`.
    """
    uid = os.getuid()
    try:
        is_worker = uid == compose.ledger_files(settings).database.stat().st_uid
    except OSError as error:
        raise StateError("nobody can say whose ledger this is", "`warden doctor` looks at it") from error
    for person in settings.review.people:
        if person.uid == uid:
            return Reviewer(f"person:{person.name}", True, frozenset({person.name, *person.agents}), is_worker)
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = ""
    return Reviewer(f"uid:{uid}({name})" if name else f"uid:{uid}", False, frozenset(filter(None, [name])), is_worker)


def deliver(settings: Settings) -> RunReport | None:
    """Deliver what is open, as an executing run does before it looks at the inbox; None when another cycle is at work, which
    leaves it to the next one. Raises as a run does; what was released is in the outbox."""
    import random

    from warden.cli.signals import SignalStop
    from warden.cli.worker import open_desk
    from warden.cli.worker_options import RunOptions
    from warden.engine.cycle import deliver_open

    stop = SignalStop()
    try:
        with stop.listening(), open_desk(settings, stop, "execute", RunOptions(execute=True, quiet=True)) as desk:
            return deliver_open(desk.parts, desk.terms, random.random)
    except LockHeldError:
        return None


def read_text(text: str | None, file: Path | None) -> str | None:
    """Return the words that a person handed in, None when they handed in none; raises `InputError`."""
    from warden.cli.ledger_parts import read_small_file

    if text is not None and file is not None:
        raise InputError("--text and --file are both given", "keep one of them")
    if file is None:
        return text
    try:
        return read_small_file(file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("the file is not text in UTF-8", "save it so") from error
