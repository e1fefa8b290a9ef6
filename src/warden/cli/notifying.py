"""Sending notifications: what stands in the ledger, against what each target was told.

Sent after a cycle and outside its lock. A notification is recorded when its target took it: a process that dies in between
sends it once more, under the same id, by which the receiver knows it. INVARIANT (no-secret): subjects are numbers of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from warden import __version__
from warden.cli import compose
from warden.cli.output import talk
from warden.cli.own_credentials import fetch_own
from warden.errors import ConfigError, LockHeldError, NotifyError, StateError, WardenError
from warden.ledger.schema import bounded_word
from warden.model.alerts import NOTIFY_FAILED
from warden.model.entry import Batch, Entry
from warden.model.watch import LEDGER_DAMAGED, Condition, SentNotice
from warden.store import noticefile
from warden.store.watch import read_conditions, read_notices, read_sent_since
from warden.watch.notices import NoticeTerms, Notification, TargetState, due_notices, plan_notifications
from warden.watch.targets import APPRISE, PAUSES_S, WEBHOOK, AppriseTarget, Target, Webhook

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from warden.config.observe import NotifySettings
    from warden.config.settings import Settings
    from warden.ports import Clock
    from warden.store.sqlite import SqliteLedgerStore

HOUR = timedelta(hours=1)
PASSING = timedelta(days=1)
"""How long it is still told of something that was over before anybody could be."""


def notify(settings: Settings, damaged: bool = False) -> None:
    """Send what is due to each target; never raises for what goes wrong with a target, a credential or the ledger."""
    wanted = _wanted(settings)
    clock = compose.build_clock()
    place = settings.state_dir / noticefile.FILE_NAME
    if damaged:
        with suppress(LockHeldError), _alone(settings):
            _tell_of_damage(settings, wanted, clock, place)
        return
    try:
        noticefile.forget_told(place)
        if not compose.ledger_files(settings).exists():
            return
        store = compose.open_ledger(settings, clock)
    except (WardenError, OSError):
        return  # what is wrong with the ledger is what the pass itself has failed with
    try:
        with _alone(settings):
            since = clock.now() - PASSING
            conditions = store.read(lambda connection: read_conditions(connection, settings.agent, since))
            for name in target_names(wanted):
                _serve_target(_Desk(settings, wanted, store, clock), name, conditions)
    except LockHeldError:
        return  # another pass is telling them
    except WardenError as error:
        talk(f"alert: notifications: {error.message}")
    finally:
        store.close()


def _alone(settings: Settings) -> AbstractContextManager[None]:
    """Hold the lock of notifications, which is not the cycle's: two passes that end together must not both tell."""
    return compose.build_locks(settings).hold(f"notify-{settings.agent}", {"command": "notifications"})


@dataclass(frozen=True, slots=True)
class _Desk:
    settings: Settings
    wanted: NotifySettings
    store: SqliteLedgerStore
    clock: Clock

    @property
    def agent(self) -> str:
        """Whose notifications they are."""
        return self.settings.agent


def _wanted(settings: Settings) -> NotifySettings:
    from warden.config.observe import NotifySettings

    return settings.observe.notify if settings.observe else NotifySettings()


def target_names(wanted: NotifySettings) -> tuple[str, ...]:
    """Return the targets that are configured."""
    return (*[APPRISE] * wanted.apprise.is_set, *[WEBHOOK] * bool(wanted.webhook_url))


def build_target(settings: Settings, name: str, clock: Clock, patient: bool = True) -> Target:
    """Return a target; one that failed lately is not waited for. Raises `ConfigError` for a credential that is not there."""
    wanted = _wanted(settings)
    source = wanted.apprise if name == APPRISE else wanted.webhook_secret
    if not source.is_set:
        hint = "name its place in notify.webhook_secret_file, _command or _variable"
        raise ConfigError("`notify.webhook_url` is set, and no secret to sign with", hint)
    secret = fetch_own(source, settings) or ""
    if name == APPRISE:
        return AppriseTarget(secret)
    return Webhook(wanted.webhook_url, secret, clock, f"ops-warden/{__version__}", PAUSES_S if patient else ())


