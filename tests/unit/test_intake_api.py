"""The API of the intake over HTTP: who may, what is taken once, and one timeline of what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import jsonschema
import pytest

from warden.hubs import capabilities
from warden.hubs.capabilities import GrantTerms
from warden.server.intake.api_document import OPERATIONS, openapi_document
from workloadbed import ALERT, TOKENS, WorkloadBed, running_bed

__all__ = ["running_bed"]

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "intake-openapi.json"
SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.fixture
def client(bed: WorkloadBed) -> Iterator[httpx.Client]:
    with bed.serving() as client:
        yield client


def check_answer(name: str, document: object) -> None:
    """Hold an answer to the schema that the API's document has for it."""
    whole = openapi_document()
    schema = {"$ref": f"#/components/schemas/{name}", "components": whole["components"]}
    jsonschema.validate(document, schema)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer nonsense"}, 401),
        ({"authorization": f"Basic {TOKENS['reader']}"}, 401),
        ({"authorization": f"Bearer  {TOKENS['reader']}"}, 401),
        ({"authorization": f"Bearer {TOKENS['crow']}"}, 403),
        ({"authorization": f"bearer {TOKENS['reader']}"}, 200),
    ],
)
def test_a_token_with_the_scope_is_needed(client: httpx.Client, headers: dict[str, str], status: int) -> None:
    """No token, a wrong one, and one without the scope are told apart by their status only."""
    assert client.get("/v1/workloads", headers=headers).status_code == status


def test_two_authorization_headers_are_refused(client: httpx.Client) -> None:
    """Which of two would count is nobody's guess."""
    header = ("authorization", f"Bearer {TOKENS['reader']}")
    assert client.get("/v1/workloads", headers=[header, header]).status_code == 401


def test_the_same_key_and_body_are_taken_once(bed: WorkloadBed, client: httpx.Client) -> None:
    """A client that repeats itself is answered as the first time, and one task is made."""
    first = bed.post(client, "/v1/dispatch", ALERT, "k-1")
    second = bed.post(client, "/v1/dispatch", ALERT, "k-1")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    check_answer("Taken", first.json())
    assert bed.database.read_one("SELECT count(*) FROM tasks") == (1,)


def test_the_same_key_with_another_body_is_a_conflict(bed: WorkloadBed, client: httpx.Client) -> None:
    """A key is for one thing, and for one of the two operations."""
    bed.post(client, "/v1/events", ALERT, "k-1")
    assert bed.post(client, "/v1/events", {**ALERT, "number": 8}, "k-1").status_code == 409
    assert bed.post(client, "/v1/dispatch", ALERT, "k-1").status_code == 409


def test_the_same_words_under_another_key_are_another_event(bed: WorkloadBed, client: httpx.Client) -> None:
    """Two alerts with the same text are two, unless they carry one id."""
    states = [bed.post(client, "/v1/events", ALERT, key).json()["state"] for key in ("k-1", "k-2")]
    assert states == ["new", "new"]
    named = [bed.post(client, "/v1/events", {**ALERT, "id": "a-1"}, key) for key in ("k-3", "k-4")]
    assert [(one.status_code, one.json()["state"]) for one in named] == [(202, "new"), (200, "duplicate")]
    assert named[0].json()["event"] == named[1].json()["event"]
    assert bed.post(client, "/v1/events", {**ALERT, "id": "a-1", "number": 9}, "k-5").status_code == 409


