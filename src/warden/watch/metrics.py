"""The metrics, as one table, and their text form (Prometheus exposition format 0.0.4).

Counters are the ledger's own counts; gauges are what stands now. INVARIANT (bounded): the values of every label are a closed
set; no label is a sender, a thread or a message. Names follow prometheus.io/docs/practices/naming.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.ledger.schema import KINDS, OneOf
from warden.watch.codes import EXPLANATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from prometheus_client import Metric

    from warden.model.watch import Standing

MICRO = 1_000_000
MODES = ("dry-run", "execute", "apply")
ENDS = ("done", "partial", "failed", "stopped")
DELIVERIES = ("received", "retried", "in_doubt", "dead")


def _words(kind: str, field: str) -> tuple[str, ...]:
    check = KINDS[kind][field]
    return check.words if isinstance(check, OneOf) else ()


DISPOSITIONS = _words("disposed", "disposition")
EFFECTS = _words("decided", "effect")
OPEN_STATES = ("dead", "quarantined", "held", "failed", "escalated")


@dataclass(frozen=True, slots=True)
class Observation:
    """What the metrics are made of. `duration_s` is how long the last pass of this process took, None before any."""

    standing: Standing
    version: str
    healthy: bool | None = None
    gate_open: bool = False
    last_run_at: datetime | None = None
    last_success_at: datetime | None = None
    duration_s: float | None = None


Samples = Mapping[tuple[str, ...], float]
"""Values by the labels after `agent`."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One metric: its name, its type, what it says, its labels beside `agent`, and how it is read."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[Observation], Samples]


def _tally(name: str, labels: Iterable[str]) -> Callable[[Observation], Samples]:
    known = tuple(labels)
    return lambda seen: {(label,): seen.standing.tallies.get((name, label), 0) for label in known}


def _plain_tally(name: str, divisor: float = 1) -> Callable[[Observation], Samples]:
    return lambda seen: {(): seen.standing.tallies.get((name, ""), 0) / divisor}


def _runs(seen: Observation) -> Samples:
    tallies = seen.standing.tallies
    return {(mode, end): tallies.get(("runs", f"{mode} {end}"), 0) for mode in MODES for end in ENDS}


def _known_codes(seen: Observation) -> Samples:
    """Codes that this warden does not know are summed up as `other`."""
    found: dict[tuple[str, ...], float] = {}
    for (name, code), number in seen.standing.tallies.items():
        if name == "alerts":
            label = code if code in EXPLANATIONS else "other"
            found[(label,)] = found.get((label,), 0) + number
    return found


def _notifications(seen: Observation) -> Samples:
    tallies = seen.standing.tallies
    return {(target,): tallies.get(("notifications", target), 0) for target in ("apprise", "webhook")}


def _moment(seconds: datetime | None) -> Samples:
    return {} if seconds is None else {(): seconds.timestamp()}


