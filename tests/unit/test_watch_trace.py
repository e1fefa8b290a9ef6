"""Traces, against a loopback OTLP receiver: what a span says, what it never says, and whose trace it is."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from postbox import Postbox, listening
from warden.hubs.http import HttpHub, HttpOptions
from warden.model.disposition import Disposition
from warden.model.ids import MessageKey
from warden.model.message import Mail, Message, Principal
from warden.model.report import ActionReport, MessageReport, RunReport
from warden.model.request import Effect
from warden.testing.engine import FixedClock
from warden.watch.trace import Tracing, parse_traceparent

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
SUBJECT, BODY, REPLY = "subject-words", "body-words", "reply-words"


def message(traceparent: str) -> Message:
    """Return a message that says where it comes from."""
    content = Mail(SUBJECT, BODY, "request", "t1", metadata={"traceparent": traceparent})
    return Message(MessageKey("hub", "ops-warden", "m1"), Principal("sender-name"), "2026-05-01T12:00:00Z", content)


REPORT = MessageReport(
    message_id="m1",
    thread_id="t1",
    sender="sender-name",
    subject=SUBJECT,
    message_digest="sha256:" + "0" * 64,
    disposition=Disposition.ANSWERED,
    reason="routing-question",
    detail="detail-words",
    catalog_entry="openrouter-key",
    actions=(
        ActionReport("route_answer", 0, Effect.ALLOW, ("charter/tier-auto",), body=REPLY, delivered=True),
        ActionReport("mark_read", 0, Effect.REQUIRE_APPROVAL, ("local/x",)),
    ),
)


def spans_of(box: Postbox) -> dict[str, list[object]]:
    """Return the spans that were received, by name."""
    found: dict[str, list[object]] = {}
    for posted in box.posted:
        assert posted.path == "/v1/traces"
        request = ExportTraceServiceRequest.FromString(posted.body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    found.setdefault(span.name, []).append(span)
    return found


def attributes(span: object) -> dict[str, object]:
    """Return a span's attributes as plain values."""
    found: dict[str, object] = {}
    for item in span.attributes:  # type: ignore[attr-defined]
        value = item.value
        found[item.key] = (
            [one.string_value for one in value.array_value.values]
            if value.HasField("array_value")
            else value.string_value
        )
    return found


def trace_one(traceparent: str = "") -> tuple[Postbox, str]:
    """Trace a run with one message; return what was received, and the header that the hub was sent."""
    with listening() as box:
        tracing = Tracing(box.url, "1.0", {"run_id": "r1", "mode": "execute"})
        header = tracing.traceparent
        tracing.arrived(message(traceparent))
        tracing.message(REPORT)
        tracing.finish(RunReport("r1", "execute", "ops-warden", 0, {"answered": 1}))
        tracing.close()
    return box, header


def test_one_span_for_each_message_below_the_run() -> None:
    """A message's span says what was decided and is a child of the run's; the hub is told of the same trace."""
    box, header = trace_one()
    spans = spans_of(box)
    (run,), (one,) = spans["warden.run"], spans["warden.message"]
    assert one.parent_span_id == run.span_id  # type: ignore[attr-defined]
    assert header == f"00-{run.trace_id.hex()}-{run.span_id.hex()}-01"  # type: ignore[attr-defined]
    said = attributes(one)
    assert said["warden.disposition"] == "answered"
    assert said["warden.effect"] == "require_approval"
    assert said["warden.kinds"] == ["route_answer", "mark_read"]
    assert said["warden.rule_ids"] == ["charter/tier-auto", "local/x"]
    assert said["warden.catalog_entry"] == "openrouter-key"
    assert [event.name for event in one.events] == ["warden.decision"] * 2  # type: ignore[attr-defined]
    assert attributes(run)["warden.run_id"] == "r1"


def test_no_text_leaves() -> None:
    """Subject, body, sender, the reply and what a rule said in words are in no byte that is sent."""
    box, _ = trace_one(PARENT)
    sent = b"".join(posted.body for posted in box.posted)
    assert b"openrouter-key" in sent
    for word in (SUBJECT, BODY, REPLY, "sender-name", "detail-words"):
        assert word.encode() not in sent


def test_a_message_is_linked_to_its_trace_and_does_not_choose_ours() -> None:
    """A sender's traceparent becomes a link; our trace has an id of its own."""
    box, header = trace_one(PARENT)
    (one,) = spans_of(box)["warden.message"]
    (link,) = one.links  # type: ignore[attr-defined]
    assert link.trace_id.hex() == TRACE
    assert TRACE not in header
    box, _ = trace_one("00-nonsense")
    (one,) = spans_of(box)["warden.message"]
    assert list(one.links) == []  # type: ignore[attr-defined]


def test_a_collector_that_is_away_fails_nothing() -> None:
    """Ending a run's trace returns when nobody takes it."""
    with listening([503] * 99) as box:
        url = box.url
    tracing = Tracing(url, "1.0", {"run_id": "r1"})
    tracing.message(REPORT)
    tracing.finish(None)
    tracing.close()


def test_the_hub_is_told_of_the_trace_with_each_request() -> None:
    """The header goes with a request when there is a trace, and not otherwise."""
    for context in (PARENT, ""):
        with listening() as box:
            options = HttpOptions(traceparent=lambda context=context: context)  # type: ignore[misc]
            hub = HttpHub(box.url, FixedClock(), lambda low, high: low, options=options)
            hub.mark_read("ops-warden", "m1", "key-1")
            hub.close()
        (posted,) = box.posted
        assert posted.header("traceparent") == context


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (PARENT, True),
        (PARENT.replace("00-", "01-", 1) + "-more", True),
        (PARENT + "-more", False),
        (PARENT.replace("00-", "ff-", 1), False),
        (PARENT.upper(), False),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        ("", False),
        (PARENT + "\n", False),
    ],
)
def test_traceparent_is_read_strictly(text: str, known: bool) -> None:
    """Only what the W3C's grammar allows is one."""
    assert (parse_traceparent(text) is not None) == known