def test_two_clients_may_use_the_same_key(bed: WorkloadBed, client: httpx.Client) -> None:
    """Keys and ids belong to the client that uses them."""
    assert bed.post(client, "/v1/events", ALERT, "k-1").status_code == 202
    assert bed.post(client, "/v1/events", ALERT, "k-1", who="other").status_code == 202


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ä"])
def test_an_idempotency_key_is_needed(bed: WorkloadBed, client: httpx.Client, key: str) -> None:
    """Without a usable key nothing is taken, because nothing could be repeated safely."""
    headers = {b"authorization": f"Bearer {TOKENS['n8n']}".encode()}
    if key:
        headers[b"idempotency-key"] = key.encode("latin-1")
    assert client.post("/v1/events", json=ALERT, headers=headers).status_code == 422
    assert bed.database.read_one("SELECT count(*) FROM deliveries") == (0,)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"event": 7}',
        b'{"event": "a\\nb"}',
        b"{}",
        b'{"event":"a","event":"b"}',
        b'{"event":"alert","text":"\\ud800"}',
        b'{"event":"alert","n":1e400}',
        b'{"event":"alert","n":' + b"9" * 5000 + b"}",
        b"[" * 5000,
        b"\xff\xfe",
        b'{"event":"' + b"a" * 300 + b'"}',
    ],
)
def test_a_hostile_body_is_refused(bed: WorkloadBed, client: httpx.Client, body: bytes) -> None:
    """What is no event is answered with a refusal, never with a failure of ours, and leaves nothing."""
    headers = {"authorization": f"Bearer {TOKENS['n8n']}", "idempotency-key": "k", "content-type": "application/json"}
    answer = client.post("/v1/events", content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    check_answer("Error", answer.json())
    assert bed.database.read_one("SELECT count(*) FROM tasks") == (0,)


def test_dispatch_refuses_what_no_rule_orders(bed: WorkloadBed, client: httpx.Client) -> None:
    """Its sender expects that something starts: an event for the brain, or for nobody, is refused and quarantined."""
    for event in ("question", "unheard-of"):
        answer = bed.post(client, "/v1/dispatch", {"event": event}, f"k-{event}")
        assert answer.status_code == 422
    assert bed.database.read_one("SELECT count(*) FROM deliveries") == (0,)
    assert bed.quarantined() == ["no-order", "no-rule"]
    assert bed.post(client, "/v1/events", {"event": "question"}, "k-3").json()["tasks"][0]["does"] == "message"


def test_a_secret_in_an_event_is_redacted_before_it_is_kept(bed: WorkloadBed, client: httpx.Client) -> None:
    """No byte of the file holds the value, and an id that holds one is refused."""
    assert bed.post(client, "/v1/events", {**ALERT, "text": f"token {SECRET}"}, "k-1").status_code == 202
    assert bed.post(client, "/v1/events", {**ALERT, "id": SECRET}, "k-2").status_code == 422
    assert bed.post(client, "/v1/events", ALERT, SECRET).status_code == 422
    for path in bed.path.glob("intake.db*"):
        assert SECRET.encode() not in path.read_bytes()


def test_a_timeline_tells_the_whole_story(bed: WorkloadBed, client: httpx.Client) -> None:
    """Event, claim, rule, decision, line, receipt, report and end are in one answer."""
    workload_id = bed.start_workload(client)
    bed.runtime.send(bed.runtime.report(workload_id, "completed", details={"note": "done"}))
    bed.heard(1)
    bed.execute()
    found = bed.get(client, "/v1/events/d1").json()
    check_answer("Timeline", found)
    assert found["claims"][0]["client"] == "n8n"
    (task,) = found["tasks"]
    assert (task["rule"], task["does"]) == ("work/triage", "workload")
    assert task["workloads"][0]["state"] == "completed"
    assert task["workloads"][0]["heard"][0]["details"] == '{"note": "done"}'
    kinds = [step["kind"] for step in task["steps"]]
    for kind in ("planned", "decided", "intended", "attempted", "received", "outcome_reported", "disposed"):
        assert kind in kinds, kind
    assert task["steps"][-1]["at"] >= task["steps"][0]["at"]
    assert bed.get(client, "/v1/events/e1").json() == found


def test_a_timeline_before_the_first_run_has_its_first_part(bed: WorkloadBed, client: httpx.Client) -> None:
    """What was taken in can be looked at before any run has made of it what the rule says."""
    bed.post(client, "/v1/dispatch", ALERT, "k-1")
    found = bed.get(client, "/v1/events/d1").json()
    assert (found["tasks"][0]["state"], found["tasks"][0]["steps"]) == ("waiting", [])


def test_a_client_sees_its_own_events_only(bed: WorkloadBed, client: httpx.Client) -> None:
    """Without the scope for auditing another client's event does not exist."""
    bed.post(client, "/v1/events", ALERT, "k-1")
    assert bed.get(client, "/v1/events/d1", "other").status_code == 404
    assert bed.get(client, "/v1/events", "other").json()["events"] == []
    assert bed.get(client, "/v1/events?source=n8n", "other").json()["events"] == []
    assert len(bed.get(client, "/v1/events", "n8n").json()["events"]) == 1
    assert bed.get(client, "/v1/events/d1", "crow").status_code == 403


def test_pages_follow_each_other_without_a_gap(bed: WorkloadBed, client: httpx.Client) -> None:
    """Each item is on exactly one page, newest first."""
    for number in range(5):
        bed.post(client, "/v1/dispatch", {**ALERT, "number": number + 1}, f"k-{number}")
    bed.execute()
    for name in ("events", "workloads", "decisions"):
        seen: list[str] = []
        after = ""
        while True:
            page = bed.get(client, f"/v1/{name}?limit=2{after}").json()
            seen.extend(json.dumps(item, sort_keys=True) for item in page[name])
            if page["after"] is None:
                break
            after = f"&after={page['after']}"
        assert len(seen) == len(set(seen)) >= 5, name


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "after=7", "after=dx", "more=1", "limit=1&limit=2", "state=none"]
)
def test_a_wrong_parameter_is_refused(bed: WorkloadBed, client: httpx.Client, query: str) -> None:
    """A parameter that is not understood is not passed over."""
    assert bed.get(client, f"/v1/workloads?{query}").status_code == 422


