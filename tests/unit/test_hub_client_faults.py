"""What a hub does, and which error comes out of the HTTP client: the fault table."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpcore
import httpx
import pytest
import respx

from warden.errors import (
    ConfigError,
    HubAnswerError,
    HubBusyError,
    HubConflictError,
    HubCredentialError,
    HubError,
    HubNotFoundError,
    HubRejectedError,
    HubUncertainError,
    HubUnreachableError,
)
from warden.hubs.answers import retry_after
from warden.hubs.http import HttpHub, HttpOptions
from warden.model.delivery import OutgoingMessage, ProgressEvent
from warden.testing.engine import START, FixedClock

URL = "http://hub.test"
HELLO = OutgoingMessage("a", "b", "s", "text that is nobody's business", "request", "", "")
HUB = {"hub_id": "hub-1", "contract": "warden.hub/1", "authenticated_senders": True}
MESSAGE = {
    "id": "m1",
    "thread_id": "t1",
    "from_agent": "a",
    "to_agent": "b",
    "subject": "s",
    "body": "b",
    "kind": "request",
    "created_at": "2026-01-02T03:04:05Z",
    "assurance": "token",
}

ANSWERS: dict[str, tuple[httpx.Response | Exception, type[HubError]]] = {
    "connection refused": (httpcore.ConnectError("refused"), HubUnreachableError),
    "name unknown": (httpcore.ConnectError("Name or service not known"), HubUnreachableError),
    "connect time-out": (httpcore.ConnectTimeout(), HubUnreachableError),
    "read time-out": (httpcore.ReadTimeout(), HubUncertainError),
    "write time-out": (httpcore.WriteTimeout(), HubUncertainError),
    "reset": (httpcore.ReadError("reset by peer"), HubUncertainError),
    "broken pipe": (httpcore.WriteError("broken pipe"), HubUncertainError),
    "closed without an answer": (httpcore.RemoteProtocolError("disconnected"), HubUncertainError),
    "operating system": (OSError(9, "bad file descriptor"), HubUncertainError),
    "400": (httpx.Response(400), HubRejectedError),
    "401": (httpx.Response(401), HubCredentialError),
    "403": (httpx.Response(403), HubCredentialError),
    "404": (httpx.Response(404), HubNotFoundError),
    "405": (httpx.Response(405), HubRejectedError),
    "408": (httpx.Response(408), HubUncertainError),
    "409": (httpx.Response(409), HubConflictError),
    "413": (httpx.Response(413), HubRejectedError),
    "422": (httpx.Response(422), HubRejectedError),
    "429": (httpx.Response(429), HubBusyError),
    "500": (httpx.Response(500), HubUncertainError),
    "502": (httpx.Response(502), HubUncertainError),
    "503": (httpx.Response(503), HubBusyError),
    "504": (httpx.Response(504), HubUncertainError),
    "301": (httpx.Response(301, headers={"location": "http://elsewhere.test/"}), HubAnswerError),
    "307": (httpx.Response(307, headers={"location": "http://elsewhere.test/"}), HubAnswerError),
    "304": (httpx.Response(304), HubAnswerError),
    "no body": (httpx.Response(201), HubAnswerError),
    "html": (httpx.Response(200, html="<html>log in</html>"), HubAnswerError),
    "not json": (httpx.Response(200, content=b"{", headers={"content-type": "application/json"}), HubAnswerError),
    "not utf-8": (httpx.Response(200, content=b'"\xff"', headers={"content-type": "application/json"}), HubAnswerError),
    "nan": (httpx.Response(200, content=b'{"id": NaN}', headers={"content-type": "application/json"}), HubAnswerError),
    "deep": (httpx.Response(200, content=b"[" * 100_000, headers={"content-type": "application/json"}), HubAnswerError),
    "compressed": (
        httpx.Response(200, content=b"{}", headers={"content-type": "application/json", "content-encoding": "br"}),
        HubAnswerError,
    ),
    "no id": (httpx.Response(201, json={"ok": True}), HubAnswerError),
    "id of another type": (httpx.Response(201, json={"id": ["m1"]}), HubAnswerError),
    "id with a slash": (httpx.Response(201, json={"id": "../m1"}), HubAnswerError),
    "list instead of object": (httpx.Response(201, json=[1]), HubAnswerError),
}


def make_hub(retries: int = 3, **options: Any) -> HttpHub:
    """Return a client whose pauses pass at once."""
    return HttpHub(URL, FixedClock(), lambda low, high: high, options=HttpOptions(retries=retries, **options))


def answering(answer: httpx.Response | Exception) -> dict[str, Any]:
    """Return how respx says it."""
    return {"side_effect": answer} if isinstance(answer, Exception) else {"return_value": answer}


@pytest.fixture
def network() -> Any:
    """Give a network in which only what a test names exists."""
    with respx.mock(base_url=URL, using="httpcore", assert_all_called=False) as router:
        router.get("/hub").mock(httpx.Response(200, json=HUB))
        yield router


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_post_fault(network: respx.MockRouter, answer: httpx.Response | Exception, expected: type[HubError]) -> None:
    """Each thing that can go wrong with a POST is one error, and the POST is made once."""
    route = network.post("/messages").mock(**answering(answer))
    with pytest.raises(HubError) as caught:
        make_hub().post_message(HELLO, "key-1")
    assert type(caught.value) is expected
    assert route.call_count == 1
    assert caught.value.hint or expected is HubRejectedError
    assert HELLO.body not in caught.value.message


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_progress_fault(
    network: respx.MockRouter, answer: httpx.Response | Exception, expected: type[HubError]
) -> None:
    """Progress events fail as messages do."""
    route = network.post("/progress").mock(**answering(answer))
    with pytest.raises(expected):
        make_hub().post_progress(ProgressEvent("b", "s", "status"))
    assert route.call_count == 1


GET_ONCE = (HubCredentialError, HubNotFoundError, HubRejectedError, HubConflictError, HubAnswerError)


@pytest.mark.parametrize(
    ("answer", "expected"), [row for name, row in ANSWERS.items() if not name.startswith(("no id", "id ", "list"))]
)
def test_get_fault(network: respx.MockRouter, answer: httpx.Response | Exception, expected: type[HubError]) -> None:
    """Looking is tried again where that can help, a bounded number of times, and not where it cannot."""
    route = network.get("/messages").mock(**answering(answer))
    with pytest.raises(HubError) as caught:
        make_hub(retries=3).list_unread("b")
    assert type(caught.value) is expected
    assert route.call_count == (1 if expected in GET_ONCE else 4)


def test_looking_succeeds_after_faults(network: respx.MockRouter) -> None:
    """A listing that fails twice and then comes is a listing."""
    page = httpx.Response(200, json={"messages": [MESSAGE], "after": None})
    network.get("/messages").mock(side_effect=[httpcore.ReadTimeout(), httpx.Response(500), page])
    assert len(make_hub().list_unread("b").messages) == 1


def test_pauses_grow_and_are_jittered(network: respx.MockRouter) -> None:
    """Pauses double, are drawn from their upper half, and are as long as the hub asks for if that is longer."""
    drawn: list[tuple[float, float]] = []
    clock = FixedClock()

    def jitter(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    busy = httpx.Response(429, headers={"retry-after": "3"})
    network.get("/messages").mock(side_effect=[httpx.Response(503), busy, httpx.Response(500), httpx.Response(500)])
    with pytest.raises(HubUncertainError):
        HttpHub(URL, clock, jitter).list_unread("b")
    assert drawn == [(0.1, 0.2), (0.2, 0.4), (0.4, 0.8)]
    assert clock.monotonic() == pytest.approx(0.2 + 3 + 0.8)


def test_long_retry_after_is_not_waited_for(network: respx.MockRouter) -> None:
    """A hub that wants to be left alone for minutes is: the error says for how long."""
    route = network.get("/messages").mock(httpx.Response(503, headers={"retry-after": "120"}))
    with pytest.raises(HubBusyError) as caught:
        make_hub().list_unread("b")
    assert caught.value.retry_after_s == 120
    assert route.call_count == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("999999999999999999999", 3600.0),
        (format_datetime(START + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(START - timedelta(seconds=90), usegmt=True), 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Fri, 99 Foo 2026 00:00:00 GMT", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    """Retry-After is read as seconds or as a date, and capped; nonsense is as if it was not there."""
    assert retry_after(text, START) == seconds


def test_credential_is_not_in_errors(network: respx.MockRouter) -> None:
    """Neither the token nor what the hub says in prose comes back in an error."""
    said = {"error": {"code": "unauthenticated", "message": "bad token wht_secret"}}
    network.post("/messages").mock(httpx.Response(401, json=said))
    hub = make_hub(token="wht_secret")
    with pytest.raises(HubCredentialError) as caught:
        hub.post_message(HELLO)
    assert "wht_secret" not in f"{caught.value.message} {caught.value.hint} {HttpOptions(token='wht_secret')}"


def test_rejected_field_is_named(network: respx.MockRouter) -> None:
    """The field that the hub names is handed on, its prose is not."""
    said = {"error": {"code": "invalid", "message": "the value `hunter2` is bad", "field": "body"}}
    network.post("/messages").mock(httpx.Response(422, json=said))
    with pytest.raises(HubRejectedError) as caught:
        make_hub().post_message(HELLO)
    assert caught.value.field == "body"
    assert "invalid" in caught.value.message
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    "error", [b"null", b"[]", b'{"error": 3}', b'{"error": {"code": 7, "field": {}}}', b"[" * 9000]
)
def test_odd_error_documents(network: respx.MockRouter, error: bytes) -> None:
    """Whatever an error's document holds, the status decides."""
    network.post("/messages").mock(httpx.Response(422, content=error))
    with pytest.raises(HubRejectedError) as caught:
        make_hub().post_message(HELLO)
    assert caught.value.field is None


