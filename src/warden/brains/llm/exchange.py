"""One bounded exchange with a model server over httpx: a deadline on the whole of it, a limit on what is read, no redirects.

httpx knows a time-out per read only. Its transport is therefore one on the network of `warden.wire`, whose every step is cut to
what is left of the exchange's time. Nothing of the environment is looked at (proxies, netrc), nothing is decompressed, and each
exchange has its own connection: a model thinks for seconds, a handshake takes milliseconds.
"""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpcore
import httpx

from warden.errors import ConfigError
from warden.wire.deadline import BoundedBackend, Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from warden.brains.llm.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, headers with names in small letters, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ExchangeError(Exception):
    """An exchange that gave no answer; `code` is a reason code, `sent` says that the server may have worked on it."""

    def __init__(self, code: str, sent: bool) -> None:
        super().__init__(code)
        self.code = code
        self.sent = sent


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class _BoundedTransport(httpx.BaseTransport):
    """httpcore under httpx, with the bounded network."""

    def __init__(self, deadline: Deadline, connections: int, secure: bool) -> None:
        # A TLS context takes 20 ms to build: only for https.
        context = ssl.create_default_context() if secure else None
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=0,
            network_backend=BoundedBackend(deadline),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        sent = httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.content,
            extensions=request.extensions,
        )
        response = self._pool.handle_request(sent)
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    def close(self) -> None:
        self._pool.close()


class Exchange:
    """Exchanges with one base URL. Safe to use from several threads; at most `concurrency` at once."""

    def __init__(self, settings: ModelSettings, headers: Mapping[str, str], monotonic: Callable[[], float]) -> None:
        """Prepare without connecting; raises `ConfigError` for a URL that is not a base URL of http or https."""
        url = _base_url(settings.url)
        self._settings = settings
        self._deadline = Deadline(monotonic)
        self._base = str(url).rstrip("/")
        self._client = httpx.Client(
            transport=_BoundedTransport(self._deadline, settings.concurrency, url.scheme == "https"),
            headers={
                "accept": "application/json",
                "accept-encoding": "identity",
                "user-agent": "ops-warden",
                **headers,
            },
            timeout=httpx.Timeout(settings.timeout_s, connect=settings.connect_timeout_s),
            trust_env=False,
            follow_redirects=False,
        )

    def send(self, path: str, body: Mapping[str, object] | None, seconds: float) -> HttpAnswer:
        """Return the answer, read whole, within `seconds`; raises `ExchangeError`."""
        self._deadline.start(seconds)
        try:
            request = self._client.build_request("GET" if body is None else "POST", self._base + path, json=body)
            with contextlib.closing(self._client.send(request, stream=True)) as response:
                return HttpAnswer(response.status_code, dict(response.headers), self._read(response))
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            untrusted = isinstance(error.__cause__, ssl.SSLError)
            raise ExchangeError("model-untrusted" if untrusted else "model-unreachable", sent=False) from error
        except httpcore.PoolTimeout as error:
            raise ExchangeError("model-crowded", sent=False) from error
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise ExchangeError("model-timeout", sent=True) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise ExchangeError("model-broken", sent=True) from error

    def _read(self, response: httpx.Response) -> bytes:
        """INVARIANT (bounded): no more than `response_bytes` and one piece are ever held of an answer."""
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > self._settings.response_bytes:
                raise ExchangeError("model-garbled", sent=True)
            chunks.append(chunk)
        return b"".join(chunks)

    def close(self) -> None:
        """Give connections back."""
        self._client.close()


def _base_url(text: str) -> httpx.URL:
    hint = "write it as http://host:port or https://host/path"
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise ConfigError("the model's URL cannot be read", hint) from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise ConfigError("the model's URL is not a base URL", hint)
    return url
