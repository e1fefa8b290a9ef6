"""The port behind which providers differ: how a question is written for one server, and how its answer is read.

A provider does no input or output: it writes a request and reads decoded JSON. Everything about the network is in `client` and
`exchange`, so that a new provider is one file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class AnswerForm(StrEnum):
    """How a server is asked for JSON: bound to a schema, as some JSON object, or in words only."""

    SCHEMA = "json_schema"
    OBJECT = "json_object"
    TEXT = "text"


class Finish(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    LENGTH = "length"
    REFUSAL = "refusal"
    TOOL = "tool"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked: two texts, the schema that its answer should have, and how long it may be."""

    system: str
    user: str
    schema: Mapping[str, object]
    max_tokens: int

    @property
    def size_bytes(self) -> int:
        """Bytes of both texts as UTF-8."""
        return len(self.system.encode("utf-8", "replace")) + len(self.user.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one endpoint understands: the form, the name of the length limit, and whether sampling can be set."""

    form: AnswerForm
    length_field: str = "max_tokens"
    sampling: bool = True


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request relative to the base URL; `body` None makes it a GET."""

    path: str
    body: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer; token counts are None when the server does not say."""

    text: str
    finish: Finish = Finish.STOP
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class UnreadableReplyError(Exception):
    """The server's answer does not have the shape that its interface promises."""


class Provider(Protocol):
    """One kind of model server."""

    @property
    def dialect(self) -> Dialect:
        """What to try first at an endpoint that nothing is known of."""
        ...

    def headers(self, key: str | None) -> Mapping[str, str]:
        """Return the headers that every request carries; `key` is None when none is configured."""
        ...

    def write(self, question: Question, dialect: Dialect) -> WireRequest:
        """Return the request that asks this question."""
        ...

    def read(self, body: Mapping[str, object]) -> Reply:
        """Return the answer in a decoded body; raises `UnreadableReplyError`."""
        ...

    def adapt(self, dialect: Dialect, complaint: str) -> Dialect | None:
        """Return another dialect to try after the server refused this one with `complaint` (lower case), or None."""
        ...

    def probe(self) -> WireRequest:
        """Return a request that costs nothing and shows whether the server is there and takes our credential."""
        ...


class DialectMemory(Protocol):
    """Remembers what works at an endpoint, so that it is not found out again by failing."""

    def recall(self, endpoint: str) -> Dialect | None:
        """Return what worked there, or None."""
        ...

    def remember(self, endpoint: str, dialect: Dialect) -> None:
        """Take note of what worked there. Never raises."""
        ...


def count(value: object) -> int | None:
    """Return a token count that a server reported, or None when it is none."""
    return value if type(value) is int and 0 <= value <= 10**9 else None


def table(value: object) -> Mapping[str, object]:
    """Return a JSON object as it is, and an empty one for anything else."""
    return value if isinstance(value, dict) else {}
