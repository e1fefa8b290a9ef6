"""One request as the pages see it: who comes, what they ask, what they sent; and the one way out for what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from warden.errors import (
    ConfigError,
    GateError,
    HubError,
    InputError,
    LedgerError,
    ReviewStateError,
    StateError,
    TransitionError,
    WardenError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warden.server.console.model import Visitor
    from warden.server.console.parts import ConsoleParts

FORM_BYTES = 1024 * 1024
"""INVARIANT (bounded): bytes of a form or of a JSON body."""
FIELDS = 1_100
"""INVARIANT (bounded): fields of a form; a batch names up to 1,000 items."""

_STATUS: tuple[tuple[type[WardenError], int], ...] = (
    (ReviewStateError, 409),
    (TransitionError, 409),
    (GateError, 403),
    (InputError, 422),
    (HubError, 502),
    (LedgerError, 500),
    (StateError, 503),
    (ConfigError, 503),
)


class RefusedVisitError(WardenError):
    """A request that is refused for what it is; `status` is the answer's, `retry_after_s` is set when waiting helps."""

    code = "refused-visit"

    def __init__(self, status: int, message: str, hint: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(message, hint)
        self.status = status
        self.retry_after_s = retry_after_s


def status_of(error: WardenError) -> int:
    """Return the HTTP status that an error means."""
    if isinstance(error, RefusedVisitError):
        return error.status
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def parse_form(data: bytes) -> dict[str, list[str]]:
    """Return the fields of an `application/x-www-form-urlencoded` body; raises `RefusedVisitError`."""
    try:
        pairs = parse_qsl(
            data.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(data),
            errors="strict",
            max_num_fields=FIELDS,
        )
    except ValueError as error:
        raise RefusedVisitError(400, "the form cannot be read", "go back and send it again") from error
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return fields


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. `location` makes it a redirect (303: the next request is a GET)."""

    body: bytes = b""
    status: int = 200
    media_type: str = "text/html; charset=utf-8"
    location: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[tuple[str, str, int | None], ...] = ()
    """Name, value and age in seconds; None: until the browser ends, 0: removed."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request. `form_token` is what the sign-in form carries when nobody is signed in."""

    parts: ConsoleParts
    visitor: Visitor | None
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    address: str
    form: Mapping[str, list[str]] = field(default_factory=dict)
    body: bytes = b""
    cookies: Mapping[str, str] = field(default_factory=dict)
    form_token: str = ""

    @property
    def who(self) -> Visitor:
        """Return the visitor of a route that takes a role; raises `RefusedVisitError` when there is none."""
        if self.visitor is None:
            raise RefusedVisitError(401, "sign in first")
        return self.visitor

    def field(self, name: str) -> str:
        """Return a form's field, empty when it is missing."""
        return self.form.get(name, [""])[0]

    def number(self, name: str) -> int:
        """Return a number of the path; raises `RefusedVisitError` when it is none."""
        text = self.params.get(name, "")
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise RefusedVisitError(404, "there is no such page")
        return int(text)

    @property
    def theme(self) -> str:
        """Return the theme that the visitor chose: `light`, `dark`, or empty for the system's."""
        chosen = self.cookies.get("warden_theme", "")
        return chosen if chosen in ("light", "dark") else ""
