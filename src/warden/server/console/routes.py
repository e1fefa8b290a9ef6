"""The table of routes: path, method, role, and the function that answers. A test walks through it.

A route without a role says why. INVARIANT: GET shows and POST decides; no GET changes anything but how long a session idles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.server.console import api, assets, decide, items, ledger_pages, overview, people, policy_pages, queue
from warden.server.console.model import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from warden.server.console.visit import Answer, Visit


@dataclass(frozen=True, slots=True)
class Route:
    """One route. `role` None: everybody, and `why_open` says why; `is_api`: bearer token and JSON, not session and form."""

    method: str
    path: str
    call: Callable[[Visit], Answer]
    role: Role | None
    why_open: str = ""

    @property
    def is_api(self) -> bool:
        """Whether it belongs to the JSON API."""
        return self.path.startswith("/api/")


V, R, A = Role.VIEWER, Role.REVIEWER, Role.ADMIN

ROUTES: tuple[Route, ...] = (
    Route("GET", "/sign-in", people.show_sign_in, None, "it is where one signs in"),
    Route("POST", "/sign-in", people.sign_in, None, "it is where one signs in; bound to the form by a cookie"),
    Route(
        "GET", "/static/{name}", assets.serve, None, "style and script of the sign-in page; files of the package only"
    ),
    Route("POST", "/preferences", people.prefer, None, "a theme for this browser; bound to the form by a cookie"),
    Route("GET", "/healthz", assets.alive, None, "a probe: says that the process answers, and nothing else"),
    Route("POST", "/sign-out", people.sign_out, V),
    Route("GET", "/", overview.home, V),
    Route("GET", "/review", queue.show, V),
    Route("GET", "/review/next", queue.following, V),
    Route("POST", "/review/batch", decide.batch, R),
    Route("GET", "/review/{number}", items.show, V),
    Route("POST", "/review/{number}/preview", decide.preview, R),
    Route("POST", "/review/{number}/{verb}", decide.one, R),
    Route("GET", "/messages", items.messages, V),
    Route("GET", "/messages/one", items.timeline, V),
    Route("GET", "/ledger", ledger_pages.show, V),
    Route("POST", "/ledger/verify", ledger_pages.verify, V),
    Route("GET", "/ledger/{number}", ledger_pages.entry, V),
    Route("GET", "/ledger/{number}/proof", ledger_pages.proof, V),
    Route("GET", "/policy", policy_pages.show, V),
    Route("POST", "/policy/explain", policy_pages.explain, V),
    Route("POST", "/policy/simulate", policy_pages.simulate, V),
    Route("GET", "/health", overview.health, V),
    Route("GET", "/charts", overview.charts, V),
    Route("GET", "/account", people.account, V),
    Route("POST", "/account/passphrase", people.change_passphrase, V),
    Route("GET", "/people", people.show, A),
    Route("POST", "/people/{name}/{what}", people.change, A),
    Route("POST", "/sessions/{key}/end", people.end_session, A),
    Route("GET", "/api/v1/openapi.json", api.describe, None, "the description of the API, the same for everybody"),
    Route("GET", "/api/v1/items", api.list_items, V),
    Route("GET", "/api/v1/items/{number}", api.show_item, V),
    Route("POST", "/api/v1/items/{number}/{verb}", api.decide_item, R),
    Route("GET", "/api/v1/stats", api.stats, V),
    Route("GET", "/api/v1/health", api.health, V),
    Route("GET", "/api/v1/ledger/{number}", api.entry, V),
    Route("GET", "/api/v1/ledger/{number}/proof", api.proof, V),
)
"""Every route but `/events`, which streams (`events`) and takes a viewer as well."""
