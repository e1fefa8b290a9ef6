"""The fake hub's faults: a request that never arrived, and one whose answer was lost."""

from __future__ import annotations

import pytest

from warden.errors import HubUncertainError
from warden.model.delivery import OutgoingMessage
from warden.testing.engine import FixedClock
from warden.testing.hub import Call, MemoryHub

HELLO = OutgoingMessage("a", "b", "s", "x", "request", "", "")


@pytest.mark.parametrize("applied", [False, True])
def test_fault_before_and_after(applied: bool) -> None:
    """A fault before means that nothing was stored, one after that it was; the same key then tells."""
    calls: list[Call] = []

    def lose_once(call: Call) -> None:
        calls.append(call)
        if call == Call("post_message", applied, "k") and calls.count(call) == 1:
            raise HubUncertainError("lost")

    hub = MemoryHub(FixedClock(), hook=lose_once)
    with pytest.raises(HubUncertainError):
        hub.post_message(HELLO, "k")
    assert len(hub.sent_by("a")) == int(applied)
    assert hub.post_message(HELLO, "k").replayed is applied
    assert len(hub.sent_by("a")) == 1


def test_what_a_test_can_look_at() -> None:
    """Recipients and marks can be looked at without an inbox."""
    hub = MemoryHub(FixedClock())
    made = hub.post_message(HELLO)
    assert (hub.recipient(made.id), hub.is_read(made.id), hub.is_read("m9")) == ("b", False, False)
    hub.mark_read(None, made.id)
    assert hub.is_read(made.id) is True
    assert hub.get_message(None, made.id).key.agent == "b"
