"""Targets of notifications, against a server that listens: signatures, tries, refusals, and what errors do not say."""

from __future__ import annotations

import base64
import json
import logging
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from postbox import Postbox, listening
from warden.errors import ConfigError, NotifyError
from warden.model.watch import Condition
from warden.server.intake.signature import RefusedDeliveryError, SignatureTerms, SourceKind, check_signature
from warden.testing.engine import FixedClock
from warden.watch.notices import Notice, Notification
from warden.watch.targets import AppriseTarget, Webhook, signing_key

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
CLOCK_NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOTIFICATION = Notification("ntf_abc", "ops-warden", (Notice(Condition("review:1", "open", "escalation")),), CLOCK_NOW)


class WaitingClock(FixedClock):
    """Writes down what it was asked to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, seconds: float) -> None:
        """Let no time pass."""
        self.waited.append(seconds)


@pytest.fixture
def clock() -> WaitingClock:
    """A clock."""
    return WaitingClock()


@pytest.fixture
def box() -> Iterator[Postbox]:
    """Somebody who takes notifications."""
    with listening() as found:
        yield found


def free_address() -> str:
    """Return where nobody listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_the_signature_is_one_of_standard_webhooks(box: Postbox, clock: WaitingClock) -> None:
    """What is posted is what our own intake of Standard Webhooks accepts, and what it refuses with another key or body."""
    Webhook(box.url + "/hook", SECRET, clock, "test").send(NOTIFICATION)
    (posted,) = box.posted
    assert posted.path == "/hook"
    assert posted.header("webhook-id") == "ntf_abc"
    terms, now = SignatureTerms(SourceKind.STANDARD_WEBHOOKS), clock.now().timestamp()
    check_signature(terms, (SECRET.encode(),), posted.headers, posted.body, now)
    other = b"whsec_" + base64.b64encode(bytes(32))
    for keys, body in (((other,), posted.body), ((SECRET.encode(),), posted.body + b" ")):
        with pytest.raises(RefusedDeliveryError):
            check_signature(terms, keys, posted.headers, body, now)


def test_what_is_posted_holds_codes_and_numbers_only(box: Postbox, clock: WaitingClock) -> None:
    """The body names the code, a number of ours and the next command."""
    Webhook(box.url, SECRET, clock, "test").send(NOTIFICATION)
    document = json.loads(box.posted[0].body)
    assert document["type"] == "warden.notification"
    assert document["timestamp"] == "2026-05-01T12:00:00Z"
    (item,) = document["data"]["items"]
    assert item == {
        "code": "escalation",
        "subject": "review:1",
        "reminder": 0,
        "meaning": "a message needs a person",
        "next": "warden review",
    }


def test_a_busy_webhook_is_tried_again_under_the_same_id(clock: WaitingClock) -> None:
    """After 503 and 429 it is tried again with growing pauses; the id stays."""
    with listening([503, 429]) as box:
        Webhook(box.url, SECRET, clock, "test").send(NOTIFICATION)
    assert [posted.header("webhook-id") for posted in box.posted] == ["ntf_abc"] * 3
    assert clock.waited == [1.0, 3.0]


def test_tries_are_bounded(clock: WaitingClock) -> None:
    """Three tries, and then it has failed; one of which somebody knows that it fails is tried once."""
    with listening([500] * 9) as box:
        with pytest.raises(NotifyError, match="answered 500"):
            Webhook(box.url, SECRET, clock, "test").send(NOTIFICATION)
        assert len(box.posted) == 3
        with pytest.raises(NotifyError):
            Webhook(box.url, SECRET, clock, "test", ()).send(NOTIFICATION)
        assert len(box.posted) == 4


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 410])
def test_a_refusal_is_final(status: int, clock: WaitingClock) -> None:
    """A refusal is not tried again, and a redirect is not followed."""
    with listening([status]) as box, pytest.raises(NotifyError, match=f"answered {status}"):
        Webhook(box.url, SECRET, clock, "test").send(NOTIFICATION)
    assert len(box.posted) == 1
    assert clock.waited == []


def test_nobody_listens(clock: WaitingClock) -> None:
    """A webhook that is not there fails its check and its sending; neither error names the address."""
    url = free_address()
    target = Webhook(url, SECRET, clock, "test")
    with pytest.raises(NotifyError) as checked:
        target.check()
    with pytest.raises(NotifyError) as sent:
        target.send(NOTIFICATION)
    assert url.rpartition(":")[2] not in checked.value.message + sent.value.message


def test_a_webhook_that_listens_passes_its_check(box: Postbox, clock: WaitingClock) -> None:
    """Checking connects, and posts nothing."""
    Webhook(box.url, SECRET, clock, "test").check()
    assert box.posted == []


SHORT = "whsec_" + base64.b64encode(bytes(23)).decode()
LONG = "whsec_" + base64.b64encode(bytes(65)).decode()
BARE = base64.b64encode(KEY).decode()


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!!", "sesame-open-0123456789", BARE, SHORT, LONG])
def test_a_secret_that_is_none_is_refused_and_not_shown(secret: str) -> None:
    """Only `whsec_` with 24 to 64 bytes in base64 is one; the error does not quote what was given."""
    with pytest.raises(ConfigError) as refused:
        signing_key(secret)
    shown = f"{refused.value.message} {refused.value.hint}"
    assert len(secret) < 7 or secret not in shown


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_apprise_takes_a_notification(box: Postbox) -> None:
    """Apprise posts title and text to the service that its URL names."""
    AppriseTarget(box.url.replace("http://", "json://") + "/alerts").send(NOTIFICATION)
    (posted,) = box.posted
    document = json.loads(posted.body)
    assert document["title"] == "warden ops-warden: 1 escalation"
    assert document["message"].startswith("escalation: a message needs a person (review:1). Next: warden review")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_apprise_never_quotes_its_url(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """A URL that is refused or that nobody answers is in no error, no log and no output: it holds a password."""
    hidden = "opensesame4711"
    address = free_address().removeprefix("http://")
    with caplog.at_level(logging.DEBUG), pytest.raises(NotifyError) as failed:
        AppriseTarget(f"json://user:{hidden}@{address}").send(NOTIFICATION)
    with pytest.raises(ConfigError) as refused:
        AppriseTarget(f"no-such-service://{hidden}").check()
    said = capfd.readouterr()
    told = "".join(error.message + error.hint for error in (failed.value, refused.value))
    assert hidden not in told + caplog.text + said.out + said.err
