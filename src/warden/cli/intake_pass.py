"""The second half of a cycle where events are taken in: the same pass over the second source.

The same lock, ledger, kernel and gate; beside the channels of messages there are those that the operator's rules may name.
Nothing is loaded and nothing is written while no event waits.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from warden.cli.intake_parts import load_rules, need_intake, open_intake_hub
from warden.hubs.intake_tables import OPEN_TASKS
from warden.model.disposition import Disposition
from warden.model.ids import MessageKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from warden.cli.run_output import JsonOutput
    from warden.cli.worker_options import RunOptions
    from warden.config.settings import Settings
    from warden.hubs.intake import IntakeHub
    from warden.model.records import DispositionRecord
    from warden.orders.book import TriggerBook
    from warden.ports import Channel, Clock, LedgerStore, Scanner
    from warden.schedule.stops import Stop

_LEFT = frozenset({Disposition.ESCALATED, Disposition.DEAD, Disposition.QUARANTINED})
_OPEN = f"FROM tasks WHERE {OPEN_TASKS}"
_WAITING = (
    f"SELECT 1 WHERE EXISTS (SELECT 1 {_OPEN} AND state <> 'escalated')"  # noqa: S608 - made of constants
    " OR EXISTS (SELECT 1 FROM reports WHERE state = 'waiting')"
)
_ESCALATED = f"SELECT id {_OPEN} AND state = 'escalated' ORDER BY id LIMIT 1000"


def events_wait(settings: Settings, store: LedgerStore) -> bool:
    """Return whether an event waits for a cycle; a file that cannot be looked at so simply counts as one.

    One that was left to a person waits again when the ledger says that its message goes on, or has ended.
    """
    if settings.intake is None or not settings.intake_file.exists():
        return False
    try:
        with closing(sqlite3.connect(f"file:{settings.intake_file}?mode=ro", uri=True, timeout=5.0)) as connection:
            if connection.execute(_WAITING).fetchone() is not None:
                return True
            left = connection.execute(_ESCALATED).fetchall()
            (hub_id,) = connection.execute("SELECT value FROM hub WHERE name = 'id'").fetchone()
    except sqlite3.Error:
        return True  # the pass says what is wrong with it
    keys = [MessageKey(hub_id, settings.agent, f"e{number}") for (number,) in left]
    return any(not _is_left(record) for record in store.dispositions(keys).values())


def _is_left(record: DispositionRecord) -> bool:
    """Return whether a message is with a person, and no pass goes on with it."""
    return record.disposition in _LEFT and not record.reopened


@dataclass
class Events:
    """The second source as a pass is given it; `gate_hub_id` is the hub whose gate opens both halves of a cycle, `beside` the
    document that the first half has begun."""

    settings: Settings
    gate_hub_id: str
    beside: JsonOutput | None
    hub: IntakeHub = field(init=False)

    @cached_property
    def orders(self) -> TriggerBook:
        """The rules in force; raises `InputError` and `DocumentError`."""
        return load_rules(need_intake(self.settings))

    def open_hub(self, clock: Clock) -> IntakeHub:
        """Return the source; a listing notes nothing until `channels` are asked for."""
        self.hub = open_intake_hub(self.settings, clock, takes=False)
        return self.hub

    def channels(self, clock: Clock, scanner: Scanner, stack: ExitStack) -> Mapping[str, Channel]:
        """Return what an executing pass delivers with; from now on a listing notes what was begun with."""
        from warden.cli import compose
        from warden.cli.intake_channels import build_operator_channels

        self.hub.begin_taking()
        own = build_operator_channels(self.settings, clock, scanner, self.orders, stack)
        return {**compose.build_channels(self.hub), **own}


def run_events(
    settings: Settings, options: RunOptions, stop: Stop, mode: str, first: tuple[str, JsonOutput | None]
) -> tuple[int, str]:
    """Run the pass over the events that wait, after the `first` half of the cycle; returns as `worker.run_once`."""
    from warden.cli.intake_rulings import carry_rulings
    from warden.cli.worker import open_desk
    from warden.engine.cycle import run_dry, run_executing

    events = Events(settings, *first)
    with ExitStack() as stack:
        stack.enter_context(kept_whole(events.beside))
        desk = stack.enter_context(open_desk(settings, stop, mode, options, events))
        if desk.mode == "execute":
            carry_rulings(settings, desk.parts, desk.terms.run_id, events.hub)
            follow_ledger(desk.parts.store, events.hub, settings.agent)
            report = run_executing(desk.parts, desk.terms, random.random)
            follow_ledger(desk.parts.store, events.hub, settings.agent)
        else:
            report = run_dry(desk.parts, desk.terms)
        desk.close(report)
    return desk.exit_status(report, options.detailed_exitcode), report.stopped


@contextmanager
def kept_whole(document: JsonOutput | None) -> Iterator[None]:
    """What the first half printed is a whole document, also when the second ends before it prints anything."""
    try:
        yield
    finally:
        if document is not None and not document.holds_another:
            document.finish()


def follow_ledger(store: LedgerStore, hub: IntakeHub, agent: str) -> None:
    """End the tasks whose messages our own ledger has ended, leave those to a person that it left to one, and take those back
    that go on: it alone knows, whatever flags say."""
    hub_id = hub.traits().hub_id
    after = 0
    while tasks := hub.open_tasks(after):
        keys = {MessageKey(hub_id, agent, f"e{number}"): state for number, state in tasks}
        for key, record in store.dispositions(list(keys)).items():
            if record.disposition.terminal and not record.reopened:
                hub.mark_read(agent, key.message_id)
            elif _is_left(record) != (keys[key] == "escalated"):
                if keys[key] == "escalated":
                    hub.recall(key.message_id)
                else:
                    hub.leave(key.message_id, record.reason)
        after = tasks[-1][0]
