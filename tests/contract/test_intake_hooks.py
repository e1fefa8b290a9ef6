"""Deliveries over HTTP: what is taken in, what is known already, what is refused, and what is written down of it."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from intakebed import (
    ALICE,
    ISSUE,
    KEY,
    OTHER_KEY,
    REPOSITORY,
    Intake,
    body_of,
    comment_event,
    gitea_headers,
    intake,
    issue_event,
    source_of,
)
from warden.server.intake.signature import SourceKind


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Intake]:
    """A served intake of one Gitea."""
    with intake(tmp_path / "intake.db") as found:
        yield found


def test_a_signed_delivery_is_durable_when_it_is_answered(door: Intake) -> None:
    """The answer is 202, and the delivery, its task and its facts are in the file."""
    answer = door.post(issue_event())
    assert answer.status_code == 202
    assert answer.json() == {"delivery": "d1", "state": "new", "tasks": ["e1"]}
    row = door.database.read_one(
        "SELECT event, action, repository, number, labels, sender, trust, state FROM deliveries"
    )
    assert row == ("issues", "opened", "ops/site", "7", "deploy\ngood first issue", "alice", "owner", "sorted")


def test_the_same_delivery_again_is_known(door: Intake) -> None:
    """By its id, and by its bytes under another id: one task."""
    document = issue_event()
    assert door.post(document, delivery="one").status_code == 202
    assert door.post(document, delivery="one").json()["state"] == "duplicate"
    assert door.post(document, delivery="two").json()["state"] == "duplicate"
    assert door.database.read("SELECT count(*) FROM tasks") == [(1,)]


def test_a_delivery_is_new_again_after_the_window(door: Intake) -> None:
    """What was known is forgotten when the window has passed."""
    door.post(issue_event())
    door.clock.advance(3601)
    assert door.post(issue_event()).status_code == 202


def test_an_id_that_comes_with_other_bytes_is_refused(door: Intake) -> None:
    """The id is not signed: a second, different delivery under it is neither swallowed nor taken for new."""
    door.post(issue_event(), delivery="one")
    assert door.post(issue_event("closed"), delivery="one").status_code == 409
    assert door.quarantined() == ["delivery-id-reused"]


def test_bytes_that_come_again_as_another_event_are_refused(door: Intake) -> None:
    """The header that names the event is not signed either."""
    document = comment_event("hello")
    door.post(document, "issue_comment", delivery="one")
    assert door.post(document, "issues", delivery="two").status_code == 409
    assert door.quarantined() == ["event-header-changed"]


def test_every_key_of_a_source_fits(door: Intake) -> None:
    """A key can be replaced without a gap."""
    assert door.post(issue_event(), key=OTHER_KEY).status_code == 202


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"x-gitea-signature": ""}, "signature-missing"),
        ({"x-gitea-signature": "sha256="}, "signature-malformed"),
        ({"x-gitea-signature": "0" * 64}, "signature-wrong"),
        ({"x-gitea-signature": "é"}, "signature-malformed"),
    ],
)
def test_what_is_not_signed_is_refused_and_its_text_is_not_kept(
    door: Intake, headers: dict[str, str], reason: str
) -> None:
    """401, a row in the quarantine with digests and without the body."""
    body = body_of(issue_event())
    raw = {**gitea_headers(body), **headers}
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in raw.items()]
    answer = door.client.post("/hooks/forge", content=body, headers=pairs)
    assert answer.status_code == 401
    assert door.quarantined() == [reason]
    assert door.database.read("SELECT body, body_bytes FROM quarantine") == [(None, len(body))]
    assert door.database.read("SELECT count(*) FROM deliveries") == [(0,)]


def test_a_repeated_signature_header_is_refused(door: Intake) -> None:
    """Two signatures, one of which fits, are none."""
    body = body_of(issue_event())
    pairs = [*gitea_headers(body).items(), ("x-gitea-signature", "0" * 64)]
    assert door.client.post("/hooks/forge", content=body, headers=pairs).status_code == 401
    assert door.quarantined() == ["header-repeated"]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"[]", 422, "not-an-object"),
        (b"{", 400, "not-json"),
        (b'{"a": 1, "a": 2}', 400, "not-json"),
        (b"\xff", 400, "not-json"),
        (b"[" * 5000, 400, "not-json"),
        (body_of({**issue_event(), "action": 5}), 422, "action"),
        (body_of({**issue_event(), "action": "a b"}), 422, "action"),
        (body_of({**issue_event(), "sender": {"login": "a\nb"}}), 422, "sender"),
        (body_of({**issue_event(), "issue": {**ISSUE, "number": 1.5}}), 422, "number"),
        (body_of({**issue_event(), "issue": {**ISSUE, "labels": "x"}}), 422, "labels"),
        (body_of({**issue_event(), "repository": {"full_name": "x" * 200}}), 422, "repository"),
    ],
)
def test_signed_rubbish_is_kept_for_a_person(door: Intake, body: bytes, status: int, reason: str) -> None:
    """What its source signed and nobody can read is quarantined with its text."""
    answer = door.client.post("/hooks/forge", content=body, headers=gitea_headers(body))
    assert answer.status_code == status
    assert door.quarantined() == [reason]
    assert door.database.read_one("SELECT body IS NOT NULL FROM quarantine") == (1,)


def test_no_secret_value_is_kept(door: Intake) -> None:
    """A value in a comment is in no column of any table, of what was taken in and of what was refused."""
    value = "hunter2-and-more-of-it"
    door.post(comment_event(f"the password is {value}"), "issue_comment")
    refused = {**comment_event(f"password: {value}"), "action": 7}
    door.post(refused, "issue_comment")
    assert door.quarantined() == ["action"]
    for table in ("deliveries", "quarantine", "tasks"):
        for row in door.database.read(f"SELECT * FROM {table}"):
            assert value not in repr(row)


@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_long_text_is_looked_at_where_it_stands_alone(door: Intake, ascii_only: bool) -> None:
    """However its writer escapes it, a value in a long text, or beside one, is in no column."""
    value = "hunter2-and-more-of-it"
    text = "Die Pumpe läuft nicht & <steht>.\n" * 20
    spoilt = comment_event(f"{text}password: {value}\n{text}")
    beside = {**comment_event(text), "password": value}
    for number, document in enumerate((spoilt, beside)):
        body = json.dumps(document, ensure_ascii=ascii_only, separators=(",", ":")).encode()
        headers = gitea_headers(body, "issue_comment", delivery=f"long-{number}")
        assert door.client.post("/hooks/forge", content=body, headers=headers).status_code == 202
    for row in door.database.read("SELECT * FROM deliveries"):
        assert value not in repr(row)
        assert "Pumpe" in repr(row)


def test_a_secret_in_a_name_is_refused(door: Intake) -> None:
    """What is kept as it came may hold no secret: the type's header and the moment of a change too."""
    token = "ghp_" + "Ab1Cd2Ef3Gh4" * 3
    assert door.post(issue_event(), kind=token).status_code == 422
    assert door.post(issue_event(updated_at=f"token {token}")).status_code == 422
    assert door.quarantined() == ["secret-in-id", "secret-in-id"]
    assert token not in repr([door.database.read(f"SELECT * FROM {name}") for name in ("quarantine", "seen")])