def check_targets(settings: Settings) -> None:
    """Raise `ConfigError` or `NotifyError` when a configured target, or a code that is named urgent, cannot be used."""
    wanted = _wanted(settings)
    if not wanted.is_set:
        return
    from warden.watch.codes import EXPLANATIONS

    for code in wanted.urgent:
        if code not in EXPLANATIONS:
            raise ConfigError(
                f"`notify.urgent` names `{code}`, and there is no such code", "see docs/how-to/observe.md"
            )
    _is_quiet(settings, wanted, compose.build_clock().now())
    for name in target_names(wanted):
        build_target(settings, name, compose.build_clock()).check()


def terms_of(wanted: NotifySettings) -> NoticeTerms:
    """Return what the operator asked for."""
    remind = None if wanted.remind_after_s is None else timedelta(seconds=wanted.remind_after_s)
    return NoticeTerms(remind, wanted.per_hour, wanted.digest_over, frozenset(wanted.urgent))


def _is_quiet(settings: Settings, wanted: NotifySettings, now: datetime) -> bool:
    """Return whether it is quiet; raises `ConfigError` for hours that are none."""
    if not wanted.quiet_hours:
        return False
    from warden.schedule.quiet import build_quiet
    from warden.schedule.timetable import read_zone

    return bool(build_quiet(read_zone(settings.schedule.timezone), wanted.quiet_hours, ()).reason(now))


def _serve_target(desk: _Desk, name: str, conditions: tuple[Condition, ...]) -> None:
    agent, now = desk.agent, desk.clock.now()
    sent = desk.store.read(lambda connection: read_notices(connection, agent, name))
    terms = terms_of(desk.wanted)
    due = due_notices(conditions, sent, now, terms)
    if not due:
        return
    number = desk.store.read(lambda connection: read_sent_since(connection, agent, name, now - HOUR))
    state = TargetState(name, number, _is_quiet(desk.settings, desk.wanted, now))
    failing = _is_failing(desk, name)
    try:
        target = None
        for notification in plan_notifications(agent, due, terms, now, state):
            target = target or build_target(desk.settings, name, desk.clock, patient=not failing)
            target.send(notification)
            desk.store.commit(Batch(tuple(_entries(name, notification))))
    except (NotifyError, ConfigError) as error:
        if not failing:  # said once, not at every pass until somebody mends it
            talk(f"alert: notifications to {name}: {error.message}")
            fields = {"run_id": None, "code": NOTIFY_FAILED, "subject": bounded_word(f"{agent}: {name}")}
            desk.store.commit(Batch((Entry("alert_raised", fields),)))


def _is_failing(desk: _Desk, name: str) -> bool:
    row = desk.store.read(
        lambda connection: connection.execute(
            "SELECT 1 FROM notify_faults WHERE agent = ? AND target = ?", (desk.agent, name)
        ).fetchone()
    )
    return row is not None


def _entries(target: str, notification: Notification) -> Iterator[Entry]:
    for notice in notification.notices:
        condition = notice.condition
        yield Entry(
            "notified",
            {
                "agent": notification.agent,
                "target": target,
                "message_id": notification.message_id,
                "notice": "reminder" if notice.reminders else "first",
                "subject": condition.subject,
                "state": condition.state,
                "code": condition.code,
            },
        )


def _tell_of_damage(settings: Settings, wanted: NotifySettings, clock: Clock, place: Path) -> None:
    """Tell each target once that the ledger does not verify; the ledger cannot keep that, so a file does."""
    told: Mapping[str, SentNotice] = noticefile.read_told(place)
    now, terms = clock.now(), terms_of(wanted)
    condition = Condition("ledger", "damaged", LEDGER_DAMAGED)
    for name in target_names(wanted):
        sent = {condition.subject: told[name]} if name in told else {}
        due = due_notices([condition], sent, now, terms)
        try:
            state = TargetState(name, 0, _is_quiet(settings, wanted, now))
            for notification in plan_notifications(settings.agent, due, terms, now, state):
                build_target(settings, name, clock, patient=False).send(notification)
                told = {**told, name: SentNotice(condition.state, due[0].reminders, now)}
                noticefile.write_told(place, told)
        except (NotifyError, ConfigError, StateError) as error:
            talk(f"alert: notifications to {name}: {error.message}")