@pytest.mark.parametrize(
    "path", ["/v1/events/d99", "/v1/events/x", "/v1/events/e1e9", "/v1/workloads/none", "/v1/none"]
)
def test_what_is_not_there_is_404(bed: WorkloadBed, client: httpx.Client, path: str) -> None:
    """Ids that name nothing, well-formed or not."""
    assert bed.get(client, path).status_code == 404


def test_every_route_is_in_the_document_and_every_page_fits_it(bed: WorkloadBed, client: httpx.Client) -> None:
    """The document is made of the operations that are served, and answers are of its schemas."""
    found = client.get("/v1/openapi.json").json()
    assert found == openapi_document()
    workload_id = bed.start_workload(client)
    bed.post(client, f"/v1/workloads/{workload_id}/claim", {}, who="crow")
    pages = {"/v1/events": "EventPage", "/v1/workloads": "WorkloadPage", "/v1/capabilities": "CapabilityPage"}
    for path, schema in {**pages, "/v1/decisions": "DecisionPage"}.items():
        check_answer(schema, bed.get(client, path).json())
    check_answer("Workload", bed.get(client, f"/v1/workloads/{workload_id}").json())
    for operation in OPERATIONS:
        path = operation.path.replace("{event_id}", "d1").replace("{workload_id}", workload_id)
        assert client.request(operation.method, path).status_code == (401 if operation.scopes else 200), operation.name


def test_the_reference_holds_the_same_document() -> None:
    """What is printed for people is what is served."""
    assert json.loads(REFERENCE.read_text()) == openapi_document()


# -- capabilities


def claim(bed: WorkloadBed, client: httpx.Client, workload_id: str) -> str:
    """Claim the one grant of a workload and return its token."""
    answer = bed.post(client, f"/v1/workloads/{workload_id}/claim", {}, who="crow")
    assert answer.status_code == 200, answer.text
    check_answer("Claimed", answer.json())
    return str(answer.json()["capabilities"][0]["token"])


