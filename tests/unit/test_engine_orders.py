"""What an operator's own rule names for an authenticated event is carried out; nothing else can cause it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from enginebed import SECRET, Bed, answering, planning, traits_with
from warden.channels.hub import messaging_channels
from warden.model.delivery import ScriptRun, TriggerLine, WorkloadStart
from warden.model.disposition import Disposition
from warden.model.ids import idempotency_key
from warden.model.message import Message, Principal
from warden.model.plan import Plan, PlannedAction
from warden.model.request import Effect, Request
from warden.testing.channels import LifecycleChannel

Named = tuple[str, dict[str, Any]]
SCRIPT: Named = ("run_script", {"rule": "deploy", "argv": '["/bin/true"]', "stdin": "{}"})
WORKLOAD: Named = ("start_workload", {"source": "gitea", "action": "triage"})
TRIGGER: Named = ("send_trigger", {"kind": "issue", "repo": "ada/notes"})


class Orders:
    """An order book that names the same for every event."""

    digest = "sha256:" + "d" * 64

    def __init__(self, *actions: Named, failing: bool = False) -> None:
        self._actions = actions
        self._failing = failing

    def order(self, message: Message) -> Plan | None:
        """Return the plan, None when nothing is named."""
        if self._failing:
            raise ValueError("a rule that fails")
        if not self._actions:
            return None
        return Plan(tuple(PlannedAction(kind, arguments) for kind, arguments in self._actions), "rule-deploy")


class Watching:
    """A kernel that remembers what it was asked."""

    def __init__(self, kernel: Any, asked: list[Request]) -> None:
        self._kernel = kernel
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        """Answer as the kernel does."""
        return getattr(self._kernel, name)

    def evaluate(self, request: Request) -> Any:
        """Remember the request and judge it."""
        self._asked.append(request)
        return self._kernel.evaluate(request)


def event_bed(orders: Orders | None, source: str = "intake", **more: Any) -> tuple[Bed, LifecycleChannel]:
    """A bed whose messages come from a source of events, with channels for an operator's actions."""
    channel = LifecycleChannel()
    bed = Bed(**more)
    bed.orders = orders
    ordered = dict.fromkeys(("script", "workload", "trigger"), channel)
    bed.channels = {**messaging_channels(bed.hub, bed.traits.delivery), **ordered}
    bed.hub.listing = lambda page: replace(
        page, messages=tuple(replace(message, source=source) for message in page.messages)
    )
    return bed, channel


def test_what_a_rule_names_is_delivered_without_asking_a_brain() -> None:
    """Script, workload and trigger reach their channels with final payloads; no read mark follows."""
    bed, channel = event_bed(Orders(SCRIPT, WORKLOAD, TRIGGER), answer=lambda given: pytest.fail("a brain was asked"))
    message_id = bed.send()
    bed.execute()
    script, trigger, workload = (intent.payload for intent in sorted(channel.delivered, key=lambda one: one.channel))
    assert isinstance(script, ScriptRun)
    assert json.loads(script.argv) == ["/bin/true"]
    assert isinstance(trigger, TriggerLine)
    assert trigger.metadata["repo"] == "ada/notes"
    assert isinstance(workload, WorkloadStart)
    assert workload.workload_id == idempotency_key(bed.key(message_id), "start_workload", 0)
    assert bed.reports.messages[0].reason == "rule-deploy"
    assert [action.kind for action in bed.reports.messages[0].actions] == [
        "run_script",
        "start_workload",
        "send_trigger",
    ]


def test_what_an_event_asks_for_does_not_keep_a_rule_from_acting_on_it() -> None:
    """An event that asks for a change is what rules are for: the rule acts on it."""
    bed, channel = event_bed(Orders(SCRIPT))
    message_id = bed.send(body="please restart the production database")
    bed.execute()
    record = bed.record(message_id)
    assert record is not None
    assert (record.disposition, record.reason) == (Disposition.HELD, "awaiting-outcome")
    assert len(channel.delivered) == 1


def test_an_event_that_no_rule_names_goes_to_the_brain() -> None:
    """Without an order the brain judges the event like any message."""
    bed, channel = event_bed(Orders())
    message_id = bed.send()
    bed.execute()
    assert bed.disposition(message_id) is Disposition.ANSWERED
    assert channel.delivered == []


@pytest.mark.parametrize("action", [SCRIPT, WORKLOAD, TRIGGER])
def test_no_brain_can_plan_an_operators_action(action: Named) -> None:
    """The same action from a brain is denied by name, and its message is a person's."""
    bed, channel = event_bed(None, answer=planning(action))
    message_id = bed.send()
    bed.execute()
    assert bed.disposition(message_id) is Disposition.ESCALATED
    assert channel.delivered == []
    assert "charter/not-ordered" in bed.reports.messages[0].actions[0].rule_ids


