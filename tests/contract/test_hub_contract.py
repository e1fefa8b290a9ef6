"""The contract suite of hubs, run against every hub that warden has, near and far."""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest
from starlette.applications import Starlette

from warden.hubs.embedded import EmbeddedHub
from warden.hubs.http import HttpHub
from warden.hubs.intake import IntakeHub, open_database
from warden.hubs.intake_operations import NewDelivery, Taken, accept
from warden.hubs.profile import CLASSIC, DEFAULT, Profile, profile_from_mapping
from warden.model.event import Event, NewTask
from warden.model.hub import DeliveryMeans, HubTraits
from warden.server.hub import Access, HubParts, build_app
from warden.testing.engine import FixedClock
from warden.testing.hub import MemoryHub
from warden.testing.hub_classic import build_classic
from warden.testing.hub_contract import HubContract, SourceContract
from warden.testing.hub_server import Switchboard, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from warden.ports import Hub


OPERATORS_PROFILE = {
    "base": "classic",
    "operations": {
        "list_unread": {
            "path": "/messages",
            "query": {"to_agent": "{agent}", "unread": "true", "after": "{after}", "limit": "{limit}"},
        },
        "list_all": {
            "path": "/messages",
            "query": {"to_agent": "{agent}", "after": "{after}", "limit": "{limit}"},
        },
        "get_message": {"path": "/messages/{id}", "query": {"agent": "{agent}"}},
        "get_thread": {"path": "/threads/{id}", "query": {"agent": "{agent}"}},
        "list_progress": {
            "path": "/progress",
            "query": {"agent": "{agent}", "after": "{after}", "limit": "{limit}"},
        },
        "post_message": {"path": "/messages"},
        "mark_read": {"method": "POST", "query": {"agent": "{agent}"}},
        "post_progress": {"path": "/progress"},
    },
    "messages_field": "messages",
    "thread_field": "messages",
    "events_field": "events",
    "cursor_field": "after",
    "idempotency_header": "Idempotency-Key",
    "replayed_header": "Idempotency-Replayed",
}


@dataclass(frozen=True)
class Board:
    """A running server into which a test plugs its application."""

    url: str
    switchboard: Switchboard

    @contextlib.contextmanager
    def hub(self, app: Starlette, profile: Profile) -> Iterator[HttpHub]:
        """Give a client of `app` with this profile."""
        with (
            self.switchboard.plugged(app),
            contextlib.closing(HttpHub(self.url, FixedClock(), random.uniform, profile)) as hub,
        ):
            yield hub


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    """Serve a switchboard."""
    switchboard = Switchboard()
    with served(switchboard) as url:
        yield Board(url, switchboard)


def embedded_app(path: Path) -> Starlette:
    """Return the application of a new embedded hub, open for everybody."""
    clock = FixedClock()
    return build_app(HubParts(EmbeddedHub(path, clock).database, clock, Access.UNSAFE_NO_AUTH))


class TestIntakeHub(SourceContract):
    """Events that were taken in."""

    @pytest.fixture
    def hub(self, tmp_path: Path) -> Iterator[Hub]:
        clock = FixedClock()
        with contextlib.closing(IntakeHub(open_database(tmp_path / "i.db", clock), clock, True, 3600.0, 0.0)) as hub:
            yield hub

    def arrive(self, hub: Hub) -> str:
        """Take a delivery in."""
        database = cast(IntakeHub, hub).database
        (number,) = database.read_one("SELECT count(*) FROM deliveries")
        event = Event("forge", f"d-{number}", "issues", repository="ops/site", number=str(number), sender="ada")
        new = NewDelivery(
            event, "signed", f"sha256:{number:064x}", b"{}", (), 0.0, (NewTask("s", "r", "message", "k"),)
        )
        return f"e{cast(Taken, database.write(partial(accept, new=new))).tasks[0]}"


class TestMemoryHub(HubContract):
    """The fake."""

    @pytest.fixture
    def hub(self) -> Hub:
        return MemoryHub(FixedClock())


class TestClassicMemoryHub(HubContract):
    """The fake without cursors and keys."""

    @pytest.fixture
    def hub(self) -> Hub:
        return MemoryHub(FixedClock(), HubTraits("hub-classic", DeliveryMeans.NONE, False, pages=False))


class TestEmbeddedHub(HubContract):
    """SQLite, in process."""

    @pytest.fixture
    def hub(self, tmp_path: Path) -> Iterator[Hub]:
        hub = EmbeddedHub(tmp_path / "hub.db", FixedClock())
        yield hub
        hub.close()


class TestHttpHub(HubContract):
    """The HTTP client, talking to the served embedded hub under the default profile."""

    @pytest.fixture
    def hub(self, board: Board, tmp_path: Path) -> Iterator[Hub]:
        with board.hub(embedded_app(tmp_path / "hub.db"), DEFAULT) as hub:
            yield hub


class TestClassicHttpHub(HubContract):
    """The HTTP client, talking to a hub of other ways under the profile `classic`."""

    sees_sent = False
    lists_progress = False
    knows_reader = False

    @pytest.fixture
    def hub(self, board: Board) -> Iterator[Hub]:
        with board.hub(build_classic(MemoryHub(FixedClock())), CLASSIC) as hub:
            yield hub


class TestConfiguredHttpHub(HubContract):
    """The HTTP client with a profile that an operator wrote: the default one, spelled out in other words."""

    @pytest.fixture
    def hub(self, board: Board, tmp_path: Path) -> Iterator[Hub]:
        with board.hub(embedded_app(tmp_path / "hub.db"), profile_from_mapping(OPERATORS_PROFILE)) as hub:
            yield hub
