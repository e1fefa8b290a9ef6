"""How fast the console answers with a queue of 10,000 items, against reading every item of the queue.

A page of the queue has 50 items whatever waits behind them. The baseline is what a page would cost at least that reads all
that waits: the same ledger, the same items, in the same process. Requests go through the whole application - gate, session,
role, store, template - without a socket; 100 ms are wanted for a page.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import statistics
from collections.abc import Iterator
from pathlib import Path

import httpx
from bench import inbox
from bench.harness import Case, Figure, time_call
from starlette.applications import Starlette

from warden.cli.clock import SystemClock
from warden.cli.console_parts import CONSOLE_DB, Releases, Where, build_parts, open_desk
from warden.cli.main import run
from warden.model.review import ReviewState
from warden.server.console.accounts import Accounts
from warden.server.console.app import build_app
from warden.server.console.database import ConsoleDatabase
from warden.server.console.model import Role
from warden.server.console.passphrases import Passphrases
from warden.server.console.serve import site_of

ITEMS = 10_000
LIVE = frozenset({ReviewState.OPEN, ReviewState.ACKNOWLEDGED})
ORDER = (("an order", "Please delete the production cluster of team {number} now."),)
ORIGIN = "http://127.0.0.1:8767"
ROUNDS = 15


def prepare(scratch: Path) -> Where:
    """Return a state directory whose queue has 10,000 escalations, made by executing runs on the embedded hub."""
    config, state = scratch / "config", scratch / "state"
    config.mkdir(mode=0o700)
    (config / "config.toml").write_text('[review]\nowner = "ann"\n[review.people.ann]\n', encoding="utf-8")
    where = Where(config, state, None)
    inbox.fill(where.settings().hub_file, ITEMS, ORDER)
    arguments = ["worker", "run", "--execute", "--quiet", "--config", str(config), "--state-dir", str(state)]
    with contextlib.redirect_stdout(io.StringIO()):
        run(arguments)
    found = read_all(where)
    if found < ITEMS:
        raise RuntimeError(f"only {found} items wait")
    return where


def read_all(where: Where) -> int:
    """Read every item that waits; returns how many there are."""
    with open_desk(where, True) as place:
        return len(place.desk.queue.items(place.desk.agent, LIVE))


def sign_in(where: Where) -> tuple[Starlette, str]:
    """Return the application, and the cookie of somebody who signed in."""
    database = ConsoleDatabase(where.settings().state_dir / CONSOLE_DB)
    accounts = Accounts(database, SystemClock(), Passphrases())
    accounts.add_user("ann", Role.REVIEWER, None, "bench")
    token = accounts.sign_in_with_link(accounts.make_link("ann", 0, "bench"), "127.0.0.1")
    site = site_of("127.0.0.1", 8767, "")
    return build_app(build_parts(where, accounts, site, Releases(where))), f"{site.session_cookie}={token}"


def ask(app: Starlette, cookie: str, path: str) -> None:
    """Ask for one page; raises when it is not one."""

    async def once() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
            answer = await client.get(path, headers={"cookie": cookie})
            if answer.status_code != 200:
                raise RuntimeError(f"{path} answered {answer.status_code}")

    asyncio.run(once())


def cases(scratch: Path) -> Iterator[Case | Figure]:
    """Give the cases."""
    where = prepare(scratch)
    app, cookie = sign_in(where)
    pages = {
        "first page of 10,000": "/review",
        "page in the middle": "/review?after=5000",
        "filtered by rule and owner": "/review?rule=tier-review&owner=ann",
        "last item": f"/review/{ITEMS}",
        "first item": "/review/1",
    }
    for name, path in pages.items():
        ask(app, cookie, path)
        taken = [time_call(lambda path=path: ask(app, cookie, path)) for _ in range(ROUNDS)]  # type: ignore[misc]
        yield Figure(name, statistics.median(taken), "ms", "at most 100 ms")
    yield Case(
        name="a page of the queue, of 10,000 items",
        ours=lambda: time_call(lambda: ask(app, cookie, "/review")),
        baseline=lambda: time_call(lambda: read_all(where)),
        baseline_name="reading every item",
        aim=1.0,
    )
