"""A model's server that does not even speak HTTP as it should: every exchange ends with a reason code."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from llmbed import QUESTION, PassingClock
from warden.brains.llm.client import ModelClient, RememberedDialects, Surroundings
from warden.brains.llm.providers import build_provider
from warden.brains.llm.settings import ModelSettings
from warden.cli.clock import SystemClock
from warden.ports import Clock
from warden.testing.engine import Patience

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Serve = Callable[[bytes, bytes], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Make the URL of a server that sends some bytes to whoever connects, then others until it is told to go."""
    with contextlib.ExitStack() as stack:

        def start(begin: bytes, repeated: bytes = b"") -> str:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            thread = threading.Thread(target=_answer, args=(listener, begin, repeated))
            thread.start()
            stack.callback(thread.join)
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        yield start


def _answer(listener: socket.socket, begin: bytes, repeated: bytes) -> None:
    with contextlib.suppress(OSError):
        connection, _ = listener.accept()
        with connection:
            seen = b""
            while b"\r\n\r\n" not in seen:
                seen += connection.recv(65_536)
            connection.sendall(begin)
            while repeated:
                connection.sendall(repeated)


def ask(url: str, clock: Clock | None = None, timeout_s: float = 120.0) -> str:
    """Return why no answer came."""
    settings = ModelSettings("openai", url, "m", retries=0, response_bytes=100_000, timeout_s=timeout_s)
    around = Surroundings(clock or SystemClock(), Patience(), lambda: None, RememberedDialects())
    client = ModelClient(build_provider(settings), settings, around)
    asked = client.ask(QUESTION)
    client.close()
    assert asked.reply is None
    return asked.failure


BROKEN = {
    "nothing": b"",
    "no HTTP": b"hello there\r\n\r\n",
    "bytes": bytes(range(256)) * 8,
    "a status of words": b"HTTP/1.1 fine\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n{}",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
    "a length below zero": OK + b"Content-Length: -5\r\n\r\n{}",
    "a length of words": OK + b"Content-Length: all\r\n\r\n{}",
    "less than was said": OK + b"Content-Length: 99\r\n\r\n{}",
    "a chunk without a size": OK + b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\n{}\r\n",
    "a chunk that breaks off": OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{",
    "a header without a name": OK + b": x\r\n\r\n{}",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_answer_is_a_broken_connection(serve: Serve, name: str) -> None:
    """Whatever stands in place of an answer."""
    assert ask(serve(BROKEN[name], b"")) == "model-broken"


@pytest.mark.parametrize(
    ("begin", "repeated", "failure"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"a" * 65_536, "model-broken"),
        (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 1_000, "model-broken"),
        (OK + b"Content-Length: 1073741824\r\n\r\n", b" " * 65_536, "model-garbled"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"4\r\n    \r\n" * 1_000, "model-garbled"),
        (OK + b"\r\n", b"[" * 65_536, "model-garbled"),
    ],
)
def test_what_does_not_end_is_given_up(serve: Serve, begin: bytes, repeated: bytes, failure: str) -> None:
    """A header, headers, a body of a gigabyte, chunks or bytes without end: no more is read than is allowed."""
    assert ask(serve(begin, repeated)) == failure


def test_interim_answers_without_end_are_given_up_at_the_deadline(serve: Serve) -> None:
    """Each of them is a step that succeeds; all of them together are not waited for."""
    assert ask(serve(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), PassingClock(), 12.0) == "model-timeout"