@pytest.mark.parametrize("line", [b"x-odd: " + b"x" * 80_000 + b"\r\n", b"x-odd: x\r\n" * 10_000, b"x" * 200_000])
def test_a_head_without_bound_is_refused(door: Intake, line: bytes) -> None:
    """More than 64 KiB of request line and headers is refused and the connection closed, whatever it is made of."""
    url = door.client.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
        heard = b"HTTP/1.1 400 "
        with contextlib.suppress(ConnectionError):  # it may be closed while we still send
            connection.sendall(b"POST /hooks/forge HTTP/1.1\r\nhost: x\r\n" + line)
            heard = connection.recv(4096)
        assert heard.startswith(b"HTTP/1.1 400 ")
    assert door.post(issue_event()).status_code == 202


def test_content_types(door: Intake) -> None:
    """JSON and forms are taken, another type is refused before anything is read."""
    body = body_of(issue_event())
    answer = door.client.post(
        "/hooks/forge", content=body, headers={**gitea_headers(body), "content-type": "text/plain"}
    )
    assert answer.status_code == 415
    answer = door.client.post(
        "/hooks/forge", content=body, headers={**gitea_headers(body), "content-type": "application/json; charset=utf-8"}
    )
    assert answer.status_code == 202


def test_a_form_is_signed_over_its_payload(door: Intake) -> None:
    """Gitea signs the JSON in `payload`, not the form."""
    document = body_of(issue_event(title="a+b & c=d €"))
    form = b"payload=" + quote_plus(document).encode()
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert (
        door.client.post("/hooks/forge", content=form, headers={**gitea_headers(document), **kind}).status_code == 202
    )
    assert door.database.read_one("SELECT title FROM deliveries") == ("a+b & c=d €",)
    twice = form + b"&payload=x"
    answer = door.client.post("/hooks/forge", content=twice, headers={**gitea_headers(document), **kind})
    assert (answer.status_code, door.quarantined()) == (400, ["form-without-payload"])


