"""`warden worker run` and `warden worker apply`: what the shell does around one cycle.

Takes the lock, opens hub and ledger, prints, saves the plan, and turns what came of it into an exit status. The order of
things inside the cycle is the engine's.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warden import __version__
from warden.cli import compose
from warden.cli.clock import RandomIds
from warden.cli.output import shows_color, talk
from warden.cli.pools import ThreadPool
from warden.cli.run_parts import LazyScanner, build_brain, read_documents
from warden.cli.signals import SignalStop
from warden.cli.worker_options import ApplyOptions, RunOptions
from warden.config.settings import Settings
from warden.engine.cycle import Keep, run_dry, run_executing
from warden.engine.parts import Parts, Terms
from warden.errors import EXIT_DONE, EXIT_FOUND, InputError, UsageError, quote

if TYPE_CHECKING:
    from warden.cli.run_output import JsonOutput
    from warden.cli.run_text import TextOutput
    from warden.model.report import MessageReport, RunReport
    from warden.ports import Hub


def run(options: RunOptions) -> int:
    """Run one pass, or one in each interval; returns the exit status."""
    if options.execute and options.dry_run:
        raise UsageError("--execute and --dry-run exclude each other", "leave one of them out")
    if options.execute and options.out is not None:
        raise UsageError("--out saves the plan of a dry run", "leave out --execute, then use `warden worker apply`")
    stop = SignalStop()
    if options.every is None:
        with stop.listening():
            return run_once(options, stop)
    if options.once:
        raise UsageError("--once and --every exclude each other", "leave one of them out")
    if options.out is not None:
        raise UsageError("--out saves the plan of one pass", "leave out --every")
    from warden.schedule.every import parse_interval, run_every

    interval_s = parse_interval(options.every)
    _redact_logs(options)
    with stop.listening():
        return run_every(interval_s, lambda: _pass(options, stop), stop)


def _redact_logs(options: RunOptions) -> None:
    """Let nothing that a library logs in a long run hold a secret value; the guard is loaded when something is logged."""
    from warden.cli.redaction import install

    install(LazyScanner(lambda: compose.build_scanner(compose.load_settings(options.config, options.state_dir))))


def _pass(options: RunOptions, stop: SignalStop) -> None:
    """Make one of many passes: what goes wrong is told, and the next pass comes all the same."""
    from warden.cli.errors import tell

    try:
        run_once(options, stop)
    except Exception as error:  # noqa: BLE001 - told in one line; a loop that must go on all night does not end with it
        tell(error, ["--json"] if options.json else [])


def run_once(options: RunOptions, stop: SignalStop) -> int:
    """Run one pass and return its exit status."""
    settings = compose.load_settings(
        options.config, options.state_dir, options.hub, options.agent, options.catalog, options.brain
    )
    mode = "execute" if options.execute else "dry-run"
    with ExitStack() as stack:
        desk = stack.enter_context(_desk(settings, stop, mode, options))
        if options.execute:
            report = run_executing(desk.parts, desk.terms, random.random)
        else:
            keep = stack.enter_context(_plan_file(options.out)) if options.out is not None else None
            report = run_dry(desk.parts, desk.terms, keep)
        desk.close(report, str(options.out or ""))
    return desk.exit_status(report, options.detailed_exitcode)


def apply(options: ApplyOptions) -> int:
    """Carry out a saved plan and return the exit status."""
    from warden.documents.plan import MAX_PLAN_BYTES, read_plan
    from warden.engine.applying import run_applying

    settings = compose.load_settings(
        options.config, options.state_dir, options.hub, options.agent, options.catalog, options.brain
    )
    plan = read_plan(_read_file(options.plan, MAX_PLAN_BYTES), str(options.plan))
    stop = SignalStop()
    with stop.listening(), _desk(settings, stop, "apply", options) as desk:
        report = run_applying(desk.parts, desk.terms, plan, random.random)
        desk.close(report)
    return desk.exit_status(report, options.detailed_exitcode)


class _Screen:
    """The reporter of a run: prints nothing until there is something to print, so that an idle run loads no renderer."""

    def __init__(self, make: Callable[[], JsonOutput | TextOutput], begin: Callable[[JsonOutput | TextOutput], None]):
        self._make = make
        self._begin = begin
        self._output: JsonOutput | TextOutput | None = None

    @property
    def output(self) -> JsonOutput | TextOutput:
        """Where the run is printed; its heading is printed when it is first asked for."""
        if self._output is None:
            self._output = self._make()
            self._begin(self._output)
        return self._output

    def message(self, report: MessageReport) -> None:
        """Print one message."""
        self.output.message(report)


@dataclass(frozen=True, slots=True)
class _Desk:
    """A run's parts, its terms and its screen; `quiet` says that nothing but errors is said on stderr."""

    parts: Parts
    terms: Terms
    screen: _Screen
    quiet: bool

    def close(self, report: RunReport, saved_as: str = "") -> None:
        """Print the sums, and what a person may do next; `saved_as` names the file of a saved plan."""
        output = self.screen.output
        output.end(report)
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
def _desk(settings: Settings, stop: SignalStop, mode: str, options: RunOptions | ApplyOptions) -> Iterator[_Desk]:
    clock = compose.build_clock(stop.wait)
    run_id = RandomIds().run_id()
    documents = read_documents(settings, as_one=True)
    brain = build_brain(settings.brain, documents.catalog)
    with ExitStack() as stack:
        described = {"run_id": run_id, "mode": mode, "agent": settings.agent}
        # INVARIANT (one-runner): held for the length of the cycle, and of nothing else.
        stack.enter_context(compose.build_locks(settings).hold(f"cycle-{settings.agent}", described))
        store = compose.open_ledger(settings, clock)
        stack.callback(store.close)
        hub = compose.open_hub(settings, clock)
        stack.callback(hub.close)
        pool = ThreadPool(settings.concurrency)
        stack.callback(pool.close)
        screen = _screen(settings, hub, run_id, mode, options.json)
        parts = Parts(
            hub=hub,
            store=store,
            kernel=documents.kernel,
            scanner=LazyScanner(lambda: compose.build_scanner(settings)),
            brain=brain,
            catalog=documents.catalog,
            alerts=documents.kernel.alerts,
            clock=clock,
            pool=pool,
            reporter=screen,
            stop=stop,
            channels={} if mode == "dry-run" else compose.build_channels(hub),
        )
        limit = options.limit if isinstance(options, RunOptions) else None
        terms = Terms(run_id, settings.agent, __version__, limit=limit, hop_limit=settings.limits.hops)
        yield _Desk(parts, terms, screen, options.quiet)


def _screen(settings: Settings, hub: Hub, run_id: str, mode: str, as_json: bool) -> _Screen:
    def make() -> JsonOutput | TextOutput:
        if as_json:
            from warden.cli.run_output import JsonOutput

            return JsonOutput(sys.stdout, run_id, mode, settings.agent)
        from warden.cli.render import printer
        from warden.cli.run_text import TextOutput

        return TextOutput(printer(sys.stdout, shows_color(sys.stdout, settings.no_color)), mode)

    where = settings.hub.url or "embedded"
    return _Screen(make, lambda output: output.begin(settings.agent, where, settings.brain))


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
