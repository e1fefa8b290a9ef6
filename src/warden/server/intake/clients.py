"""Who may use the API of the intake: bearer tokens with scopes (RFC 6750).

Each client has one token and the scopes that the operator gave it. Tokens are held as SHA-256 and compared in constant time
with all of them, so that neither the time nor the answer tells how near a guess was. A token is named in the header only.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from warden.model.event import Trust
from warden.server.hub_request import RefusedRequestError, refusal
from warden.server.intake.app import Handler, endpoint
from warden.server.intake.limits import Rate

EVENTS, DISPATCH, CLAIM, AUTHORIZE, AUDIT = "events", "dispatch", "claim", "authorize", "audit"
MAX_TOKEN = 4_096


@dataclass(frozen=True, slots=True)
class Client:
    """One client: its name is the source of its events, `trust` what they count as."""

    name: str
    scopes: frozenset[str]
    trust: Trust = Trust.COLLABORATOR
    token_hash: bytes = field(default=b"", repr=False)


def hash_token(token: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


ClientHandler = Callable[[Request, Client], Awaitable[Response]]


class Clients:
    """All clients of one server. `rate` bounds the requests of each, per minute."""

    def __init__(self, clients: Sequence[Client], rate: Rate) -> None:
        self._clients = tuple(clients)
        self._rate = rate

    def identify(self, request: Request) -> Client:
        """Return who asks; raises `RefusedRequestError` 401."""
        given = [value for name, value in request.headers.raw if name == b"authorization"]
        words = given[0].decode("latin-1").split(" ") if len(given) == 1 else []
        if len(words) != 2 or words[0].lower() != "bearer" or not 0 < len(words[1]) <= MAX_TOKEN:
            raise RefusedRequestError(401, "a bearer token is needed")
        digest = hash_token(words[1])
        found = [client for client in self._clients if hmac.compare_digest(client.token_hash, digest)]
        if len(found) != 1:
            raise RefusedRequestError(401, "the token is not known")
        return found[0]

    def guarded(self, handler: ClientHandler, *scopes: str) -> Handler:
        """Return the handler for those who have one of these scopes; others are answered 401, 403 or 429."""

        async def checked(request: Request) -> Response:
            client = self.identify(request)
            if not client.scopes & set(scopes):
                raise RefusedRequestError(403, "the token has no scope for this: " + " or ".join(scopes))
            wait_s = self._rate.wait_s(client.name)
            if wait_s:
                response = refusal(429, "too many requests")
                response.headers["retry-after"] = str(max(1, round(wait_s)))
                return response
            return await handler(request, client)

        return endpoint(checked)