def use(
    bed: WorkloadBed, client: httpx.Client, token: str, operation: str = "issue.comment", hook: str = "gitea"
) -> str:
    """Ask for one use; returns `allowed` or the reason why not."""
    answer = bed.post(
        client, "/v1/capabilities/authorize", {"token": token, "hook": hook, "operation": operation}, who="crow"
    )
    check_answer("Ruling", answer.json())
    assert answer.status_code == (200 if answer.json()["allowed"] else 403)
    return "allowed" if answer.json()["allowed"] else str(answer.json()["reason"])


def test_a_grant_is_used_as_often_as_it_says(bed: WorkloadBed, client: httpx.Client) -> None:
    """Uses are counted; another operation or hook is refused without counting."""
    token = claim(bed, client, bed.start_workload(client))
    assert use(bed, client, token, "repo.delete") == capabilities.OTHER_OPERATION
    assert use(bed, client, token, hook="smtp") == capabilities.OTHER_HOOK
    assert [use(bed, client, token) for _ in range(3)] == ["allowed", "allowed", capabilities.USED_UP]
    assert use(bed, client, "whc_" + "A" * 43) == capabilities.UNKNOWN
    assert use(bed, client, "short") == capabilities.UNKNOWN


def test_no_number_of_callers_at_once_gets_more_than_was_granted(bed: WorkloadBed) -> None:
    """Ten uses are asked for at the same time; two are allowed."""
    with bed.serving() as client:
        token = claim(bed, client, bed.start_workload(client))
        found: list[str] = []
        threads = [Thread(target=lambda: found.append(use(bed, client, token))) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found.count("allowed") == 2
    assert found.count(capabilities.USED_UP) == 8


def test_a_grant_expires(bed: WorkloadBed, client: httpx.Client) -> None:
    """After its time a grant is refused, however few its uses."""
    token = claim(bed, client, bed.start_workload(client))
    bed.clock.advance(601)
    assert use(bed, client, token) == capabilities.EXPIRED


def test_a_second_claim_replaces_the_token_and_keeps_the_count(bed: WorkloadBed, client: httpx.Client) -> None:
    """A runtime that crashed claims again: its old token is dead, and it gains no use."""
    workload_id = bed.start_workload(client)
    first = claim(bed, client, workload_id)
    assert use(bed, client, first) == "allowed"
    second = claim(bed, client, workload_id)
    assert use(bed, client, first) == capabilities.UNKNOWN
    assert [use(bed, client, second) for _ in range(2)] == ["allowed", capabilities.USED_UP]


@pytest.mark.parametrize("end", ["completed", "failed", "aborted", "dropped"])
def test_the_end_of_a_workload_revokes_what_it_was_granted(bed: WorkloadBed, client: httpx.Client, end: str) -> None:
    """At once when it is heard, before any run takes the report into the ledger; and nothing can be claimed any more."""
    workload_id = bed.start_workload(client)
    token = claim(bed, client, workload_id)
    bed.runtime.send(bed.runtime.report(workload_id, end))
    bed.heard(1)
    assert use(bed, client, token) == capabilities.ENDED
    assert bed.post(client, f"/v1/workloads/{workload_id}/claim", {}, who="crow").status_code == 409
    bed.execute()
    assert bed.post(client, f"/v1/workloads/{workload_id}/claim", {}, who="crow").status_code == 409


def test_the_sweep_revokes_too(bed: WorkloadBed, client: httpx.Client) -> None:
    """A workload that is given up may not go on using what it has."""
    workload_id = bed.start_workload(client)
    grant = GrantTerms("long", "gitea", ("issue.read",), 5, 86_400.0)
    claimed: Any = bed.database.write(
        lambda c: capabilities.claim(c, workload_id, [grant], "crow", bed.clock.now().timestamp())
    )
    token = claimed[0][1]
    bed.clock.advance(4000)
    bed.execute()
    assert use(bed, client, token, "issue.read") == capabilities.ENDED


def test_a_revoked_grant_stays_revoked(bed: WorkloadBed, client: httpx.Client) -> None:
    """An operator's revocation holds against a new claim as well."""
    workload_id = bed.start_workload(client)
    token = claim(bed, client, workload_id)
    now = bed.clock.now().timestamp()
    assert bed.database.write(lambda c: capabilities.revoke(c, "cap1", "operator", now)) is True
    assert bed.database.write(lambda c: capabilities.revoke(c, "cap1", "operator", now)) is False
    assert use(bed, client, token) == capabilities.REVOKED
    assert bed.post(client, f"/v1/workloads/{workload_id}/claim", {}, who="crow").status_code == 409


def test_only_what_is_ours_can_be_claimed(bed: WorkloadBed, client: httpx.Client) -> None:
    """A workload that the ledger does not know has no grants."""
    assert bed.post(client, "/v1/workloads/wk1-0/claim", {}, who="crow").status_code == 404


def test_no_token_is_kept_or_shown_again(bed: WorkloadBed, client: httpx.Client) -> None:
    """Neither the file, nor the list, nor the line in the pipe holds the token."""
    workload_id = bed.start_workload(client)
    token = claim(bed, client, workload_id)
    shown = bed.get(client, "/v1/capabilities").text
    assert token not in shown
    assert "hash" not in shown
    assert "whc_" not in json.dumps(bed.runtime.workloads)
    for path in bed.path.glob("*.db*"):
        assert token.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/workloads/%00", "/v1/workloads/%ff", "/v1/workloads/%ed%a0%80", "/v1/events/%ff", "/v1/events/d%d9%a1"),
        *("/v1/events?source=%ed%a0%80", "/v1/events?source=%00", "/v1/capabilities?workload=%ed%a0%80"),
        *("/v1/events?after=d999999999999999", "/v1/decisions?after=n0", "/v1/capabilities?after=cap-1"),
    ],
)
def test_a_hostile_path_is_answered(bed: WorkloadBed, client: httpx.Client, path: str) -> None:
    """NUL, bytes that are no text, other alphabets' digits and cursors beyond all ids never make a failure of ours."""
    assert bed.get(client, path).status_code in (200, 404, 422)