def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """By its stated length, and when it is only streamed."""
    with intake(tmp_path / "intake.db", body_bytes=100) as door:
        assert door.post(issue_event()).status_code == 413
        body = body_of(issue_event())
        pieces = (body[at : at + 50] for at in range(0, len(body), 50))
        assert door.client.post("/hooks/forge", content=pieces, headers=gitea_headers(body)).status_code == 413


def test_a_slow_body_is_given_up(tmp_path: Path) -> None:
    """A sender that stops in the middle is answered 408 and costs nothing more."""
    with intake(tmp_path / "intake.db", body_timeout_s=0.05) as door:
        url = door.client.base_url
        with socket.create_connection((url.host, url.port or 80)) as line:
            head = (
                "POST /hooks/forge HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"
            )
            line.sendall(head.encode())
            assert line.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_rates_are_held_for_addresses_and_sources(tmp_path: Path) -> None:
    """What exceeds a rate is told when to come back; time fills the bucket again."""
    with intake(tmp_path / "a.db", address_per_minute=1) as door:
        assert door.post(issue_event()).status_code == 202
        answer = door.post(issue_event("closed"))
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
        door.clock.advance(60)
    with intake(tmp_path / "b.db", source_per_minute=1) as door:
        door.post(issue_event(), key=b"wrong")
        assert door.post(issue_event()).status_code == 202  # what is not signed takes nothing of the source's rate
        assert door.post(issue_event("closed")).status_code == 429


def test_unknown_sources_and_methods(door: Intake) -> None:
    """A source that there is not, and a method that there is not."""
    assert door.client.post("/hooks/nobody", content=b"{}").status_code == 404
    assert door.client.get("/hooks/forge").status_code == 405


def test_health_and_metrics(door: Intake) -> None:
    """The counters say what was taken in, known and refused."""
    door.post(issue_event())
    door.post(issue_event())
    door.post(issue_event(), key=b"wrong")
    assert door.client.get("/healthz").json() == {"status": "ok", "rules": "ok"}
    text = door.client.get("/metrics").text
    for line in ("accepted_total 1", "duplicates_total 1", "refused_total 1", "tasks_waiting 1"):
        assert f"warden_intake_{line}\n" in text


def test_github(tmp_path: Path) -> None:
    """GitHub's header, over the JSON, and over a form as it is sent; a bare `sha256=` and SHA-1 alone are refused."""
    with intake(tmp_path / "intake.db", source_of(SourceKind.GITHUB, "github")) as door:
        comment = {"body": "hi", "user": ALICE, "author_association": "MEMBER"}
        pull = {**ISSUE, "pull_request": {"url": "x"}}
        document = {"action": "created", "comment": comment, "issue": pull, "repository": REPOSITORY, "sender": ALICE}
        body = body_of(document)
        names = {"content-type": "application/json", "x-github-event": "issue_comment", "x-github-delivery": "g1"}

        def signed(data: bytes) -> dict[str, str]:
            return {**names, "x-hub-signature-256": "sha256=" + hmac.digest(KEY, data, "sha256").hex()}

        assert door.client.post("/hooks/forge", content=body, headers=signed(body)).status_code == 202
        assert door.database.read_one("SELECT event, flags FROM deliveries") == ("issue_comment", "pull")
        form = b"payload=" + quote_plus(body_of({**document, "action": "edited"})).encode()
        kind = {"content-type": "application/x-www-form-urlencoded", "x-github-delivery": "g2"}
        assert door.client.post("/hooks/forge", content=form, headers={**signed(form), **kind}).status_code == 202
        for bad in ({"x-hub-signature-256": "sha256="}, {"x-hub-signature": "sha1=" + "0" * 40}):
            assert door.client.post("/hooks/forge", content=body, headers={**names, **bad}).status_code == 401
        assert door.quarantined() == ["signature-missing", "sha1-only"]


