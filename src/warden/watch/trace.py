"""Traces over OTLP/HTTP: a span for each run, and below it one for each message, with what was decided and never with a text.

The run's context goes to the hub as `traceparent` (W3C Trace Context, level 1) with each request. A message whose metadata
carries a `traceparent` is linked to that trace, not continued in it: who sends a message must not choose our trace.
OpenTelemetry's SDK is imported here only, when an endpoint is configured. INVARIANT (bounded): spans that wait, time-outs, and
messages whose arrival is remembered.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from warden.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Link, Span

    from warden.model.hub import HubTraits, InboxPage
    from warden.model.message import Message
    from warden.model.posted import ProgressPage
    from warden.model.report import MessageReport, RunReport
    from warden.ports import HubReader

TRACEPARENT = "traceparent"
EXPORT_TIMEOUT_S = 3
REMEMBERED = 10_000
RULES_LISTED = 64
_FORM = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


def parse_traceparent(text: str) -> tuple[int, int, int] | None:
    """Return trace id, parent id and flags, None for anything else (W3C Trace Context 3.2: zeros and version ff are none)."""
    found = _FORM.fullmatch(text)
    if found is None or text.startswith("ff") or (text.startswith("00") and len(text) != 55):
        return None
    trace_id, span_id = int(found[1], 16), int(found[2], 16)
    return (trace_id, span_id, int(found[3], 16)) if trace_id and span_id else None


class Tracing:
    """The spans of one run. Made when the run begins, closed when it has ended; never raises after it was made."""

    def __init__(self, endpoint: str, version: str, attributes: Mapping[str, str]) -> None:
        """Begin the run's span; raises `ConfigError` when the SDK is not installed."""
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import SpanLimits, TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            hint = "pip install 'ops-warden[obs]', or take trace.endpoint out"
            raise ConfigError("traces are configured, and OpenTelemetry is not installed", hint) from error
        _silence()
        exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=EXPORT_TIMEOUT_S)
        # All is given, so that no variable of the environment changes what leaves.
        self._processor = BatchSpanProcessor(
            exporter,
            max_queue_size=2048,
            schedule_delay_millis=5000,
            max_export_batch_size=512,
            export_timeout_millis=3000,
        )
        self._provider = TracerProvider(
            resource=Resource({"service.name": "ops-warden", "service.version": version}),
            span_limits=SpanLimits(max_attributes=64, max_events=8, max_links=8, max_attribute_length=256),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer("warden", version)
        self._run: Span = self._tracer.start_span(
            "warden.run", attributes={f"warden.{k}": v for k, v in attributes.items()}
        )
        self._seen: dict[str, tuple[int, str]] = {}

    @property
    def traceparent(self) -> str:
        """The run's context, as a header."""
        context = self._run.get_span_context()
        return (
            f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"  # level 1 has one flag
        )

    def arrived(self, message: Message) -> None:
        """Take note of when a message was listed, and of the trace that it comes from."""
        if len(self._seen) < REMEMBERED:
            said = message.content.metadata.get(TRACEPARENT, "")
            self._seen.setdefault(message.key.message_id, (time.time_ns(), said))

    def message(self, report: MessageReport) -> None:
        """A message's handling is decided: its span, from its listing until now."""
        from opentelemetry import trace

        begun, said = self._seen.pop(report.message_id, (time.time_ns(), ""))
        span = self._tracer.start_span(
            "warden.message",
            context=trace.set_span_in_context(self._run),
            start_time=begun,
            links=_links(said),
            attributes=_attributes(report),
        )
        for action in report.actions:
            span.add_event(
                "warden.decision",
                {
                    "warden.kind": action.kind,
                    "warden.effect": action.effect.word,
                    "warden.rule_ids": list(action.rule_ids[:RULES_LISTED]),
                    "warden.delivered": action.delivered,
                },
            )
        span.end()

    def finish(self, report: RunReport | None) -> None:
        """End the run's span; None for a run that broke off."""
        from opentelemetry.trace import Status, StatusCode

        if report is None or report.exit_status:
            self._run.set_status(Status(StatusCode.ERROR))
        if report is not None:
            self._run.set_attribute("warden.exit_status", report.exit_status)
            self._run.set_attribute("warden.stopped", report.stopped)
            for name, number in report.counts.items():
                self._run.set_attribute(f"warden.count.{name}", number)
        self._run.end()

    def close(self) -> None:
        """Send what waits, within a bound; what cannot be sent is given up."""
        self._processor.force_flush(EXPORT_TIMEOUT_S * 1000)
        self._provider.shutdown()


def _attributes(report: MessageReport) -> dict[str, str | bool | list[str]]:
    """Return what may be said of a message: ids, codes and digests. INVARIANT (no-secret)."""
    effects = [action.effect for action in report.actions]
    rules = sorted({rule for action in report.actions for rule in action.rule_ids})[:RULES_LISTED]
    return {
        "warden.message_id": report.message_id,
        "warden.message_digest": report.message_digest,
        "warden.disposition": report.disposition.value,
        "warden.reason": report.reason,
        "warden.catalog_entry": report.catalog_entry or "",
        "warden.effect": min(effects).word if effects else "",
        "warden.kinds": [action.kind for action in report.actions],
        "warden.rule_ids": rules,
        "warden.stale": report.stale,
    }


def _links(said: str) -> list[Link]:
    from opentelemetry.trace import Link, SpanContext, TraceFlags

    found = parse_traceparent(said)
    return [] if found is None else [Link(SpanContext(found[0], found[1], True, TraceFlags(found[2] & 1)))]


def _silence() -> None:
    """A collector that is away is no news: the exporter would log a traceback with its address."""
    import logging

    log = logging.getLogger("opentelemetry")
    log.addHandler(logging.NullHandler())
    log.propagate = False


class TracedHub:
    """A hub to look at, with each listed message noted."""

    def __init__(self, hub: HubReader, tracing: Tracing) -> None:
        self._hub = hub
        self._tracing = tracing

    def traits(self) -> HubTraits:
        """Return what the hub declares of itself."""
        return self._hub.traits()

    def list_unread(self, agent: str, after: str | None = None, limit: int = 100) -> InboxPage:
        """Return one page of unread messages, each noted."""
        page = self._hub.list_unread(agent, after, limit)
        for message in page.messages:
            self._tracing.arrived(message)
        return page

    def get_message(self, agent: str, message_id: str) -> Message:
        """Return one message, noted."""
        message = self._hub.get_message(agent, message_id)
        self._tracing.arrived(message)
        return message

    def get_thread(self, agent: str, thread_id: str) -> tuple[Message, ...]:
        """Return the messages of a thread."""
        return self._hub.get_thread(agent, thread_id)

    def list_progress(self, agent: str, after: str | None = None, limit: int = 100) -> ProgressPage:
        """Return one page of progress events."""
        return self._hub.list_progress(agent, after, limit)
