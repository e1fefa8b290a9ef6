"""`warden worker run` and `warden worker apply`: what the shell does around one cycle.

Takes the lock, opens hub and ledger, prints, saves the plan, and turns what came of it into an exit status. The order of
things inside the cycle is the engine's.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from warden import __version__
from warden.cli import compose
from warden.cli.clock import RandomIds
from warden.cli.output import shows_color, talk
from warden.cli.pools import ThreadPool
from warden.cli.run_parts import LazyScanner, read_documents
from warden.cli.signals import SignalStop
from warden.cli.worker_options import ApplyOptions, RunOptions
from warden.config.settings import Settings
from warden.errors import EXIT_DONE, EXIT_FOUND, InputError, UsageError, quote

SCHEDULED = "scheduled"

if TYPE_CHECKING:
    from datetime import datetime

    from warden.cli.gate_text import GateOutput
    from warden.cli.intake_pass import Events
    from warden.cli.observing import RunWatch
    from warden.cli.run_output import JsonOutput
    from warden.cli.run_text import TextOutput
    from warden.engine.cycle import Keep
    from warden.engine.parts import Parts, Terms
    from warden.model.report import MessageReport, RunReport
    from warden.ports import Channel, Hub, LedgerStore, PolicyKernel
    from warden.schedule.gate import Gate
    from warden.schedule.stops import Stop
    from warden.store.sqlite import SqliteLedgerStore

    Output = JsonOutput | TextOutput | GateOutput


def run(options: RunOptions) -> int:
    """Run one pass, or pass after pass by a schedule; returns the exit status."""
    _check(options)
    if options.goes_on:
        from warden.cli.scheduled import run_worker

        return run_worker(options)
    stop = SignalStop()
    with stop.listening():
        settings = run_settings(options)
        mode = SCHEDULED if options.scheduled else "execute" if options.execute else "dry-run"
        return _watched(settings, mode, lambda: _run_pass(settings, options, stop, mode))


def _run_pass(settings: Settings, options: RunOptions, stop: SignalStop, mode: str) -> int:
    if mode == SCHEDULED:
        from warden.cli.scheduled import run_scheduled

        return run_scheduled(settings, options, stop)
    return run_once(settings, options, _within(options.deadline, 0, stop), mode)[0]


def _watched(settings: Settings, mode: str, make: Callable[[], int]) -> int:
    """Return what `make` returns; where a configuration has onlookers, they are served when the lock is free again."""
    if settings.observe is None:
        return make()
    from warden.cli.observing import watched

    return watched(settings, mode, make)


def _check(options: RunOptions) -> None:
    """Refuse flags that exclude each other; raises `UsageError`."""
    scheduled = options.scheduled or options.names_timetable
    if options.execute and options.dry_run:
        raise UsageError("--execute and --dry-run exclude each other", "leave one of them out")
    if options.execute and scheduled:
        flag = "--every" if options.every is not None else "--cron" if options.cron is not None else "--scheduled"
        hint = "leave out --execute: scheduled passes execute once `warden schedule enable` has opened their gate"
        raise UsageError(f"--execute and {flag} exclude each other", hint)
    if options.execute and options.out is not None:
        raise UsageError("--out saves the plan of a dry run", "leave out --execute, then use `warden worker apply`")
    if options.once and options.names_timetable and not options.scheduled:
        flag = "--every" if options.every is not None else "--cron"
        hint = "leave one of them out; with --scheduled too, it is one pass for a timer that calls so often"
        raise UsageError(f"--once and {flag} exclude each other", hint)
    if options.out is not None and scheduled:
        raise UsageError("--out saves the plan of one pass that a person starts", "leave out the schedule")
    if options.jitter is not None and not options.goes_on:
        raise UsageError("--jitter belongs to a worker that goes on", "give --every or --cron, or leave it out")
    if options.timezone is not None and not options.names_timetable:
        raise UsageError("--timezone belongs to a schedule", "give --every or --cron, or leave it out")
    if options.deadline is not None:
        from warden.schedule.interval import parse_interval

        parse_interval(options.deadline, "deadline")


def run_settings(options: RunOptions) -> Settings:
    """Return the settings with what the command line says put over them; raises `ConfigError`."""
    return compose.load_settings(
        options.config, options.state_dir, options.hub, options.agent, options.catalog, options.brain
    )


def _within(flag: str | None, configured_s: int, stop: Stop) -> Stop:
    """Return what asks a pass to stop: signals, and the deadline when there is one."""
    if flag is None and not configured_s:
        return stop
    from warden.schedule.interval import parse_interval
    from warden.schedule.stops import DeadlineStop

    return DeadlineStop(stop, time.monotonic, parse_interval(flag, "deadline") if flag else configured_s)


def run_once(settings: Settings, options: RunOptions, stop: Stop, mode: str) -> tuple[int, str]:
    """Run one pass; returns its exit status, and what stopped it early (empty when nothing did).

    `mode` is `dry-run`, `execute`, or `scheduled` for one that executes only while the gate holds.
    """
    if mode == SCHEDULED:
        stop = _within(options.deadline, settings.schedule.deadline_s, stop)
    with ExitStack() as stack:
        desk = stack.enter_context(open_desk(settings, stop, mode, options))
        from warden.engine.cycle import run_dry, run_executing  # not before the lock is ours

        if desk.mode == "execute":
            report = run_executing(desk.parts, desk.terms, random.random)
        else:
            keep = stack.enter_context(_plan_file(options.out)) if options.out is not None else None
            report = run_dry(desk.parts, desk.terms, keep)
        goes_on = not report.stopped and options.out is None and _events_wait(settings, desk.parts.store)
        desk.close(report, str(options.out or ""), goes_on)
        hub_id = desk.parts.hub.traits().hub_id if goes_on else ""
    ended = desk.exit_status(report, options.detailed_exitcode), report.stopped
    if not goes_on:
        return ended
    from warden.cli.intake_pass import run_events

    second = run_events(settings, options, stop, mode, (hub_id, desk.screen.document))
    return (second if second[0] else (ended[0], second[1])) if ended[0] in (EXIT_DONE, EXIT_FOUND) else ended


def _events_wait(settings: Settings, store: LedgerStore) -> bool:
    if settings.intake is None:
        return False
    from warden.cli.intake_pass import events_wait

    return events_wait(settings, store)


def apply(options: ApplyOptions) -> int:
    """Carry out a saved plan and return the exit status."""
    from warden.documents.plan import MAX_PLAN_BYTES, read_plan
    from warden.engine.applying import run_applying

    settings = compose.load_settings(
        options.config, options.state_dir, options.hub, options.agent, options.catalog, options.brain
    )
    plan = read_plan(_read_file(options.plan, MAX_PLAN_BYTES), str(options.plan))
    stop = SignalStop()

    def make() -> int:
        with open_desk(settings, stop, "apply", options) as desk:
            report = run_applying(desk.parts, desk.terms, plan, random.random)
            desk.close(report)
        return desk.exit_status(report, options.detailed_exitcode)

    with stop.listening():
        return _watched(settings, "apply", make)


class _Screen:
    """The reporter of a run: prints nothing until there is something to print, so that an idle run loads no renderer."""

    def __init__(
        self, make: Callable[[], Output], begin: Callable[[Output], None], quiet: bool, is_document: bool
    ) -> None:
        self._make = make
        self._quiet = quiet
        self._is_document = is_document
        self._begin = begin
        self._output: Output | None = None

    @property
    def output(self) -> Output:
        """Where the run is printed; its heading is printed when it is first asked for."""
        if self._output is None:
            self._output = self._make()
            self._begin(self._output)
        return self._output

    @property
    def document(self) -> JsonOutput | None:
        """The document that is being printed, None where people read."""
        return cast("JsonOutput", self.output) if self._is_document else None

    @property
    def has_begun(self) -> bool:
        """Whether there is something that has to be printed to its end: a message, or a document for a program."""
        return self._output is not None or self._is_document

    def message(self, report: MessageReport) -> None:
        """Print one message."""
        self.output.message(report)

    def alert(self, text: str) -> None:
        """Say what an operator should know, unless only errors are to be said."""
        if not self._quiet:
            talk(f"alert: {text}")


@dataclass(frozen=True, slots=True)
class Desk:
    """A run's parts, its terms and its screen; `quiet` says that nothing but errors is said on stderr."""

    parts: Parts
    terms: Terms
    screen: _Screen
    quiet: bool
    mode: str
    watch: RunWatch | None = None

    def close(self, report: RunReport, saved_as: str = "", goes_on: bool = False) -> None:
        """Print the sums, and what a person may do next; `saved_as` names the file of a saved plan. With `goes_on` another pass
        will end what was printed.

        A quiet run in which nothing happened prints nothing: cron mails whatever is printed.
        """
        if self.watch is not None:
            self.watch.finished(report)
        if self.quiet and not self.screen.has_begun and _is_idle(report):
            return
        output = self.screen.output
        output.end(report)
        if not goes_on:
            output.finish()
        sys.stdout.flush()
        if output.for_people and not self.quiet and output.sums.counts:
            from warden.cli.plan_text import next_steps

            for step in next_steps(report, output.sums.counts, saved_as):
                talk(f"next: {step}")

    def exit_status(self, report: RunReport, detailed: bool) -> int:
        """Return the exit status; 5 instead of 0 when details are asked for and something waits for a person."""
        if detailed and report.exit_status == EXIT_DONE and self.screen.output.sums.waiting:
            return EXIT_FOUND
        return report.exit_status


