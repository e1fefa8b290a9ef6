"""Anthropic's messages interface: `POST /v1/messages`. Interface: Anthropic API reference, "Messages"."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from warden.brains.llm.provider import (
    AnswerForm,
    Dialect,
    Finish,
    Question,
    Reply,
    UnreadableReplyError,
    WireRequest,
    count,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warden.brains.llm.settings import ModelSettings

VERSION = "2023-06-01"
"""The version of the interface that is spoken here; the server keeps it stable under this name."""

_FINISH = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "refusal": Finish.REFUSAL,
    "tool_use": Finish.TOOL,
}


class AnthropicProvider:
    """Writes messages for one model; no tools, temperature 0."""

    def __init__(self, settings: ModelSettings) -> None:
        self._model = settings.model
        self._prefix = "" if settings.url.rstrip("/").endswith("/v1") else "/v1"

    @property
    def dialect(self) -> Dialect:
        """Words only."""
        return Dialect(AnswerForm.TEXT)

    def headers(self, key: str | None) -> Mapping[str, str]:
        """Return the version, and the key in its own header."""
        version = {"anthropic-version": VERSION}
        return {**version, "x-api-key": key} if key else version

    def write(self, question: Question, dialect: Dialect) -> WireRequest:
        """Return the request."""
        body: dict[str, object] = {
            "model": self._model,
            "max_tokens": question.max_tokens,
            "system": question.system,
            "messages": [{"role": "user", "content": question.user}],
        }
        if dialect.sampling:
            body["temperature"] = 0
        return WireRequest(f"{self._prefix}/messages", body)

    def read(self, body: Mapping[str, object]) -> Reply:
        """Return the text blocks as one; raises `UnreadableReplyError` for any other shape."""
        blocks = body.get("content")
        if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
            raise UnreadableReplyError("no content")
        named = body.get("stop_reason")
        finish = _FINISH.get(named, Finish.OTHER) if isinstance(named, str) else Finish.OTHER
        if any(block.get("type") == "tool_use" for block in blocks):
            finish = Finish.TOOL
        texts = [block.get("text") for block in blocks if block.get("type") == "text"]
        if not all(isinstance(text, str) for text in texts):
            raise UnreadableReplyError("a text block without text")
        usage = table(body.get("usage"))
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        parts = [found for name in names if (found := count(usage.get(name))) is not None]
        return Reply(
            "".join(str(text) for text in texts),
            finish,
            sum(parts) if parts else None,
            count(usage.get("output_tokens")),
        )

    def adapt(self, dialect: Dialect, complaint: str) -> Dialect | None:
        """Return the dialect without a temperature when the model takes none."""
        return replace(dialect, sampling=False) if dialect.sampling and "temperature" in complaint else None

    def probe(self) -> WireRequest:
        """Return a request for the list of models."""
        return WireRequest(f"{self._prefix}/models", None)