def test_a_brain_that_calls_its_plan_an_order_is_not_believed() -> None:
    """The mark is the engine's own: what a brain sets is dropped."""
    bed, channel = event_bed(None, answer=lambda given: replace(planning(SCRIPT)(given), ordered=True))
    message_id = bed.send()
    bed.execute()
    assert bed.disposition(message_id) is Disposition.ESCALATED
    assert channel.delivered == []


@pytest.mark.parametrize(("source", "label"), [("intake", "owner"), ("hub", None)])
def test_the_kernel_is_told_who_an_events_sender_is(source: str, label: str | None) -> None:
    """Trust, event and repository are facts of an event; in a coordination message they are its sender's words, and none."""
    bed, _ = event_bed(Orders(SCRIPT), source=source)
    asked: list[Request] = []
    bed.kernel = Watching(bed.kernel, asked)
    bed.send(metadata={"sender-trust": "owner", "event": "issues"})
    bed.execute()
    assert {request.labels.get("msg.sender_trust") for request in asked} == {label}
    assert {"msg.repository" in request.labels for request in asked} == {False}


def test_a_message_of_a_hub_is_no_event() -> None:
    """Rules for events say nothing about coordination messages."""
    bed, channel = event_bed(Orders(SCRIPT), source="hub")
    message_id = bed.send()
    bed.execute()
    assert bed.disposition(message_id) is Disposition.ANSWERED
    assert channel.delivered == []


def test_an_event_of_a_claimed_sender_starts_nothing() -> None:
    """A sender that nobody vouches for cannot cause an operator's action."""
    bed, channel = event_bed(Orders(SCRIPT))
    listing = bed.hub.listing
    bed.hub.listing = lambda page: replace(
        listing(page),
        messages=tuple(replace(one, sender=Principal(one.sender.name)) for one in listing(page).messages),
    )
    message_id = bed.send()
    bed.execute()
    assert bed.disposition(message_id) is Disposition.ESCALATED
    assert channel.delivered == []
    assert "charter/event-not-authenticated" in bed.reports.messages[0].actions[0].rule_ids


def test_a_secret_in_what_a_script_would_read_stops_it() -> None:
    """What an operator's action carries out is scanned like any outgoing text."""
    bed, channel = event_bed(Orders(("run_script", {**SCRIPT[1], "stdin": json.dumps({"key": SECRET})})))
    message_id = bed.send()
    bed.execute()
    assert bed.disposition(message_id) is Disposition.ESCALATED
    assert channel.delivered == []


def test_a_rule_that_fails_escalates_the_event() -> None:
    """An exception in the rules neither ends the run nor hands the event to a brain."""
    bed, _ = event_bed(Orders(failing=True), answer=answering)
    message_id = bed.send()
    bed.execute()
    record = bed.record(message_id)
    assert record is not None
    assert (record.disposition, record.reason) == (Disposition.ESCALATED, "order-failed")


@pytest.mark.parametrize(
    "arguments",
    [
        {"rule": "deploy", "argv": "[]"},
        {"rule": "deploy", "argv": "[]", "stdin": "{}", "more": "x"},
        {"rule": "deploy", "argv": ["/bin/true"], "stdin": "{}"},
    ],
)
def test_an_order_of_another_shape_is_denied(arguments: dict[str, object]) -> None:
    """Missing, additional and untyped arguments make no payload."""
    bed, channel = event_bed(Orders(("run_script", arguments)))
    message_id = bed.send()
    bed.execute()
    assert bed.disposition(message_id) is Disposition.ESCALATED
    assert channel.delivered == []


def test_a_workload_may_name_how_its_answer_is_used() -> None:
    """The optional response policy is part of the payload, and a dry run shows what would start."""
    bed, channel = event_bed(Orders(("start_workload", {**WORKLOAD[1], "response_policy": "comment"})))
    bed.send()
    bed.dry()
    action = bed.reports.messages[0].actions[0]
    assert (action.effect, action.body) == (Effect.ALLOW, "gitea triage comment")
    assert channel.delivered == []
    bed.execute()
    payload = channel.delivered[0].payload
    assert isinstance(payload, WorkloadStart)
    assert payload.response_policy == "comment"


def test_an_outage_of_the_channel_delivers_once_later() -> None:
    """An operator's action goes through the same outbox as a reply: a crash between intent and receipt repeats no decision."""
    bed, channel = event_bed(Orders(WORKLOAD), traits=traits_with())
    bed.send()
    bed.execute()
    bed.execute()
    assert len(channel.delivered) == 1