@pytest.mark.parametrize(
    "question",
    [
        {"token": "whc_" + "A" * 43, "hook": "\ud800", "operation": "x"},
        {"token": 7, "hook": "a", "operation": "b"},
        {"token": "\u00e4", "hook": "a", "operation": "b"},
        {"token": "whc_" + "A" * 43, "hook": "a"},
        {"token": "x" * 300, "hook": "a", "operation": "b"},
        [],
        None,
    ],
)
def test_a_hostile_question_is_refused(client: httpx.Client, question: object) -> None:
    """What is no question is refused for its form, before anything is looked up."""
    headers = {"authorization": f"Bearer {TOKENS['crow']}", "content-type": "application/json"}
    answer = client.post("/v1/capabilities/authorize", content=json.dumps(question).encode(), headers=headers)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "changes", [{"sender": "\ud800"}, {"number": 10**30}, {"labels": ["\x00"]}, {"title": "\x00"}, {"id": "\ud800"}]
)
def test_a_hostile_field_is_taken_clean_or_refused(
    bed: WorkloadBed, client: httpx.Client, changes: dict[str, object]
) -> None:
    """Odd characters and numbers in an event end as a refusal or as an event that a run can handle."""
    headers = {"authorization": f"Bearer {TOKENS['n8n']}", "content-type": "application/json", "idempotency-key": "k"}
    answer = client.post("/v1/events", content=json.dumps({**ALERT, **changes}).encode(), headers=headers)
    assert answer.status_code in (202, 400, 422), answer.text
    assert bed.execute().exit_status in (0, 3)