def test_request_as_it_is_sent(network: respx.MockRouter) -> None:
    """A POST carries the token, the key and the fields of the contract, and leaves out what is absent."""
    route = network.post("/messages").mock(
        httpx.Response(201, json={"id": "m7"}, headers={"idempotency-replayed": "true"})
    )
    accepted = make_hub(token="wht_x").post_message(HELLO, "key-1")
    request = route.calls.last.request
    assert (accepted.id, accepted.replayed) == ("m7", True)
    assert request.headers["authorization"] == "Bearer wht_x"
    assert request.headers["idempotency-key"] == "key-1"
    assert request.headers["content-type"] == "application/json"
    assert "accept-encoding" not in request.headers
    assert json.loads(request.content) == {
        "from_agent": "a",
        "to_agent": "b",
        "subject": "s",
        "body": HELLO.body,
        "kind": "request",
    }


@pytest.mark.parametrize(
    "stated",
    [
        {},
        [],
        {**HUB, "hub_id": 7},
        {**HUB, "hub_id": "a/b"},
        {**HUB, "authenticated_senders": "yes"},
        {**HUB, "contract": "warden.hub/2"},
    ],
)
def test_hub_that_does_not_say_who_it_is(network: respx.MockRouter, stated: object) -> None:
    """A hub whose statement of itself cannot be read is not used."""
    network.get("/hub").mock(httpx.Response(200, json=stated))
    with pytest.raises(HubAnswerError):
        make_hub().traits()


