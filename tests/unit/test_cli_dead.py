"""`warden dead`: from a delivery that was given up to a person's decision, through the real command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from enginebed import AGENT, Bed
from warden.cli import compose
from warden.cli.main import run
from warden.engine.cycle import run_executing
from warden.errors import HubRejectedError, HubUncertainError
from warden.hubs.embedded import EmbeddedHub
from warden.model.delivery import Intent, OutgoingMessage, Receipt
from warden.model.hub import DeliveryMeans


class RefusingChannel:
    """A channel that raises what it was given."""

    reports_outcomes = False

    def __init__(self, error: Exception, means: DeliveryMeans = DeliveryMeans.IDEMPOTENCY_KEY) -> None:
        self.means = means
        self._error = error

    def deliver(self, intent: Intent) -> Receipt:
        """Raise."""
        raise self._error

    def find(self, intent: Intent) -> Receipt | None:
        """Find nothing."""
        return None


def strand(error: Exception, means: DeliveryMeans = DeliveryMeans.IDEMPOTENCY_KEY) -> EmbeddedHub:
    """Leave one delivery behind that `error` ended, in the configured state directory."""
    settings = compose.load_settings()
    clock = compose.build_clock()
    store = compose.open_ledger(settings, clock)
    hub = EmbeddedHub(settings.hub_file, clock)
    hub.post_message(OutgoingMessage("flex-auth", AGENT, "a question", "Who?", "request", "", "", {}))
    channel = RefusingChannel(error, means)
    bed = Bed()
    channels = dict.fromkeys(("message", "progress", "read"), channel)
    parts = replace(bed.parts(executing=True), hub=hub, store=store, clock=clock, channels=channels)
    run_executing(parts, bed.terms(), lambda: 0.5)
    store.close()
    return hub


def letters(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What `warden dead list --json` prints."""
    capsys.readouterr()
    assert run(["dead", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "warden.dead/1"
    return list(found["letters"])


def dispositions() -> list[str]:
    """The dispositions in the ledger."""
    settings = compose.load_settings()
    store = compose.read_ledger(settings)
    rows = store.read(lambda connection: connection.execute("SELECT disposition FROM dispositions").fetchall())
    store.close()
    return [row[0] for row in rows]


def test_a_refused_delivery_is_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A delivery that the hub refused for good is a dead letter, and its text can be read."""
    strand(HubRejectedError("no"))
    (letter,) = letters(capsys)
    assert (letter["state"], letter["last_fault"], letter["kind"]) == ("dead", "rejected", "route_answer")
    assert run(["dead", "show", letter["key"][:12]]) == 0
    shown = capsys.readouterr().out
    assert "SSH certificates" in shown
    assert "rule_ids       charter/tier-auto\n" in shown
    assert run(["dead", "list"]) == 0
    assert "to flex-auth  1 attempt  rejected\n" in capsys.readouterr().out


def test_a_retried_letter_is_delivered_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Retry judges again and the next executing run delivers under the same key; the message is then answered."""
    hub = strand(HubRejectedError("no"))
    (letter,) = letters(capsys)
    assert run(["dead", "retry", letter["key"], "--reason", "the hub was misconfigured"]) == 0
    assert run(["worker", "run", "--execute"]) == 0
    assert letters(capsys) == []
    assert len(hub.get_thread(AGENT, letter["thread_id"])) == 2
    assert hub.list_unread(AGENT).messages == ()
    assert dispositions() == ["answered"]


def test_a_dropped_letter_leaves_an_open_escalation(capsys: pytest.CaptureFixture[str]) -> None:
    """Drop needs a reason, ends the delivery and what waits behind it, and leaves the message to a person."""
    hub = strand(HubRejectedError("no"))
    (letter,) = letters(capsys)
    assert run(["dead", "drop", letter["key"], "--reason", " "]) == 2
    assert run(["dead", "drop", letter["key"], "--reason", "answered by hand"]) == 0
    assert letters(capsys) == []
    assert dispositions() == ["escalated"]
    assert run(["worker", "run", "--execute"]) == 0
    assert len(hub.list_unread(AGENT).messages) == 1


def test_a_delivery_in_doubt_that_arrived_counts_as_answered(capsys: pytest.CaptureFixture[str]) -> None:
    """On a hub that gives no means to know, a person who saw the reply at the hub settles it."""
    strand(HubUncertainError("time-out"), DeliveryMeans.NONE)
    (letter,) = letters(capsys)
    assert letter["state"] == "in_doubt"
    assert run(["dead", "drop", letter["key"], "--reason", "seen at the hub", "--arrived"]) == 0
    assert dispositions() == ["answered"]


def test_todays_policy_decides_on_a_retry(capsys: pytest.CaptureFixture[str]) -> None:
    """A delivery that an overlay of today denies is not retried: exit 4, and it stays a dead letter."""
    strand(HubRejectedError("no"))
    (letter,) = letters(capsys)
    settings = compose.load_settings()
    settings.policy.dir.mkdir(parents=True, mode=0o700)
    overlay = Path(settings.policy.dir) / "quiet.yaml"
    overlay.write_text(
        "version: '1'\ndefault_decision: abstain\nrules:\n"
        "  - {id: quiet, match: {capabilities: [messaging.answer]}, decision: deny, reason: be quiet}\n"
    )
    assert run(["dead", "retry", letter["key"]]) == 4
    assert "quiet" in capsys.readouterr().err
    assert len(letters(capsys)) == 1


def test_an_unknown_key_and_a_secret_reason_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A key that is none, and a reason that holds a credential, are usage errors and change nothing."""
    strand(HubRejectedError("no"))
    (letter,) = letters(capsys)
    assert run(["dead", "retry", "wk1-nothing"]) == 2
    reason = "token " + "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    assert run(["dead", "drop", letter["key"], "--reason", reason]) == 2
    assert "ghp_" not in capsys.readouterr().err
    assert len(letters(capsys)) == 1
