"""The messaging channel: one call of the hub for one intent, and a look for the marker where the hub keeps no keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enginebed import AGENT, SENDER, traits_with
from warden.channels import hub as channels
from warden.channels.hub import HubChannel, messaging_channels
from warden.errors import HubAnswerError, HubUnreachableError
from warden.model.delivery import Intent, OutgoingMessage, Payload, ProgressEvent, ReadMark
from warden.model.hub import DeliveryMeans
from warden.model.ids import MessageKey
from warden.model.message import MARKER
from warden.testing.engine import Faults, FixedClock
from warden.testing.hub import MemoryHub

KEY = MessageKey("hub-1", AGENT, "m1")
REPLY = OutgoingMessage(AGENT, SENDER, "Re: x", "body", "reply", "t1", "m1", {MARKER: "k"})
NOTE = ProgressEvent(AGENT, "noted", "note", None, "m1", "t1", {MARKER: "k"})


def intent(payload: Payload, channel: str) -> Intent:
    """An intent with this payload."""
    return Intent("k", KEY, "t1", "kind", channel, payload)


def hub_with_a_message(means: DeliveryMeans = DeliveryMeans.LOOKUP) -> tuple[MemoryHub, Faults]:
    """A hub with one message in our inbox."""
    faults = Faults()
    hub = MemoryHub(FixedClock(), traits_with(means), faults)
    hub.post_message(OutgoingMessage(SENDER, AGENT, "x", "body", "request", "", ""))
    return hub, faults


CASES = [(REPLY, "message", "post_message"), (NOTE, "progress", "post_progress"), (ReadMark("m1"), "read", "mark_read")]


@pytest.mark.parametrize(("payload", "name", "operation"), CASES)
def test_an_intent_is_one_call_under_its_key(payload: Payload, name: str, operation: str) -> None:
    """Each channel makes the call that its payload asks for, with the intent's key, and brings back the hub's id."""
    hub, faults = hub_with_a_message(DeliveryMeans.IDEMPOTENCY_KEY)
    channel = messaging_channels(hub, DeliveryMeans.IDEMPOTENCY_KEY)[name]
    before = len(faults.calls)
    receipt = channel.deliver(intent(payload, name))
    (call,) = faults.calls[before:]
    assert (call.operation, call.key) == (operation, "k")
    assert (receipt.key, receipt.replayed) == ("k", False)
    assert receipt.remote_id
    assert channel.deliver(intent(payload, name)).replayed
    assert not channel.reports_outcomes


@pytest.mark.parametrize(("payload", "name", "operation"), CASES[:2])
def test_what_was_delivered_is_found_by_its_marker(payload: Payload, name: str, operation: str) -> None:
    """A reply is found in its thread, an event among our events; before it was delivered it is not."""
    hub, _ = hub_with_a_message()
    channel = HubChannel(hub, DeliveryMeans.LOOKUP)
    assert channel.find(intent(payload, name)) is None
    delivered = channel.deliver(intent(payload, name))
    found = channel.find(intent(payload, name))
    assert found is not None
    assert (found.key, found.remote_id, found.replayed) == ("k", delivered.remote_id, True)
    assert channel.find(replace(intent(payload, name), key="another")) is None


def test_a_marker_that_somebody_else_wrote_is_not_ours() -> None:
    """A sender who repeats our marker does not make us believe that we have answered."""
    hub, _ = hub_with_a_message()
    hub.post_message(OutgoingMessage(SENDER, AGENT, "x", "body", "request", "t1", "", {MARKER: "k"}))
    assert HubChannel(hub, DeliveryMeans.LOOKUP).find(intent(REPLY, "message")) is None


def test_a_read_mark_is_never_looked_for() -> None:
    """Setting the flag again is harmless, so nothing has to be found."""
    hub, faults = hub_with_a_message()
    before = len(faults.calls)
    assert HubChannel(hub, DeliveryMeans.LOOKUP).find(intent(ReadMark("m1"), "read")) is None
    assert len(faults.calls) == before


def test_an_event_is_looked_for_on_every_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look goes on to the page where the event is, and past a bound it says that it does not know."""
    hub, _ = hub_with_a_message()
    channel = HubChannel(hub, DeliveryMeans.LOOKUP)
    for number in range(250):
        hub.post_progress(replace(NOTE, metadata={MARKER: f"k{number}"}))
    channel.deliver(intent(NOTE, "progress"))
    assert channel.find(intent(NOTE, "progress")) is not None
    monkeypatch.setattr(channels, "MAX_PAGES", 2)
    with pytest.raises(HubAnswerError):
        channel.find(intent(NOTE, "progress"))


@pytest.mark.parametrize(("payload", "name", "operation"), CASES)
def test_a_hubs_error_comes_through(payload: Payload, name: str, operation: str) -> None:
    """The channel decides nothing about an error: the engine does."""
    hub, faults = hub_with_a_message()
    error = HubUnreachableError("down")
    faults.plan(operation, error)
    with pytest.raises(HubUnreachableError) as raised:
        HubChannel(hub, DeliveryMeans.LOOKUP).deliver(intent(payload, name))
    assert raised.value is error