def test_hub_is_asked_once_for_its_traits(network: respx.MockRouter) -> None:
    """What the hub states of itself is asked once; a configured identity wins over it."""
    hub = make_hub(hub_id="ours")
    network.get("/messages").mock(httpx.Response(200, json={"messages": [MESSAGE], "after": "7"}))
    assert hub.traits().hub_id == "ours"
    assert hub.list_unread("b").messages[0].key.hub_id == "ours"
    assert hub.traits().authenticated_senders is True
    assert network.routes[0].call_count == 1


def test_date_without_zone_counts_as_utc() -> None:
    """A Retry-After date whose zone is unknown (-0000) is taken as UTC."""
    assert retry_after("Fri, 02 Jan 2026 03:04:15 -0000", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == 10.0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hub.test",
        "ftp://hub.test",
        "http://",
        "http://u:p@hub.test",
        "http://hub.test?a=b",
        "http://hub.test:99999",
        "http://[::1",
    ],
)
def test_url_that_is_none(url: str) -> None:
    """A URL that no hub can have is refused before anything is sent, and is not repeated."""
    with pytest.raises(ConfigError) as caught:
        HttpHub(url, FixedClock(), max)
    assert "p@" not in caught.value.message


@pytest.mark.parametrize(
    ("base", "asked"),
    [
        ("http://hub.test/api/", "http://hub.test/api/hub"),
        ("http://[::1]:81", "http://[::1]:81/hub"),
        ("http://bücher.test", "http://xn--bcher-kva.test/hub"),
    ],
)
def test_url_with_a_path(base: str, asked: str) -> None:
    """A base URL may have a path, an IPv6 address, and a name in any script."""
    with respx.mock(using="httpcore") as router:
        route = router.get(asked).mock(httpx.Response(200, json=HUB))
        assert HttpHub(base, FixedClock(), max).traits().hub_id == "hub-1"
        assert route.call_count == 1
