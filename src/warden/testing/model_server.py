"""A model server on a free loopback port that says what a script tells it to, and breaks as real ones break.

One server speaks the three interfaces that warden knows, each at its own path. What is not scripted is answered as a real
server answers: it asks for the key if it has one, refuses prompts over its size and forms that it does not know, and cuts an
answer at the length that was asked for. A script entry replaces all that for one request.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON = "application/json"
OPENAI, ANTHROPIC, LLM_CONNECT = "openai", "anthropic", "llm-connect"
PATHS = {"/v1/chat/completions": OPENAI, "/v1/messages": ANTHROPIC, "/execute": LLM_CONNECT}
ESCALATE = '{"action": {"kind": "escalate", "reason": "unsure"}}'
STALL_BYTES = 65_536


@dataclass(frozen=True)
class Scripted:
    """One answer: `fault` is empty, `drip` (a byte at a time, for ever), `reset` (half of the body, then gone), or `flood`
    (the body again and again, for ever)."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True)
class Recorded:
    """A request as it came: path, headers with names in small letters, and the decoded body (None when there was none)."""

    path: str
    headers: Mapping[str, str]
    body: Any


def completion(provider: str, text: str | None, finish: str = "", tokens: tuple[int, int] | None = (100, 20)) -> bytes:
    """Return an answer with this text in a provider's own shape; `tokens` are those of prompt and completion."""
    usage: dict[str, object] = {}
    if provider == OPENAI:
        if tokens:
            usage = {"usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}}
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": finish or "stop"}
        return json.dumps({"id": "c1", "object": "chat.completion", "choices": [choice], **usage}).encode()
    if provider == ANTHROPIC:
        if tokens:
            usage = {"usage": {"input_tokens": tokens[0], "output_tokens": tokens[1]}}
        blocks = [] if text is None else [{"type": "text", "text": text}]
        answer = {"id": "m1", "type": "message", "role": "assistant", "content": blocks}
        return json.dumps({**answer, "stop_reason": finish or "end_turn", **usage}).encode()
    if tokens:
        usage = {"usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}}
    return json.dumps({"content": text, **({"finish_reason": finish} if finish else {}), **usage}).encode()


def prompt_of(provider: str, body: Mapping[str, Any]) -> str:
    """Return all that a request shows to the model, as one text."""
    if provider == LLM_CONNECT:
        return str(body.get("prompt", ""))
    said = "\n\n".join(str(one.get("content", "")) for one in body.get("messages", []))
    return f"{body.get('system', '')}\n\n{said}" if provider == ANTHROPIC else said


class FakeModelServer:
    """What the server knows: its answer, its key, its limits, the script, and the requests that came."""

    def __init__(self) -> None:
        self.url = ""
        self.text = ESCALATE
        self.think: Callable[[str], str] | None = None
        """What a model makes of its prompt, in place of `text`."""
        self.key: str | None = None
        self.forms: frozenset[str] = frozenset({"json_schema", "json_object"})
        self.prompt_bytes = 1_000_000
        self.script: deque[Scripted] = deque()
        self.requests: list[Recorded] = []
        self._lock = threading.Lock()

    def say(self, *texts: str, provider: str = OPENAI) -> None:
        """Put answers with these texts on the script."""
        self.script.extend(Scripted(completion(provider, text)) for text in texts)

    def answer(self, request: Recorded) -> Scripted:
        """Return what is answered to a request, and remember the request."""
        with self._lock:
            self.requests.append(request)
            scripted = self.script.popleft() if self.script else None
        return scripted if scripted is not None else self._usual(request)

    def _usual(self, request: Recorded) -> Scripted:
        provider = PATHS.get(request.path)
        if self.key is not None and not self._is_authorised(request):
            return Scripted(b'{"error": {"message": "incorrect key"}}', 401)
        if request.body is None:
            return Scripted(b'{"data": []}') if request.path == "/v1/models" else Scripted(b"{}", 404)
        if provider is None or not isinstance(request.body, dict):
            return Scripted(b'{"error": {"message": "no such path"}}', 404)
        form = request.body.get("response_format", {}).get("type")
        if form is not None and form not in self.forms:
            return Scripted(b'{"error": {"message": "response_format is not supported"}}', 400)
        if len(json.dumps(request.body)) > self.prompt_bytes:
            return Scripted(b'{"error": {"message": "the prompt exceeds the context window"}}', 400)
        text = self.think(prompt_of(provider, request.body)) if self.think else self.text
        words = text.split(" ")
        wanted = request.body.get("max_tokens", request.body.get("max_completion_tokens"))
        limit = wanted if isinstance(wanted, int) else len(words)
        if limit < len(words):
            cut = {OPENAI: "length", ANTHROPIC: "max_tokens"}.get(provider, "length")
            return Scripted(completion(provider, " ".join(words[:limit]), cut, (100, limit)))
        return Scripted(completion(provider, text, tokens=(100, len(words))))

    def _is_authorised(self, request: Recorded) -> bool:
        given = request.headers.get("authorization", ""), request.headers.get("x-api-key", "")
        return f"Bearer {self.key}" in given or self.key in given


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    model: FakeModelServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        size = int(self.headers.get("content-length", "0"))
        data = self.rfile.read(size)
        headers = {name.lower(): value for name, value in self.headers.items()}
        scripted = self.server.model.answer(Recorded(self.path, headers, json.loads(data) if data else None))
        self.close_connection = True
        self.send_response(scripted.status)
        self.send_header("Content-Type", scripted.content_type)
        for name, value in scripted.headers.items():
            self.send_header(name, value)
        endless = scripted.fault in ("drip", "flood")
        self.send_header("Content-Length", str(10**12 if endless else len(scripted.body)))
        self.end_headers()
        if scripted.fault == "reset":
            self.wfile.write(scripted.body[: len(scripted.body) // 2])
            return
        self.wfile.write(scripted.body)
        while endless:
            self.wfile.write(b" " if scripted.fault == "drip" else b" " * STALL_BYTES)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def served_model() -> Iterator[FakeModelServer]:
    """Give a model server on a free loopback port until the block ends."""
    model = FakeModelServer()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.model = model
    model.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="served-model")
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
