"""The JSON API keeps what its description says, whatever a program sends; a decision is bound to what was looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consolebed import QUESTION, Browser, ConsoleBed, asked_bed
from warden.server.console.decide import VERBS
from warden.server.console.model import Role
from warden.server.console.openapi import describe_api
from warden.server.console.routes import ROUTES

__all__ = ["asked_bed"]

DESCRIPTION = describe_api(tuple(VERBS))


class Program:
    """A program with a bearer token."""

    def __init__(self, bed: ConsoleBed, role: Role = Role.REVIEWER) -> None:
        bed.add("bot", role)
        token = bed.accounts.make_token("t", "bot", role, None, 30, "test")
        self._browser = Browser(bed)
        self._headers = {"authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Send one request, check the answer against the description, and return status and document."""
        answer = self._browser.ask(method, path, headers={**self._headers, **more.pop("headers", {})}, **more)
        document = answer.json()
        check(method, path.partition("?")[0], answer.status_code, document)
        return answer.status_code, document


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """The description of what a path does; None for one that is not described."""
    for template, operations in DESCRIPTION["paths"].items():
        parts, wanted = path.split("/"), template.split("/")
        if len(parts) == len(wanted) and all(a == b or b.startswith("{") for a, b in zip(parts, wanted, strict=True)):
            found: dict[str, Any] | None = operations.get(method.lower())
            return found
    return None


