"""Scheduled passes: one that a timer calls, and the worker that goes on. What the shell does around `schedule.loop`."""

from __future__ import annotations

import os
import random
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from warden.cli import compose
from warden.cli.worker import SCHEDULED, run_once, run_settings
from warden.config.state import ensure_private_dir
from warden.errors import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_LEDGER,
    EXIT_LOCKED,
    ConfigError,
    LockHeldError,
    UsageError,
    WardenError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from warden.cli.signals import SignalStop
    from warden.cli.worker_options import RunOptions
    from warden.config.settings import Settings
    from warden.schedule.loop import PassEnd, Plan
    from warden.schedule.quiet import Quiet
    from warden.schedule.timetable import Timetable
    from warden.store.heartbeat import Heartbeat

T = TypeVar("T")


def run_scheduled(settings: Settings, options: RunOptions, stop: SignalStop) -> int:
    """Make one pass for a timer: nothing in quiet hours, a dry run while the gate is closed; returns the exit status.

    A failure is an alert, once until a pass goes through; so is a gap in which the timetable wanted passes.
    """
    now = compose.build_clock().now()
    why = _quiet_reason(settings, options.timezone, now)
    if why:
        from warden.cli.timers import record_skip

        record_skip(settings, options, now, why)
        if not options.quiet and not options.json:
            sys.stdout.write(f"skipped: {why}\n")
        return EXIT_DONE
    try:
        status, _ = run_once(settings, options, stop, SCHEDULED)
    except LockHeldError:
        if options.quiet and not options.json:
            return EXIT_LOCKED  # somebody else's pass does the work, and cron would mail that each time
        raise
    except WardenError as error:
        from warden.cli.timers import record_failure

        record_failure(settings, options, compose.build_clock().now(), error)
        raise
    return status


def _quiet_reason(settings: Settings, zone_name: str | None, now: datetime) -> str:
    """Return which window of the configuration it is in, or an empty string; without windows nothing is imported."""
    if not settings.schedule.quiet_hours and not settings.schedule.blackouts:
        return ""
    return configured_quiet(settings, zone_name).reason(now)


def configured_quiet(settings: Settings, zone_name: str | None = None) -> Quiet:
    """Return the quiet hours and blackouts; raises `ConfigError`."""
    from warden.schedule.quiet import build_quiet
    from warden.schedule.timetable import read_zone

    named = zone_name or settings.schedule.timezone
    zone = read_zone(named) if zone_name else as_config(lambda: read_zone(named))
    return build_quiet(zone, settings.schedule.quiet_hours, settings.schedule.blackouts)


def configured_timetable(settings: Settings) -> Timetable | None:
    """Return the timetable that the configuration names, None without one; raises `ConfigError`."""
    from warden.schedule.timetable import build_timetable

    wanted = settings.schedule
    return as_config(lambda: build_timetable(wanted.every, wanted.cron, wanted.timezone))


def as_config(read: Callable[[], T]) -> T:
    """Return what `read` gives; what is wrong with it is wrong in the configuration, not on the command line."""
    try:
        return read()
    except UsageError as error:
        raise ConfigError(f"[schedule]: {error.message}", error.hint) from error


def run_worker(options: RunOptions) -> int:
    """Make passes by a schedule until a signal ends it; returns 143 or 130.

    One worker an agent: another one ends with status 11. Raises `UsageError` for a schedule that cannot be used.
    """
    from warden.cli.redaction import install
    from warden.cli.run_parts import LazyScanner
    from warden.cli.signals import SignalStop
    from warden.schedule.loop import Surroundings, Worker
    from warden.schedule.notify import ServiceManager
    from warden.store.ticks import TickLedger

    _build_table(options)  # what is wrong with the flags comes out before anything is touched
    settings = run_settings(options)
    life = _Life(settings, options)
    plan = life.plan()
    install(LazyScanner(lambda: compose.build_scanner(life.settings)))
    stop = SignalStop(drain_s=settings.schedule.drain_s, reloads=True)
    clock = compose.build_clock(stop.idle)
    life.manager = ServiceManager(settings.service.notify_socket, settings.service.watchdog_s)
    told = {"command": "warden worker run", "schedule": plan.table.text}
    life.check_onlookers()
    with (
        compose.build_locks(settings).hold(f"worker-{settings.agent}", told),
        stop.listening(),
        life.watch_server(),
    ):
        given = Surroundings(
            clock=clock,
            stop=stop,
            ticks=TickLedger(lambda: compose.open_ledger(life.settings), settings.agent),
            manager=life.manager,
            make_pass=lambda: life.make_pass(stop),
            reload=life.reload,
            beat=life.beat,
            tell=life.tell,
            draw=random.random,
            after_tick=life.after_tick,
        )
        return Worker(plan, given).run()


def _build_table(options: RunOptions, zone_name: str = "UTC") -> Timetable:
    from warden.schedule.timetable import build_timetable

    table = build_timetable(options.every, options.cron, options.timezone or zone_name)
    if table is None:
        raise UsageError("no schedule is given", "use --every INTERVAL or --cron FIELDS")
    return table


