"""The served hub: tokens, refusals, bounds, and the document that describes it."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from warden.errors import ConfigError, StateError
from warden.hubs.embedded import EmbeddedHub
from warden.hubs.tokens import TokenStore
from warden.server import hub_request
from warden.server.body import ENDED, MALFORMED, TOO_LARGE, TOO_SLOW, BodyError
from warden.server.hub import Access, HubParts, build_app
from warden.server.hub_openapi import OPERATIONS, build_document
from warden.server.hub_serve import bind, check_bind
from warden.testing.engine import FixedClock
from warden.testing.hub_server import served

HELLO = {"from_agent": "alice", "to_agent": "bob", "subject": "s", "body": "b", "kind": "request"}
NOTE = {"agent": "bob", "summary": "done", "kind": "status"}
JSON = {"content-type": "application/json"}
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "hub-openapi.json"


@dataclass(frozen=True)
class Served:
    """A hub that is being served, and what a test needs to speak to it."""

    hub: EmbeddedHub
    tokens: TokenStore
    client: httpx.Client

    def as_agent(self, agent: str) -> dict[str, str]:
        """Return the headers of a caller with a fresh token."""
        return {"authorization": f"Bearer {self.tokens.create(agent)[1]}"}


@contextlib.contextmanager
def serving(path: Path, access: Access) -> Iterator[Served]:
    """Serve a new hub."""
    clock = FixedClock()
    hub = EmbeddedHub(path, clock)
    with (
        served(build_app(HubParts(hub.database, clock, access))) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        yield Served(hub, TokenStore(hub.database, clock), client)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hub that is open for everybody."""
    with serving(tmp_path_factory.mktemp("open") / "hub.db", Access.UNSAFE_NO_AUTH) as found:
        yield found


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hub that asks for tokens."""
    with serving(tmp_path_factory.mktemp("guarded") / "hub.db", Access.TOKENS) as found:
        yield found


def error_of(answer: httpx.Response) -> dict[str, str]:
    """Return the error of a refusal, checked against its schema."""
    document = answer.json()
    schema = {"$ref": "#/components/schemas/Error", "components": build_document()["components"]}
    jsonschema.validate(document, schema)
    assert set(document) == {"error"}
    found: dict[str, str] = document["error"]
    return found


RAW: dict[str, tuple[bytes, dict[str, str], int, str | None]] = {
    "no content type": (json.dumps(HELLO).encode(), {"content-type": ""}, 415, "content-type"),
    "form": (b"a=b", {"content-type": "application/x-www-form-urlencoded"}, 415, "content-type"),
    "text": (json.dumps(HELLO).encode(), {"content-type": "text/plain"}, 415, "content-type"),
    "empty": (b"", JSON, 400, None),
    "half": (b'{"from_agent":', JSON, 400, None),
    "two": (b"{}{}", JSON, 400, None),
    "byte order mark": (b"\xef\xbb\xbf{}", JSON, 400, None),
    "utf-16": (json.dumps(HELLO).encode("utf-16"), JSON, 400, None),
    "bad utf-8": (b'{"body":"\xff"}', JSON, 400, None),
    "encoded surrogate": (b'{"body":"\xed\xa0\x80"}', JSON, 400, None),
    "nan": (b'{"body": NaN}', JSON, 400, None),
    "infinity": (b'{"body": -Infinity}', JSON, 400, None),
    "deep": (b"[" * 200_000, JSON, 400, None),
    "deep objects": (b'{"a":' * 100_000, JSON, 400, None),
    "long number": (b'{"body": ' + b"9" * 10_000 + b"}", JSON, 400, None),
    "twice": (b'{"body":"a","body":"b"}', JSON, 400, "body"),
    "twice inside": (b'{"metadata":{"x":"a","x":"b"}}', JSON, 400, "x"),
    "null": (b"null", JSON, 422, None),
    "list": (b"[]", JSON, 422, None),
    "text document": (b'"x"', JSON, 422, None),
    "missing": (b"{}", JSON, 422, "from_agent"),
    "unknown": (json.dumps({**HELLO, "to_agnt": "x"}).encode(), JSON, 422, "to_agnt"),
    "too large": (json.dumps({**HELLO, "body": "x" * 1024 * 1024}).encode(), JSON, 413, None),
    "escaped surrogate": (json.dumps({**HELLO, "body": "\ud800"}).encode(), JSON, 422, "body"),
    "escaped nul": (json.dumps({**HELLO, "body": "\x00"}).encode(), JSON, 422, "body"),
    "number": (json.dumps({**HELLO, "body": 7}).encode(), JSON, 422, "body"),
    "metadata number": (json.dumps({**HELLO, "metadata": {"a": 1}}).encode(), JSON, 422, "metadata.a"),
    "metadata list": (json.dumps({**HELLO, "metadata": []}).encode(), JSON, 422, "metadata"),
    "bad key": (json.dumps(HELLO).encode(), {**JSON, "idempotency-key": "a b"}, 422, "idempotency-key"),
    "unknown thread": (json.dumps({**HELLO, "thread_id": "t999"}).encode(), JSON, 404, None),
}


@pytest.mark.parametrize(("body", "headers", "status", "field"), RAW.values(), ids=RAW)
def test_refused_body(opened: Served, body: bytes, headers: dict[str, str], status: int, field: str | None) -> None:
    """A body that is not acceptable is refused in the one shape, names the field, and stores nothing."""
    before = opened.hub.list_inbox("bob", unread=False, limit=1000)
    answer = opened.client.post("/messages", content=body, headers=headers)
    error = error_of(answer)
    assert (answer.status_code, error.get("field")) == (status, field)
    assert answer.headers["content-type"] == "application/json"
    assert opened.hub.list_inbox("bob", unread=False, limit=1000) == before


QUERIES = {
    "/messages": "to_agent",
    "/messages?to_agent=": "to_agent",
    "/messages?to_agent=a/b": "to_agent",
    "/messages?to_agent=a&to_agent=b": "to_agent",
    "/messages?to_agent=a&unread=1": "unread",
    "/messages?to_agent=a&limit=0": "limit",
    "/messages?to_agent=a&limit=1001": "limit",
    "/messages?to_agent=a&limit=١": "limit",
    "/messages?to_agent=a&limit=99999999999999999999": "limit",
    "/messages?to_agent=a&after=x": "after",
    "/messages?to_agent=a&after=-1": "after",
    "/messages?to_agent=a&after=9999999999999999999": "after",
    "/messages?to_agent=a&order=desc": "order",
    "/messages?to_agent=%00": "to_agent",
    "/messages?to_agent=%ff": "to_agent",
    "/messages/m1?agent=%0a": "agent",
    "/progress": "agent",
    "/progress?agent=a&unread=true": "unread",
}


@pytest.mark.parametrize(("path", "field"), QUERIES.items())
def test_refused_query(opened: Served, path: str, field: str) -> None:
    """A query that is not acceptable is refused and names the parameter."""
    answer = opened.client.get(path)
    assert (answer.status_code, error_of(answer)["field"]) == (422, field)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/messages/", 404),
        ("GET", "/messages/m999", 404),
        ("GET", "/messages/..%2f..%2fetc", 404),
        ("GET", "/threads/t999", 404),
        ("GET", "/threads/%ff", 404),
        ("POST", "/messages/m999/read", 404),
        ("DELETE", "/messages/m1", 405),
        ("PUT", "/messages", 405),
        ("POST", "/hub", 405),
        ("POST", "/openapi.json", 405),
    ],
)
def test_unknown_path_or_method(opened: Served, method: str, path: str, status: int) -> None:
    """What is not in the contract is refused in the one shape."""
    answer = opened.client.request(method, path)
    assert answer.status_code == status
    assert error_of(answer)["code"] == {404: "not_found", 405: "method_not_allowed"}[status]


def test_read_with_a_body(opened: Served) -> None:
    """Marking as read takes no body; an empty object counts as none."""
    made = opened.client.post("/messages", json=HELLO).json()["id"]
    assert opened.client.post(f"/messages/{made}/read", json={"read": False}).status_code == 422
    assert opened.client.get(f"/messages/{made}").json()["read"] is False
    assert opened.client.post(f"/messages/{made}/read", json={}).json() == {"id": made}
    assert opened.client.get(f"/messages/{made}").json()["read"] is True


def test_replay_answers_the_first_bytes(opened: Served) -> None:
    """The same key and body are answered with the same status and bytes, and a header says so."""
    answers = [opened.client.post("/messages", json=HELLO, headers={"idempotency-key": "k-1"}) for _ in range(2)]
    assert [(a.status_code, a.content) for a in answers] == [(201, answers[0].content)] * 2
    assert [a.headers.get("idempotency-replayed") for a in answers] == [None, "true"]
    other = opened.client.post("/messages", json={**HELLO, "body": "c"}, headers={"idempotency-key": "k-1"})
    assert (other.status_code, error_of(other)["code"]) == (409, "conflict")


def test_body_without_a_length_is_bounded(opened: Served) -> None:
    """A chunked body without end is cut at the limit."""
    answer = opened.client.post("/messages", content=(b" " * 65536 for _ in range(40)), headers=JSON)
    assert (answer.status_code, error_of(answer)["code"]) == (413, "too_large")


def test_slow_body_is_given_up(opened: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that does not come is answered with 408 after its time."""
    monkeypatch.setattr(hub_request, "BODY_TIMEOUT_S", 0.05)
    url = opened.client.base_url
    with socket.create_connection((url.host, url.port or 0), timeout=30) as connection:
        connection.sendall(b"POST /messages HTTP/1.1\r\nHost: localhost\r\n")
        connection.sendall(b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        assert connection.recv(4096).startswith(b"HTTP/1.1 408")


def test_body_that_ends_early_stores_nothing(opened: Served) -> None:
    """A client that goes away in the middle of its body has sent nothing, and the server goes on."""
    before = opened.hub.list_inbox("bob", unread=False, limit=1000)
    url = opened.client.base_url
    body = json.dumps(HELLO).encode()
    with socket.create_connection((url.host, url.port or 0), timeout=30) as connection:
        connection.sendall(b"POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        connection.sendall(b"Content-Length: %d\r\n\r\n" % (len(body) + 1) + body)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(4096)
    assert opened.client.get("/healthz").status_code == 200
    assert opened.hub.list_inbox("bob", unread=False, limit=1000) == before


def test_full_disk_is_told_without_its_path(tmp_path: Path) -> None:
    """A hub that cannot store answers 503 with when to come back, and says nothing of its files."""
    with serving(tmp_path / "hub.db", Access.UNSAFE_NO_AUTH) as found:
        found.hub.database.write(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
        answer = found.client.post("/messages", json={**HELLO, "body": "x" * 500_000})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert str(tmp_path) not in answer.text
        assert error_of(answer)["code"] == "unavailable"
        assert found.client.get("/messages?to_agent=bob").json()["messages"] == []


def test_web_pages_cannot_write(opened: Served) -> None:
    """Without authentication a request from a web page, or under another host name, is refused."""
    page = opened.client.post("/messages", json=HELLO, headers={"origin": "https://evil.test"})
    rebound = opened.client.post("/messages", json=HELLO, headers={"host": "evil.test"})
    assert (page.status_code, rebound.status_code) == (403, 403)
    assert (error_of(page)["field"], error_of(rebound)["field"]) == ("origin", "host")


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:8765"])
def test_loopback_names_are_served(opened: Served, name: str) -> None:
    """Each name of this machine is served."""
    assert opened.client.get("/hub", headers={"host": name}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wht_" + "a" * 43},
        {"authorization": "Basic YWxpY2U6eA=="},
        {"authorization": "Bearer \xff"},
        {"authorization": "Bearer wht_' OR 1=1 --"},
    ],
)
@pytest.mark.parametrize("operation", [op for op in OPERATIONS if not op.open], ids=lambda op: op.name)
def test_no_operation_without_a_token(guarded: Served, headers: dict[str, str], operation: Any) -> None:
    """Every operation that is not open asks for a token of this hub, before it looks at anything else."""
    path = operation.path.replace("{id}", "m1")
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = guarded.client.request(operation.method, path, headers=sent, content=b"{")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert error_of(answer)["code"] == "unauthenticated"


def test_token_acts_as_its_agent_only(guarded: Served) -> None:
    """A token posts, reads and reports as the agent that it is bound to, and as nobody else."""
    alice, bob, eve = (guarded.as_agent(name) for name in ("alice", "bob", "eve"))
    client = guarded.client
    assert client.post("/messages", json=HELLO, headers=eve).status_code == 403
    made = client.post("/messages", json=HELLO, headers=alice).json()
    (message,) = client.get("/messages?to_agent=bob&unread=true", headers=bob).json()["messages"]
    assert (message["id"], message["assurance"]) == (made["id"], "token")
    for path, status in {
        "/messages?to_agent=bob": 403,
        f"/messages/{made['id']}": 404,
        f"/messages/{made['id']}?agent=bob": 403,
        f"/threads/{made['thread_id']}": 404,
        "/progress?agent=bob": 403,
    }.items():
        assert client.get(path, headers=eve).status_code == status
    assert client.post(f"/messages/{made['id']}/read", headers=eve).status_code == 404
    assert client.post(f"/messages/{made['id']}/read", headers=alice).status_code == 404
    assert client.post("/progress", json=NOTE, headers=eve).status_code == 403
    assert (
        client.post("/progress", json={**NOTE, "agent": "eve", "message_id": made["id"]}, headers=eve).status_code
        == 404
    )
    assert client.get(f"/threads/{made['thread_id']}", headers=alice).json()["messages"][0]["read"] is False
    assert client.post(f"/messages/{made['id']}/read", headers=bob).status_code == 200
    assert client.get("/hub", headers=bob).json()["authenticated_senders"] is True


def test_revoked_token_is_refused_at_once(guarded: Served) -> None:
    """A token works until it is revoked, and not a request longer."""
    record, token = guarded.tokens.create("carol")
    headers = {"authorization": f"bearer {token}"}
    assert guarded.client.get("/messages?to_agent=carol", headers=headers).status_code == 200
    guarded.tokens.revoke(record.id)
    assert guarded.client.get("/messages?to_agent=carol", headers=headers).status_code == 401


def test_tokens_are_kept_as_hashes_only(guarded: Served) -> None:
    """The file holds no token."""
    _, token = guarded.tokens.create("dave")
    everything = b"".join(path.read_bytes() for path in guarded.hub.database.path.parent.iterdir())
    assert b"dave" in everything
    assert token.encode() not in everything
    assert token.removeprefix("wht_").encode() not in everything


def test_open_paths(guarded: Served) -> None:
    """Health, readiness and the document need no token."""
    assert guarded.client.get("/healthz").json() == {"status": "ok"}
    assert guarded.client.get("/readyz").json() == {"status": "ready"}
    assert guarded.client.get("/openapi.json").json() == build_document()


def test_reference_is_what_is_served() -> None:
    """The document in the reference is the one that is served."""
    assert json.loads(REFERENCE.read_text("utf-8")) == build_document()


def test_answers_fit_the_document(opened: Served) -> None:
    """What the operations answer has the shape that the document gives them."""
    client = opened.client
    posted = client.post("/messages", json={**HELLO, "metadata": {"a": "b"}})
    made = posted.json()
    answers = {
        "post_message": posted,
        "list_messages": client.get("/messages?to_agent=bob&limit=1"),
        "get_message": client.get(f"/messages/{made['id']}"),
        "get_thread": client.get(f"/threads/{made['thread_id']}"),
        "mark_read": client.post(f"/messages/{made['id']}/read"),
        "post_progress": client.post("/progress", json=NOTE),
        "list_progress": client.get("/progress?agent=bob&limit=1"),
        "get_hub": client.get("/hub"),
        "get_health": client.get("/healthz"),
        "get_readiness": client.get("/readyz"),
        "get_openapi": client.get("/openapi.json"),
    }
    document = build_document()
    assert set(answers) == {operation.name for operation in OPERATIONS}
    for operation in OPERATIONS:
        answer = answers[operation.name]
        described = document["paths"][operation.path][operation.method.lower()]["responses"][str(answer.status_code)]
        schema = described["content"]["application/json"]["schema"]
        jsonschema.validate(answer.json(), {**schema, "components": document["components"]})


def test_document_and_routes_agree(tmp_path: Path) -> None:
    """Each route is in the document with its method, and each operation of the document is a route."""
    hub = EmbeddedHub(tmp_path / "hub.db", FixedClock())
    app = build_app(HubParts(hub.database, FixedClock()))
    routes = {(getattr(route, "path", ""), method) for route in app.routes for method in getattr(route, "methods", ())}
    paths = build_document()["paths"]
    described = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    assert {route for route in routes if route[1] != "HEAD"} == described
    hub.close()


def test_document_names_every_status_that_is_answered() -> None:
    """Each status that the server's code can answer is in the document."""
    source = "".join(
        Path(str(hub_request.__file__)).with_name(name).read_text() for name in ("hub_request.py", "hub.py")
    )
    answered = {int(found) for found in re.findall(r"(?:RefusedRequestError\(|Error, )(\d{3})", source)}
    answered |= {BodyError(reason).status for reason in (MALFORMED, TOO_LARGE, TOO_SLOW, ENDED)}
    described = {status for operation in OPERATIONS for status in operation.statuses}
    assert answered <= described
    assert described - {200, 201} <= answered


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.com", ""])
def test_open_hub_is_bound_to_loopback_only(host: str) -> None:
    """Without authentication nothing but loopback is served, tokens or not."""
    with pytest.raises(ConfigError):
        check_bind(host, True, True)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "0.0.0.0"])
