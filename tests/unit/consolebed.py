"""A console over a real state directory (ledger, queue, policy, embedded hub), on a clock that the test moves."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from enginebed import AGENT
from warden.cli import compose
from warden.cli.console_parts import CONSOLE_DB, Place, Releases, Where, build_parts, deliver_open_now
from warden.cli.console_parts import open_desk as open_place
from warden.cli.main import run
from warden.config.state import ensure_private_dir
from warden.engine.review import Desk
from warden.model.delivery import OutgoingMessage
from warden.model.review import Reviewer
from warden.server.console.accounts import Accounts
from warden.server.console.app import build_app
from warden.server.console.database import ConsoleDatabase
from warden.server.console.model import Role, Visitor
from warden.server.console.parts import ConsoleParts, OpenDesk
from warden.server.console.passphrases import Passphrases
from warden.server.console.serve import site_of

PORT = 8767
ORIGIN = f"http://127.0.0.1:{PORT}"
PASSPHRASE = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""The same function with the least work: every test signs in."""
QUESTION = "Who issues SSH certificates?"
REVIEW = 'owner = "ann"\nallow_same_uid = true\n[review.people.ann]\nuid = 4242\n[review.people.ben]\n'
LOOK_FIRST = (
    "version: '1'\ndefault_decision: abstain\nrules:\n"
    "  - {id: look-first, match: {capabilities: [messaging.answer]}, decision: require_approval, reason: look first}\n"
)


@dataclass
class MovedClock:
    """A clock that stands until a test moves it."""

    moment: datetime = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """The moment."""
        return self.moment

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return self.moment.timestamp()

    def wait(self, seconds: float) -> None:
        """Move on."""
        self.pass_s(seconds)

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)


class LaterPlace:
    """An open desk some time from now."""

    def __init__(self, place: Place, later: timedelta) -> None:
        self._place = place
        clock = MovedClock(place.desk.clock.now() + later)
        self.desk: Desk = replace(place.desk, clock=clock)
        self.read = place.read

    def reviewer(self, visitor: Visitor) -> Reviewer:
        """As the desk of today."""
        return self._place.reviewer(visitor)


