"""What a run shows of itself while it works, and what is done for onlookers after it: logs, traces, metrics, notifications.

Loaded only where a configuration or `--verbose` asks for it. Nothing here fails a run or changes its exit status: what goes
wrong is told on stderr, and of notifications also in the ledger.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from warden import __version__
from warden.cli import compose
from warden.cli.logs import build_log
from warden.cli.output import talk
from warden.errors import EXIT_LEDGER, EXIT_LOCKED, ConfigError, WardenError

if TYPE_CHECKING:
    from pathlib import Path

    from warden.config.settings import Settings
    from warden.model.report import MessageReport, RunReport
    from warden.ports import HubReader, Reporter
    from warden.watch.metrics import Observation
    from warden.watch.server import WatchServer
    from warden.watch.trace import Tracing


class RunWatch:
    """The log and the spans of one run. `close` is called when the run's lock is free again."""

    def __init__(self, settings: Settings, run_id: str, mode: str, flags: tuple[bool, bool]) -> None:
        """Begin; `flags` are --verbose and --quiet. Traces that cannot be made are told of, and the run goes on."""
        verbose, quiet = flags
        self._log = build_log(settings, verbose, quiet)
        self._begun = time.monotonic()
        self._tracing: Tracing | None = None
        endpoint = settings.observe.trace_endpoint if settings.observe else ""
        if endpoint:
            from warden.watch.trace import Tracing

            try:
                self._tracing = Tracing(
                    endpoint,
                    __version__,
                    {"run_id": run_id, "mode": mode, "agent": settings.agent, "brain": settings.brain},
                )
            except ConfigError as error:
                self._log.warning("trace.off", reason=error.message)
        self._report: RunReport | None = None
        self._log.info("run.started", run_id=run_id, mode=mode, agent=settings.agent, brain=settings.brain)

    def traceparent(self) -> str:
        """Return the run's trace context for requests to the hub, empty without traces."""
        return self._tracing.traceparent if self._tracing else ""

    def hub(self, hub: HubReader) -> HubReader:
        """Return what the engine looks at the hub with."""
        if self._tracing is None:
            return hub
        from warden.watch.trace import TracedHub

        return TracedHub(hub, self._tracing)

    def reporter(self, reporter: Reporter) -> Reporter:
        """Return a reporter that also logs and traces what it is told."""
        return _WatchedReporter(reporter, self)

    def message(self, report: MessageReport) -> None:
        """A message's handling is decided."""
        self._log.message(report)
        if self._tracing is not None:
            self._tracing.message(report)

    def alert(self, text: str) -> None:
        """Something does not stop the run; its words are said elsewhere."""
        self._log.debug("run.alert", size=len(text))

    def finished(self, report: RunReport) -> None:
        """The run has ended by itself."""
        self._report = report
        self._log.finished(report, round((time.monotonic() - self._begun) * 1000))

    def close(self) -> None:
        """End the run's span, and let what waits leave, within a bound."""
        if self._report is None:
            self._log.info("run.broke-off", duration_ms=round((time.monotonic() - self._begun) * 1000))
        if self._tracing is not None:
            self._tracing.finish(self._report)
            self._tracing.close()


class _WatchedReporter:
    """Hands on what it is told, and has it logged and traced."""

    def __init__(self, reporter: Reporter, watch: RunWatch) -> None:
        self._reporter = reporter
        self._watch = watch

    def message(self, report: MessageReport) -> None:
        """Take note of one message."""
        self._reporter.message(report)
        self._watch.message(report)

    def alert(self, text: str) -> None:
        """Take note of an alert."""
        self._reporter.alert(text)
        self._watch.alert(text)


def watched(settings: Settings, mode: str, make: Callable[[], int]) -> int:
    """Return what `make`, one pass, returns; do afterwards what onlookers are promised. `mode` is as in `worker.run_once`.

    A dry run that a person makes leaves no trace outside; a pass that another one kept from working says nothing.
    """
    begun = time.monotonic()
    status = 1
    try:
        status = make()
    except WardenError as error:
        status = error.exit_status
        raise
    finally:
        if mode != "dry-run" and status != EXIT_LOCKED:
            after_pass(settings, status, time.monotonic() - begun)
    return status


def after_pass(settings: Settings, status: int, duration_s: float | None) -> None:
    """Send notifications and write the metrics file, as configured; in this order, so that the file tells of both."""
    observe = settings.observe
    if observe is None:
        return
    if observe.notify.is_set:
        from warden.cli.notifying import notify

        notify(settings, damaged=status == EXIT_LEDGER)
    if observe.textfile is not None:
        write_metrics(settings, observe.textfile, duration_s)


def write_metrics(settings: Settings, path: Path, duration_s: float | None) -> None:
    """Replace the file that node_exporter reads; a failure is told, and no more."""
    from warden.watch.textfile import replace_textfile

    try:
        from warden.watch.metrics import expose

        replace_textfile(path, expose(settings.agent, observe_ledger(settings, duration_s)))
    except WardenError as error:
        talk(f"alert: the metrics file cannot be written: {error.message}")
    except ImportError:
        talk("alert: the metrics file cannot be written: prometheus-client is not installed")


def observe_ledger(settings: Settings, duration_s: float | None) -> Observation:
    """Return what the metrics are made of; raises what opening the ledger raises."""
    from warden.cli.schedule_parts import read_health, read_standing
    from warden.watch.metrics import Observation

    health = read_health(settings, ask_hub=False)
    return Observation(
        standing=read_standing(settings, compose.build_clock().now()),
        version=__version__,
        healthy=health.healthy,
        gate_open=health.gate.holds,
        last_run_at=health.last_run.at if health.last_run else None,
        last_success_at=health.last_good_run.at if health.last_good_run else None,
        duration_s=duration_s,
    )


def serve_watch(current: Callable[[], Settings], duration_s: Callable[[], float | None]) -> WatchServer | None:
    """Serve /metrics and /healthz where the configuration says so; None where it says nothing. Raises `StateError`."""
    observe = current().observe
    if observe is None or observe.listen is None:
        return None
    from warden.watch.metrics import expose
    from warden.watch.server import WatchServer

    def metrics() -> bytes:
        settings = current()
        return expose(settings.agent, observe_ledger(settings, duration_s()))

    def health() -> tuple[bool, object]:
        from warden.cli.schedule_parts import read_health

        settings = current()
        try:
            found = read_health(settings, ask_hub=False)
        except WardenError as error:
            return False, {"healthy": False, "agent": settings.agent, "problems": [error.code]}
        problems = [one.code for one in found.problems]
        return found.healthy, {"healthy": found.healthy, "agent": settings.agent, "problems": problems}

    with suppress(WardenError):  # made before anybody can ask: half a ledger would look like a damaged one
        compose.open_ledger(current()).close()
    server = WatchServer(observe.listen, metrics, health)
    server.start()
    return server