@contextmanager
def open_desk(
    settings: Settings, stop: Stop, mode: str, options: RunOptions | ApplyOptions, events: Events | None = None
) -> Iterator[Desk]:
    """Take the lock of the cycle, open hub and ledger, and give what a run of this mode is made of; with `events` it is a run
    over the second source."""
    clock = compose.build_clock(stop.wait)
    run_id = RandomIds().run_id()
    with ExitStack() as stack:
        watch = _watch(settings, run_id, mode, options)
        if watch is not None:
            stack.callback(watch.close)  # after the lock is free again
        described = {"run_id": run_id, "mode": mode, "agent": settings.agent}
        # INVARIANT (one-runner): held for the length of the cycle, and of nothing else. Who finds it held has loaded little.
        stack.enter_context(compose.build_locks(settings).hold(f"cycle-{settings.agent}", described))
        from warden.engine.parts import Parts

        documents = read_documents(settings, as_one=True)
        scanner = LazyScanner(lambda: compose.build_scanner(settings))
        brain, asking = compose.build_brain(settings, documents, scanner, clock, stop, stack)
        store = compose.open_ledger(settings, clock)
        stack.callback(store.close)
        if mode == SCHEDULED and events is None and isinstance(options, RunOptions):
            _look_for_gap(settings, options, store, clock.now())
        hub: Hub = (
            compose.open_hub(settings, clock, watch.traceparent if watch is not None else None)
            if events is None
            else events.open_hub(clock)
        )
        stack.callback(hub.close)
        pool = ThreadPool(settings.concurrency)
        stack.callback(pool.close)
        trigger = SCHEDULED if mode == SCHEDULED else "manual" if _has_terminal() else "headless"
        kernel: PolicyKernel = documents.kernel
        gate: Gate | None = None
        if mode == SCHEDULED:
            from warden.cli.schedule_gate import bind_kernel, look_at_gate

            gate, enabled = look_at_gate(
                settings, documents, store, lambda: hub.traits().hub_id if events is None else events.gate_hub_id
            )
            mode = "dry-run"
            if enabled is not None and gate.holds and not (isinstance(options, RunOptions) and options.dry_run):
                mode, kernel = "execute", bind_kernel(kernel, enabled)
        where = "intake" if events is not None else settings.hub.url or "embedded"
        screen = _screen(settings, run_id, mode, (options, where, events), gate)
        channels: Mapping[str, Channel] = {}
        if mode != "dry-run":
            channels = compose.build_channels(hub) if events is None else events.channels(clock, scanner, stack)
        parts = Parts(
            hub=hub if watch is None else watch.hub(hub),
            store=store,
            kernel=kernel,
            scanner=scanner,
            brain=brain,
            asking=asking,
            author=asking.brain.model if asking is not None else "",
            catalog=documents.catalog,
            alerts=documents.kernel.alerts,
            clock=clock,
            pool=pool,
            reporter=screen if watch is None else watch.reporter(screen),
            stop=stop,
            channels=channels,
            orders=None if events is None else events.orders,
            outcomes=None if events is None or mode == "dry-run" else events.hub.reports(),
            witnesses=() if mode == "dry-run" else compose.build_witnesses(settings),
            reviews=compose.build_reviews(store),
        )
        terms = _terms(settings, options, run_id, trigger)
        yield Desk(parts, terms, screen, options.quiet, mode, watch)


