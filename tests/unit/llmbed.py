"""What the tests of model-backed brains share: a catalogue, messages, and a brain in front of a fake server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from warden.brains.llm.brain import ContainedBrain, ModelBrainParts
from warden.brains.llm.client import ModelClient, RememberedDialects, Surroundings
from warden.brains.llm.provider import Question
from warden.brains.llm.providers import build_provider
from warden.brains.llm.settings import ModelSettings
from warden.model.catalog import Catalog, CatalogEntry
from warden.model.digests import digest_text
from warden.model.ids import MessageKey
from warden.model.message import BrainInput, Mail, Message, MessageFacts, Principal
from warden.ports import Clock, Redactor
from warden.testing.engine import FixedClock, Patience
from warden.testing.model_server import FakeModelServer, served_model

CHARTER = (
    "You propose; a program decides. You name no recipient: a reply goes to the sender of the message, in its thread."
)
CATALOG = Catalog(
    (
        CatalogEntry(
            "vpn-access",
            "VPN access",
            "network-team",
            "The network team hands out VPN profiles. Ask at https://wiki.example.org/vpn with your device's name.",
            topics=("vpn",),
            questions=("Who hands out VPN access?",),
        ),
        CatalogEntry(
            "gpu-quota", "GPU quota", "platform", "The platform team decides about GPU quota.", topics=("gpu",)
        ),
    ),
    digest_text("catalogue"),
)
OPEN_BODY = "Our badge printer makes odd sounds since Tuesday, what do you make of it?"


def mail(body: str = OPEN_BODY, subject: str = "hello", sender: str = "alice", number: str = "1") -> Message:
    """Return a message to us."""
    content = Mail(subject, body, "request", "t1")
    return Message(MessageKey("hub", "ops-warden", number), Principal(sender), "2026-01-02T03:04:05Z", content)


def given(body: str = OPEN_BODY, facts: MessageFacts | None = None, thread: tuple[Message, ...] = ()) -> BrainInput:
    """Return what a brain is given of a message with this body."""
    return BrainInput(mail(body), facts or MessageFacts(), thread)


def redact(text: str) -> tuple[str, Mapping[str, int]]:
    """Take one known value out of a text, as a guard would."""
    number = text.count("hunter2hunter2")
    return text.replace("hunter2hunter2", "[redacted:password]"), {"password": number} if number else {}


class PassingClock(FixedClock):
    """A clock on which a second passes whenever somebody looks."""

    def monotonic(self) -> float:
        """Return the time, a second later than the last time."""
        self.advance(1.0)
        return super().monotonic()


class Draws:
    """Randomness that is different at each draw and the same in each test; the last one starts with what was asked for."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self.drawn: list[str] = []

    def __call__(self, size: int) -> str:
        self.drawn.append(f"{next(self._numbers):0{2 * size}x}".replace("0", "a"))
        return self.drawn[-1]


@dataclass
class Bed:
    """A brain in front of a fake server."""

    server: FakeModelServer
    clock: Clock = field(default_factory=FixedClock)
    draws: Draws = field(default_factory=Draws)
    provider: str = "openai"
    stop: Patience = field(default_factory=Patience)
    redact: Redactor = redact
    clients: list[ModelClient] = field(default_factory=list)

    def settings(self, **changes: object) -> ModelSettings:
        """Return settings for the fake server, with changes."""
        values: dict[str, object] = {"model": "fake", "timeout_s": 20.0, "reply_chars": 500, **changes}
        return ModelSettings(self.provider, self.server.url, **values)  # type: ignore[arg-type]

    def client(self, key: str | None = None, **changes: object) -> ModelClient:
        """Return a client of the fake server."""
        settings = self.settings(**changes)
        around = Surroundings(self.clock, self.stop, lambda: key, RememberedDialects())
        self.clients.append(ModelClient(build_provider(settings), settings, around))
        return self.clients[-1]

    def brain(self, rules_first: bool = False, **changes: object) -> ContainedBrain:
        """Return a brain over the fake server."""
        client = self.client(None, **changes)
        settings = self.settings(**changes)
        parts = ModelBrainParts(settings, CATALOG, CHARTER, digest_text(CHARTER), client, self.redact, self.draws)
        return ContainedBrain(parts, rules_first)


@contextlib.contextmanager
def llm_bed() -> Iterator[Bed]:
    """Give a bed with a running fake server."""
    with served_model() as server:
        bed = Bed(server)
        try:
            yield bed
        finally:
            for client in bed.clients:
                client.close()


QUESTION = Question("system text", "user text", {"type": "object"}, 64)
