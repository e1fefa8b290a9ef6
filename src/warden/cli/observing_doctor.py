"""What `warden doctor` looks at of alerts, notifications, metrics and traces."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING

from warden.cli import checks, compose
from warden.cli.checks import Finding
from warden.cli.schedule_parts import reading_if_any
from warden.errors import quote
from warden.store.watch import read_alert_codes
from warden.watch.codes import explain

if TYPE_CHECKING:
    from warden.config.settings import Settings

LOOK_BACK = timedelta(days=7)
OTLP = "opentelemetry.exporter.otlp.proto.http"


def examine_alerts(settings: Settings, full: bool) -> Iterator[Finding]:
    """Explain each code of an alert that was raised in the last days, and say what to do."""
    since = compose.build_clock().now() - LOOK_BACK
    with reading_if_any(settings) as store:
        found = store.read(lambda connection: read_alert_codes(connection, settings.agent, since)) if store else {}
    for code, number in found.items():
        about = explain(code)
        times = "once" if number == 1 else f"{number} times"
        advice = f"`{about.do}`; docs/how-to/when-it-stops.md, section {code}"
        yield checks.warn("alerts", f"{code}, {times} in {LOOK_BACK.days} days: {about.meaning}", advice)
    if not found:
        yield checks.ok("alerts", f"none in {LOOK_BACK.days} days")


def examine_onlookers(settings: Settings, full: bool) -> Iterator[Finding]:
    """Look at what is configured of notifications, metrics and traces; nothing is sent."""
    observe = settings.observe
    if observe is None:
        yield checks.ok("watching", "nobody is notified, and no metrics or traces are configured")
        return
    if observe.notify.is_set:
        from warden.cli.notifying import check_targets, target_names

        check_targets(settings)
        yield checks.ok("notify", f"{', '.join(target_names(observe.notify))}: can be reached")
    if observe.textfile is not None:
        place = observe.textfile.parent
        if os.access(place, os.W_OK | os.X_OK):
            yield checks.ok("metrics", f"written to {observe.textfile}")
        else:
            yield checks.fail("metrics", f"{quote(place)} cannot be written", "make it writable for this user")
    if observe.trace_endpoint:
        if _is_installed(OTLP):
            yield checks.ok("trace", f"sent to {observe.trace_endpoint}")
        else:
            yield checks.warn(
                "trace",
                "configured, and OpenTelemetry is not installed",
                "pip install 'ops-warden[obs]'; runs go on without",
            )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