def _terms(settings: Settings, options: RunOptions | ApplyOptions, run_id: str, trigger: str) -> Terms:
    from warden.engine.parts import Terms
    from warden.model.retry import RetryPolicy

    limit = options.limit if isinstance(options, RunOptions) else None
    retry = RetryPolicy(attempts_limit=settings.outbox.attempts, age_limit_s=settings.outbox.max_age_h * 3600.0)
    return Terms(
        run_id,
        settings.agent,
        __version__,
        trigger,
        limit=limit,
        hop_limit=settings.limits.hops,
        retry=retry,
        approval_expiry_s=settings.review.approval_expiry_s,
        raise_after_s=settings.review.raise_after_s,
        drop_after_s=None if settings.workload is None else settings.workload.drop_after_s,
    )


def _watch(settings: Settings, run_id: str, mode: str, options: RunOptions | ApplyOptions) -> RunWatch | None:
    """Return the run's log and spans, None where nobody asked for any."""
    if settings.observe is None and not options.verbose:
        return None
    from warden.cli.observing import RunWatch

    return RunWatch(settings, run_id, mode, (options.verbose, options.quiet))


def _look_for_gap(settings: Settings, options: RunOptions, store: SqliteLedgerStore, now: datetime) -> None:
    """Notice that a timer did not call, where one calls and it is known how often."""
    wanted = settings.schedule
    if not options.goes_on and (options.names_timetable or wanted.every is not None or wanted.cron is not None):
        from warden.cli.timers import look_for_gap

        look_for_gap(settings, options, store, now)