SPECS: tuple[Spec, ...] = (
    Spec(
        "warden_messages_total",
        "counter",
        "Dispositions that were recorded; a message that is held and then answered counts under both.",
        ("disposition",),
        _tally("messages", DISPOSITIONS),
    ),
    Spec(
        "warden_decisions_total",
        "counter",
        "Decisions of the kernel on planned actions.",
        ("effect",),
        _tally("decisions", EFFECTS),
    ),
    Spec(
        "warden_deliveries_total",
        "counter",
        "What attempts to deliver came to.",
        ("result",),
        _tally("deliveries", DELIVERIES),
    ),
    Spec("warden_runs_total", "counter", "Runs that ended, by mode and how they ended.", ("mode", "outcome"), _runs),
    Spec("warden_alerts_total", "counter", "Alerts that were raised.", ("code",), _known_codes),
    Spec("warden_notifications_total", "counter", "Notifications that a target took.", ("target",), _notifications),
    Spec("warden_model_calls_total", "counter", "Requests to a model.", (), _plain_tally("calls")),
    Spec(
        "warden_model_tokens_total",
        "counter",
        "Tokens of requests to a model and of its answers.",
        ("kind",),
        _tally("tokens", ("prompt", "completion")),
    ),
    Spec(
        "warden_model_cost_total",
        "counter",
        "What asking models cost, in the currency of `model.prices`.",
        (),
        _plain_tally("cost", MICRO),
    ),
    Spec(
        "warden_missed_ticks_total",
        "counter",
        "Ticks of the schedule for which no pass was made.",
        (),
        lambda seen: {(): seen.standing.missed_ticks},
    ),
    Spec(
        "warden_backlog_messages",
        "gauge",
        "Messages whose disposition is open.",
        ("disposition",),
        lambda seen: {(state,): seen.standing.backlog.get(state, 0) for state in OPEN_STATES},
    ),
    Spec(
        "warden_open_escalations",
        "gauge",
        "Escalations that wait for a person.",
        (),
        lambda seen: {(): seen.standing.waiting("escalation")},
    ),
    Spec(
        "warden_open_approvals",
        "gauge",
        "Actions that wait for their release.",
        (),
        lambda seen: {(): seen.standing.waiting("approval")},
    ),
    Spec(
        "warden_dead_letters",
        "gauge",
        "Deliveries that were given up and that nobody has decided on.",
        (),
        lambda seen: {(): seen.standing.outbox.get("dead", 0)},
    ),
    Spec(
        "warden_deliveries_in_doubt",
        "gauge",
        "Deliveries that may or may not have been taken.",
        (),
        lambda seen: {(): seen.standing.outbox.get("in_doubt", 0)},
    ),
    Spec(
        "warden_outbox_pending",
        "gauge",
        "Deliveries that are to be made or tried again.",
        (),
        lambda seen: {(): seen.standing.outbox.get("open", 0)},
    ),
    Spec(
        "warden_notify_targets_failing",
        "gauge",
        "Targets of notifications that did not take the last one.",
        (),
        lambda seen: {(): len(seen.standing.failing_targets)},
    ),
    Spec("warden_ledger_entries", "gauge", "Entries of the ledger.", (), lambda seen: {(): seen.standing.entries}),
    Spec(
        "warden_ledger_size_bytes",
        "gauge",
        "Size of the ledger's database.",
        (),
        lambda seen: {(): seen.standing.database_bytes},
    ),
    Spec(
        "warden_gate_open",
        "gauge",
        "1 while scheduled passes execute.",
        (),
        lambda seen: {(): int(seen.gate_open)},
    ),
    Spec(
        "warden_healthy",
        "gauge",
        "1 while `warden status` finds nothing wrong; absent when that could not be told.",
        (),
        lambda seen: {} if seen.healthy is None else {(): int(seen.healthy)},
    ),
    Spec(
        "warden_run_duration_seconds",
        "gauge",
        "How long the last pass of this process took.",
        (),
        lambda seen: {} if seen.duration_s is None else {(): seen.duration_s},
    ),
    Spec(
        "warden_last_run_timestamp_seconds",
        "gauge",
        "When the last run ended.",
        (),
        lambda seen: _moment(seen.last_run_at),
    ),
    Spec(
        "warden_last_success_timestamp_seconds",
        "gauge",
        "When the last run ended that went through.",
        (),
        lambda seen: _moment(seen.last_success_at),
    ),
    Spec(
        "warden_build_info", "gauge", "1, with the version as a label.", ("version",), lambda seen: {(seen.version,): 1}
    ),
)
"""Every metric there is. `agent`, the name of the inbox's owner, is the first label of each."""


def families(agent: str, seen: Observation) -> Iterator[Metric]:
    """Yield the metric families of prometheus_client."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    for spec in SPECS:
        make = CounterMetricFamily if spec.kind == "counter" else GaugeMetricFamily
        family = make(spec.name, spec.help, labels=("agent", *spec.labels))
        for labels, value in spec.read(seen).items():
            family.add_metric((agent, *labels), value)
        yield family


def expose(agent: str, seen: Observation) -> bytes:
    """Return the text that Prometheus and node_exporter's textfile collector read."""
    from prometheus_client import CollectorRegistry, generate_latest

    class Source:
        """What a registry asks."""

        def collect(self) -> Iterator[Metric]:
            """Return the families."""
            return families(agent, seen)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Source())
    return bytes(generate_latest(registry))