def test_standard_webhooks(tmp_path: Path) -> None:
    """Id, time and body are signed together; a time outside the tolerance is refused."""
    with intake(tmp_path / "intake.db", source_of(SourceKind.STANDARD_WEBHOOKS, "generic")) as door:
        body = body_of({"type": "invoice.paid", "title": "paid", "sender": "billing"})

        def headers(at: int) -> dict[str, str]:
            signature = base64.b64encode(hmac.digest(KEY, f"m1.{at}.".encode() + body, "sha256")).decode()
            names = {"webhook-id": "m1", "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}
            return {"content-type": "application/json", **names}

        now = int(door.clock.now().timestamp())
        assert door.client.post("/hooks/forge", content=body, headers=headers(now - 301)).status_code == 401
        assert door.client.post("/hooks/forge", content=body, headers=headers(now)).status_code == 202
        assert door.quarantined() == ["timestamp-out-of-tolerance"]
        assert door.database.read_one("SELECT event, delivery_id, sender, trust FROM deliveries") == (
            *("invoice.paid", "m1"),
            *("billing", "unknown"),
        )


def test_a_bearer_token_is_never_kept(tmp_path: Path) -> None:
    """A token vouches for the sender less than a signature does, and is in no column."""
    with intake(tmp_path / "intake.db", source_of(SourceKind.BEARER, "generic")) as door:
        headers = {"authorization": f"Bearer {KEY.decode()}", "x-event": "build"}
        assert door.client.post("/hooks/forge", json={"text": "done"}, headers=headers).status_code == 202
        assert door.database.read_one("SELECT event, assurance FROM deliveries") == ("build", "token")
        wrong = {**headers, "authorization": "Bearer some-other-token-value"}
        assert door.client.post("/hooks/forge", json={}, headers=wrong).status_code == 401
        rows = [*door.database.read("SELECT * FROM deliveries"), *door.database.read("SELECT * FROM quarantine")]
        assert KEY.decode() not in repr(rows)
        assert "some-other-token-value" not in repr(rows)


def test_approval_words_count_from_somebody_with_a_say(door: Intake) -> None:
    """They make a ruling and nothing else; from anybody else they do nothing."""
    prefix = "0123456789abcdef"
    door.post(comment_event(f"/approve {prefix}"), "issue_comment")
    door.post(comment_event(f"/reject {prefix}", "mallory"), "issue_comment", delivery="x")
    assert door.database.read("SELECT does, rule, key, state FROM tasks") == [("approval", "approve", prefix, "ruling")]
    assert door.database.read_one("SELECT reason FROM deliveries WHERE sender = 'mallory'") == ("approval-untrusted",)


def test_odd_headers_and_bodies_are_answered(door: Intake) -> None:
    """Whatever is sent, the answer is a refusal of ours and never a failure."""
    chance = random.Random(7)
    names = ["x-gitea-event", "x-gitea-event-type", "x-gitea-delivery", "x-gitea-signature", "content-type", "x-odd"]
    sound = body_of(issue_event())
    for _ in range(150):
        body = bytearray(sound)
        for _ in range(chance.randrange(4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        headers = list(gitea_headers(bytes(body)).items())
        for _ in range(chance.randrange(3)):
            value = "".join(
                chr(chance.choice([9, *range(32, 127), *range(160, 256)])) for _ in range(chance.randrange(40))
            )
            headers.append((chance.choice(names), value.strip()))
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        answer = door.client.post("/hooks/forge", content=bytes(body), headers=raw)
        assert answer.status_code in (200, 202, 400, 401, 409, 415, 422), answer.text
        assert "error" in answer.json() or answer.status_code < 300


def test_what_headers_are_kept_is_redacted(door: Intake) -> None:
    """A header that is kept of a refused delivery holds no secret."""
    door.post(issue_event(), key=b"wrong", headers={"user-agent": "password=hunter2hunter2hunter2"})
    (kept,) = door.database.read("SELECT headers FROM quarantine")
    assert "hunter2" not in str(kept[0])
    assert "user-agent" in dict(json.loads(str(kept[0])))


def test_a_full_disk_is_told_and_gets_over(door: Intake, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be kept is answered 503 without a word of our files, `/healthz` and the log say so; it can come again."""
    document = issue_event(body="x" * 30_000)
    (pages,) = door.database.read_one("PRAGMA page_count")
    door.desk.database.write(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    answer = door.post(document)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "intake.db" not in answer.text
    assert (door.client.get("/healthz").status_code, "nothing can be kept" in caplog.text) == (503, True)
    door.desk.database.write(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert door.post(document).status_code == 202
    assert (door.client.get("/healthz").status_code, "kept again" in caplog.text) == (200, True)