def check(method: str, path: str, status: int, document: object) -> None:
    """Compare an answer with what the description promises of it."""
    operation = operation_of(method, path)
    promised = operation["responses"].get(str(status)) if operation else {"content": {}}
    assert promised is not None, f"{status} is not promised for {method} {path}"
    schema = promised["content"].get("application/json", {}).get("schema") if operation else None
    if schema is not None:
        jsonschema.validate(document, {**schema, "components": DESCRIPTION["components"]})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ConsoleBed, Program, dict[str, str]]]:
    """One console with one approval for every generated request, its program, and the home that it lives in."""
    with pytest.MonkeyPatch.context() as patch:
        home = str(tmp_path_factory.mktemp("home"))
        patch.setenv("HOME", home)
        for name in ("WARDEN_CONFIG", "WARDEN_STATE_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            patch.delenv(name, raising=False)
        bed = ConsoleBed()
        bed.mail(QUESTION)
        yield bed, Program(bed), {"HOME": home}
        bed.close()


def test_the_description_is_valid_and_names_every_route() -> None:
    """Paths of the description are those of the table of routes, and its parts are JSON schemas."""
    described = {(method.upper(), path) for path, methods in DESCRIPTION["paths"].items() for method in methods}
    routes = {(route.method, route.path) for route in ROUTES if route.is_api and route.role is not None}
    assert described == routes
    for schema in DESCRIPTION["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_a_program_lists_looks_and_decides(bed: ConsoleBed) -> None:
    """The item carries what a decision has to name; the decision is in the ledger under the token's user."""
    bot = Program(bed)
    status, listed = bot.ask("GET", "/api/v1/items")
    (item,) = listed["items"]
    assert (status, item["number"], listed["next_after"]) == (200, 1, None)
    status, shown = bot.ask("GET", "/api/v1/items/1")
    assert "ops-warden issues SSH" in shown["item"]["text"]
    assert bot.ask("POST", "/api/v1/items/1/accept", json={"seen": "x"})[0] == 409
    assert bot.ask("POST", "/api/v1/items/1/accept", json={})[0] == 409
    status, done = bot.ask("POST", "/api/v1/items/1/accept", json={"seen": item["seen"]})
    assert (status, done["ruling"]["verdict"]) == (200, "accept")
    assert bed.entries("review_decided")[0]["by"] == "console:bot"
    assert bot.ask("POST", "/api/v1/items/1/accept", json={"seen": item["seen"]})[0] == 409
    assert bed.released == [True]


def test_the_other_documents_are_what_the_description_says(bed: ConsoleBed) -> None:
    """Figures, health, entries and proofs."""
    bot = Program(bed, Role.VIEWER)
    for path in ("/api/v1/stats", "/api/v1/health", "/api/v1/ledger/1", "/api/v1/ledger/1/proof"):
        assert bot.ask("GET", path)[0] == 200, path
    assert bot.ask("GET", "/api/v1/ledger/99999")[0] == 404
    assert bot.ask("GET", "/api/v1/items?nonsense=1")[0] == 422


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", "Bearer " + "a" * 5000])
def test_what_is_not_a_token_is_nobody(bed: ConsoleBed, header: str) -> None:
    """Other schemes, empty, made-up and endless tokens are 401, and a session's cookie is no token."""
    browser = bed.signed_in()
    headers = {"authorization": header} if header else {}
    assert browser.get("/api/v1/items", headers=headers).status_code == 401


def test_a_token_ends_with_its_time_and_its_user(bed: ConsoleBed) -> None:
    """After its days a token is nobody's, and so is one whose user is kept out."""
    bot = Program(bed)
    bed.clock.pass_s(31 * 86_400)
    assert bot.ask("GET", "/api/v1/items")[0] == 401


def test_bodies_that_are_no_decision_are_told_so(bed: ConsoleBed) -> None:
    """Not JSON, not an object, unknown words and numbers for words are refused without a decision."""
    bot = Program(bed)
    headers = {"content-type": "application/json"}
    for body in (
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"seen": NaN}',
        b"[]",
        b'{"text": 1}',
        b'{"else": "x"}',
        b"null",
    ):
        status, _ = bot.ask("POST", "/api/v1/items/1/accept", content=body, headers=headers)
        assert status in (400, 409, 422), body[:20]
    assert bot.ask("POST", "/api/v1/items/1/accept", content=b"{}", headers={"content-type": "text/plain"})[0] == 415
    assert bed.entries("review_decided") == []


WORDS = st.fixed_dictionaries(
    {},
    optional={
        name: st.text(max_size=40) | st.none() | st.integers() for name in ("seen", "reason", "text", "owner", "x")
    },
)
DOTS = frozenset({".", ".."})
"""What a client takes out of a path before it sends it (RFC 3986, section 5.2.4): these never arrive as a number."""
NUMBERS = (
    st.integers(-(10**20), 10**20).map(str) | st.text(max_size=8).filter(lambda text: text not in DOTS) | st.just("1")
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(sorted(DESCRIPTION["paths"])),
    NUMBERS,
    st.sampled_from([*VERBS, "x"]),
    WORDS,
    st.dictionaries(
        st.sampled_from(["kind", "state", "sender", "owner", "rule", "older", "after", "x"]), st.text(max_size=12)
    ),
)
def test_whatever_is_sent_the_answer_is_one_that_is_described(
    whole: tuple[ConsoleBed, Program, dict[str, str]],
    method: str,
    path: str,
    number: str,
    verb: str,
    words: dict[str, Any],
    query: dict[str, str],
) -> None:
    """No request is a fault of ours (5xx), every status and document is described, and nothing is released by guessing."""
    bed, bot, home = whole
    place = path.replace("{number}", quote(number, safe="")).replace("{verb}", verb)
    more: dict[str, Any] = {"params": query}
    if method == "POST":
        more |= {"content": json.dumps(words).encode(), "headers": {"content-type": "application/json"}}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in home.items():
            patch.setenv(name, value)
        status, _ = bot.ask(method, place, **more)
        assert status < 500
        assert bed.entries("review_decided") == []


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/api/v1/items", "GET, HEAD"), ("/api/v1/items/1/accept", "POST"), ("/sign-in", "GET, HEAD, POST")],
)
def test_a_refused_method_is_told_every_method_of_its_path(bed: ConsoleBed, path: str, methods: str) -> None:
    """405 names what the path takes, of all routes on it together, as RFC 9110 (15.5.6) asks."""
    answer = Browser(bed).ask("TRACE", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)