def test_hub_without_tokens_does_not_start(host: str) -> None:
    """Without a token and without the word `unsafe` nothing is served."""
    with pytest.raises(ConfigError):
        check_bind(host, False, False)
    assert check_bind(host, True, False) is Access.TOKENS


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_may_be_open(host: str) -> None:
    """On loopback everybody may be let in, when that is asked for by name."""
    assert check_bind(host, False, True) is Access.UNSAFE_NO_AUTH


def test_address_that_cannot_be_bound() -> None:
    """A port that is taken, and an address that is not ours, are told in words."""
    with bind("127.0.0.1", 0) as taken:
        with pytest.raises(StateError):
            bind("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(StateError):
            bind("192.0.2.1", 0)


def test_a_refused_method_is_told_every_method_of_its_path(opened: Served) -> None:
    """405 names what the path takes, of all operations on it together, as RFC 9110 (15.5.6) asks."""
    answer = opened.client.request("OPTIONS", "/messages")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize(
    "text", ["a\x1cb", "a\x89b", "a\u2028b", "a\nb", "a\tb", "a\x7f", "plain", "\U0001f311 \u202e", ""]
)
def test_the_description_says_which_characters_are_refused(opened: Served, text: str) -> None:
    """A subject, a body and metadata that the description calls valid are taken, and no others."""
    schemas = build_document()["components"]["schemas"]
    for name, sent in (
        ("subject", {"subject": text}),
        ("body", {"body": text}),
        ("metadata", {"metadata": {"a": text}}),
    ):
        schema = {"$ref": "#/components/schemas/NewMessage", "components": {"schemas": schemas}}
        document = {**HELLO, **sent}
        valid = jsonschema.Draft202012Validator(schema).is_valid(document)
        status = opened.client.post("/messages", json=document).status_code
        assert valid == (status in (200, 201)), (name, status)