class _Life:
    """What one life of the worker knows beside the plan: the settings in force, and when it gave a sign of life last."""

    def __init__(self, settings: Settings, options: RunOptions) -> None:
        from warden.schedule.notify import ServiceManager
        from warden.store.heartbeat import boot_id

        self.settings = settings
        self.options = options
        self.manager = ServiceManager()
        self._started_at = datetime.now(UTC)
        self._boot_id = boot_id()
        self._status = EXIT_DONE
        self._duration_s: float | None = None
        self._shown: tuple[Plan, str, datetime | None] | None = None
        self._beaten_at = 0.0

    def plan(self) -> Plan:
        """Return the plan that the settings in force and the command line make."""
        return _plan(self.settings, self.options)

    def reload(self) -> Plan:
        """Load the configuration anew; raises `WardenError`, and keeps the old one then.

        What names this worker stays: its agent and its state directory.
        """
        fresh = run_settings(self.options)
        if (fresh.agent, fresh.state_dir) != (self.settings.agent, self.settings.state_dir):
            raise ConfigError("agent or state_dir of a running worker cannot change", "start it anew for that")
        plan = _plan(fresh, self.options)
        self.settings = fresh
        return plan

    def make_pass(self, stop: SignalStop) -> PassEnd:
        """Make one pass: what goes wrong is told, and the next pass comes all the same."""
        from warden.cli.errors import tell
        from warden.schedule.loop import PassEnd
        from warden.schedule.stops import PulseStop

        pulse = PulseStop(stop, self.pulse, time.monotonic)
        begun = time.monotonic()
        try:
            self._status, stopped = run_once(self.settings, self.options, pulse, SCHEDULED)
            sys.stdout.flush()
            self._duration_s = time.monotonic() - begun
            return PassEnd(self._status, stopped)
        except Exception as error:  # noqa: BLE001 - told in one line; a worker must not end with one pass
            self._status = status = tell(error, ["--json"] if self.options.json else [])
            self._duration_s = time.monotonic() - begun
            return PassEnd(status or EXIT_FAILED, error.code if isinstance(error, WardenError) else "unexpected")

    def tell(self, error: WardenError) -> None:
        """Say what is wrong, on stderr, and of a ledger that does not verify also to who is notified."""
        from warden.cli.errors import tell

        tell(error, ["--json"] if self.options.json else [])
        if error.exit_status == EXIT_LEDGER:
            self._status = error.exit_status
            self.after_tick()

    def after_tick(self) -> None:
        """Serve onlookers after a tick; what fails there is told and no more."""
        if self.settings.observe is None:
            return
        from warden.cli.observing import after_pass

        if self._status != EXIT_LOCKED:
            after_pass(self.settings, self._status, self._duration_s)
        self._status = EXIT_DONE

    def check_onlookers(self) -> None:
        """Raise `ConfigError` or `NotifyError` for a target of notifications that cannot be used: nobody would learn of it."""
        if self.settings.observe is not None and self.settings.observe.notify.is_set:
            from warden.cli.notifying import check_targets

            check_targets(self.settings)

    @contextmanager
    def watch_server(self) -> Iterator[None]:
        """Serve /metrics and /healthz for the length of the block, where the configuration says so; raises `StateError`."""
        if self.settings.observe is None or self.settings.observe.listen is None:
            yield
            return
        from warden.cli.observing import serve_watch

        server = serve_watch(lambda: self.settings, lambda: self._duration_s)
        try:
            yield
        finally:
            if server is not None:
                server.close()

    def pulse(self) -> None:
        """A pass is alive: feed the watchdog, and show it now and then."""
        from warden.schedule.loop import BEAT_S

        now = time.monotonic()
        self.manager.feed(now)
        if self._shown is not None and now - self._beaten_at >= BEAT_S:
            self.beat(*self._shown)

    def beat(self, plan: Plan, state: str, until: datetime | None) -> None:
        """Write the sign of life; that it cannot be written is not what ends a worker."""
        from warden.schedule.entries import to_text
        from warden.store.heartbeat import heartbeat_path, write_heartbeat

        self._shown, self._beaten_at = (plan, state, until), time.monotonic()
        try:
            write_heartbeat(
                heartbeat_path(ensure_private_dir(self.settings.state_dir), plan.agent),
                self._heartbeat(plan, state, until),
            )
        except WardenError as error:
            if state == "stopped":
                return
            self.manager.status(f"no sign of life can be written: {error.message} ({to_text(datetime.now(UTC))})")

    def _heartbeat(self, plan: Plan, state: str, until: datetime | None) -> Heartbeat:
        from warden.schedule.entries import to_text
        from warden.schedule.loop import BEAT_S
        from warden.store.heartbeat import Heartbeat

        return Heartbeat(
            job=plan.job,
            state=state,
            at=to_text(datetime.now(UTC)),
            next_at="" if until is None else to_text(until),
            every_s=BEAT_S,
            pid=os.getpid(),
            boot_id=self._boot_id,
            started_at=to_text(self._started_at),
        )


def _plan(settings: Settings, options: RunOptions) -> Plan:
    from warden.schedule.interval import parse_interval
    from warden.schedule.loop import Plan
    from warden.schedule.timetable import Interval

    table = _build_table(options, settings.schedule.timezone)
    jitter_s = parse_interval(options.jitter, "jitter") if options.jitter else settings.schedule.jitter_s
    if isinstance(table, Interval) and jitter_s >= table.seconds:
        raise UsageError("the jitter is not shorter than the interval", "lower --jitter, or schedule.jitter_s")
    return Plan(
        agent=settings.agent,
        table=table,
        grace=timedelta(seconds=settings.schedule.misfire_grace_s),
        jitter_s=float(jitter_s),
        quiet=configured_quiet(settings, options.timezone),
    )