def _is_idle(report: RunReport) -> bool:
    """Whether nothing happened that anybody must know of: messages that were decided before are no news."""
    return not report.exit_status and not report.stopped and not (set(report.counts) - {"decided"})


def _has_terminal() -> bool:
    """Whether a person may be looking: a run that has no terminal at all was perhaps started by a program."""
    return any(os.isatty(descriptor) for descriptor in (0, 1, 2))


def _screen(
    settings: Settings,
    run_id: str,
    mode: str,
    shown: tuple[RunOptions | ApplyOptions, str, Events | None],
    gate: Gate | None,
) -> _Screen:
    options, where, events = shown

    def make() -> Output:
        if options.json:
            from warden.cli.run_output import JsonOutput

            head = {"run_id": run_id, "mode": mode, "agent": settings.agent}
            return JsonOutput(sys.stdout, head, gate.reason if gate else None, events.beside if events else None)
        if gate is not None and mode == "dry-run":
            from warden.cli.gate_text import GateOutput

            return GateOutput(sys.stdout, gate)
        from warden.cli.render import printer
        from warden.cli.run_text import TextOutput

        return TextOutput(printer(sys.stdout, shows_color(sys.stdout, settings.no_color)), mode)

    return _Screen(
        make, lambda output: output.begin(settings.agent, where, settings.brain), options.quiet, options.json
    )


def _read_file(path: Path, limit_bytes: int) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(limit_bytes + 1)
    except OSError as error:
        hint = "make one with `warden worker run --dry-run --out FILE`"
        raise InputError(f"plan {quote(path)} cannot be read: {error.strerror}", hint) from error


@contextmanager
def _plan_file(path: Path) -> Iterator[Keep]:
    """Save a plan at `path`: written beside it, readable by its owner only, and put in place when it is whole."""
    from warden.documents.plan import PlanWriter
    from warden.model.saved_plan import PlanHeader, PlanItem

    with _writing(path):  # a working directory that was deleted has no path any more
        path = path.resolve()  # a link stays one
    if path.exists() and not path.is_file():
        raise InputError(f"plan {quote(path)} cannot be written: it is no ordinary file", "name another file")
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _writing(path):
        stream = os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    writers: list[PlanWriter] = []

    def keep(header: PlanHeader) -> Callable[[PlanItem], None]:
        writers.append(PlanWriter(stream, header))
        return add

    def add(item: PlanItem) -> None:
        with _writing(path):
            writers[-1].add(item)

    try:
        yield keep
        with _writing(path):
            for writer in writers:
                writer.close()
            stream.flush()
            os.fsync(stream.fileno())
            os.replace(beside, path)
    finally:
        stream.close()
        beside.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"plan {quote(path)} cannot be written: {error.strerror}", "name another file") from error