class Browser:
    """Somebody's browser: keeps cookies, follows nothing by itself, sends its own origin with each form."""

    def __init__(self, bed: ConsoleBed, address: str = "127.0.0.1") -> None:
        self._bed = bed
        self._address = address
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request."""

        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(self._bed.app, client=(self._address, 4711))
            async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
                headers = dict(more.pop("headers", {}))
                if self.cookies and "cookie" not in headers:
                    headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
                return await client.request(method, path, headers=headers, **more)

        answer = asyncio.run(once())
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if "max-age=0" in line.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value.strip('"')
        return answer

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Look."""
        return self.ask("GET", path, **more)

    def post(self, path: str, fields: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        """Send a form from our own origin."""
        headers = {"origin": ORIGIN, **more.pop("headers", {})}
        return self.ask("POST", path, data=fields or {}, headers=headers, **more)

    def token(self, path: str = "/account") -> str:
        """The form token of a page."""
        return csrf_in(self.get(path).text)

    def send(self, path: str, **fields: Any) -> httpx.Response:
        """Send a form with the session's token."""
        return self.post(path, {"csrf": self.token(), **fields})

    def decide(self, number: int, verb: str, **fields: Any) -> httpx.Response:
        """Open an item and decide it with what its page carries."""
        page = self.get(f"/review/{number}").text
        return self.post(f"/review/{number}/{verb}", {"csrf": csrf_in(page), "seen": seen_in(page), **fields})

    def sign_in(self, name: str, passphrase: str = PASSPHRASE) -> httpx.Response:
        """Sign in by passphrase."""
        form = csrf_in(self.get("/sign-in").text)
        return self.post("/sign-in", {"csrf": form, "name": name, "passphrase": passphrase, "next": "/"})

    def use_link(self, token: str) -> httpx.Response:
        """Sign in by a one-time link."""
        form = csrf_in(self.get(f"/sign-in?link={token}").text)
        return self.post("/sign-in", {"csrf": form, "link": token, "next": "/"})


def csrf_in(page: str) -> str:
    """The form token in a page."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found, page[:2000]
    return found[1]


def seen_in(page: str) -> str:
    """What the page of an item says was shown."""
    found = re.search(r'name="seen" value="([0-9a-f]{24})"', page)
    return found[1] if found else ""


def text_of(page: str) -> str:
    """A page without markup."""
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


@dataclass
class ConsoleBed:
    """A console, its people ann (reviewer), ben (reviewer), vic (viewer) and ada (admin), and what it stands on."""

    review: str = REVIEW
    policy: str = LOOK_FIRST
    clock: MovedClock = field(default_factory=MovedClock)
    later: timedelta = timedelta(0)
    parts: ConsoleParts = field(init=False)

    def __post_init__(self) -> None:
        """Configure, and build it as the command does."""
        settings = compose.load_settings()
        settings.config_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        (settings.config_dir / "config.toml").write_text(f"[review]\n{self.review}", encoding="utf-8")
        if self.policy:
            settings.policy.dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            (settings.policy.dir / "look.yaml").write_text(self.policy, encoding="utf-8")
        ensure_private_dir(settings.state_dir)
        compose.open_ledger(settings).close()
        self.where = Where(None, None, None)
        self.database = ConsoleDatabase(settings.state_dir / CONSOLE_DB)
        self.accounts = Accounts(self.database, self.clock, Passphrases(QUICK))
        self.file: Path = settings.state_dir / CONSOLE_DB
        made = build_parts(self.where, self.accounts, site_of("127.0.0.1", PORT, ""), Releases(self.where))
        self.released: list[bool] = []
        self.parts = replace(made, open_desk=self._open_desk, release=lambda: self.released.append(True))
        self.app = build_app(self.parts)

    @contextmanager
    def _open_desk(self, reading: bool) -> Iterator[OpenDesk]:
        with open_place(self.where, reading) as place:
            yield LaterPlace(place, self.later) if self.later else place

    def add(self, name: str, role: Role = Role.REVIEWER, passphrase: str | None = PASSPHRASE) -> None:
        """Add somebody."""
        self.accounts.add_user(name, role, passphrase, "test")

    def browser(self, address: str = "127.0.0.1") -> Browser:
        """A browser that nobody has signed in with."""
        return Browser(self, address)

    def signed_in(self, name: str = "ann", role: Role = Role.REVIEWER) -> Browser:
        """The browser of somebody who signed in by passphrase; they are added when they are new."""
        if self.accounts.user(name) is None:
            self.add(name, role)
        browser = self.browser()
        assert browser.sign_in(name).status_code == 303
        return browser

    def mail(self, *bodies: str, sender: str = "flex-auth", subject: str = "a question") -> None:
        """Put messages into the inbox and make an executing run."""
        hub = compose.open_hub(compose.load_settings())
        for body in bodies:
            hub.post_message(OutgoingMessage(sender, AGENT, subject, body, "request", "", "", {}))
        hub.close()
        assert run(["worker", "run", "--execute", "--quiet"]) == 0

    def deliver(self) -> None:
        """What the thread behind the console does."""
        deliver_open_now(compose.load_settings())

    def sent(self, to: str = "flex-auth") -> list[str]:
        """The bodies that left."""
        hub = compose.open_hub(compose.load_settings())
        found = [getattr(message.content, "body", "") for message in hub.list_unread(to).messages]
        hub.close()
        return found

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """The fields of the ledger's entries of one kind."""
        store = compose.read_ledger(compose.load_settings())
        rows = store.read(lambda connection: connection.execute("SELECT raw FROM entries ORDER BY seq").fetchall())
        store.close()
        found = [json.loads(row[0]) for row in rows]
        return [dict(entry["fields"]) for entry in found if entry["kind"] == kind]

    def close(self) -> None:
        """Close the console's file."""
        self.database.close()


@pytest.fixture(name="bed")
def empty_bed() -> Iterator[ConsoleBed]:
    """A console with an empty inbox."""
    made = ConsoleBed()
    yield made
    made.close()


@pytest.fixture(name="bed")
def asked_bed() -> Iterator[ConsoleBed]:
    """A console with one approval, item 1."""
    made = ConsoleBed()
    made.mail(QUESTION)
    yield made
    made.close()
