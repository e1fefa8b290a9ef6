"""llm-connect: `POST /execute {"prompt": ...}` answers `{"content": "..."}`; models and keys are its own business."""

from __future__ import annotations

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


class LlmConnectProvider:
    """Writes one prompt of both texts; reads `content`, and usage where it is told."""

    @property
    def dialect(self) -> Dialect:
        """Words only: the interface has no other form."""
        return Dialect(AnswerForm.TEXT)

    def headers(self, key: str | None) -> Mapping[str, str]:
        """Return a bearer token when one is configured; usually none is."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def write(self, question: Question, dialect: Dialect) -> WireRequest:
        """Return the request."""
        return WireRequest("/execute", {"prompt": f"{question.system}\n\n{question.user}"})

    def read(self, body: Mapping[str, object]) -> Reply:
        """Return the content; raises `UnreadableReplyError` when there is none."""
        content = body.get("content")
        if not isinstance(content, str):
            raise UnreadableReplyError("no content")
        usage = table(body.get("usage"))
        finish = body.get("finish_reason", body.get("stop_reason"))
        return Reply(
            content,
            Finish.LENGTH if finish in ("length", "max_tokens") else Finish.STOP,
            count(usage.get("prompt_tokens", usage.get("input_tokens"))),
            count(usage.get("completion_tokens", usage.get("output_tokens"))),
        )

    def adapt(self, dialect: Dialect, complaint: str) -> Dialect | None:
        """Return None: there is nothing else to try."""
        return None

    def probe(self) -> WireRequest:
        """Return a GET of the base URL: whatever answers there is a server."""
        return WireRequest("/", None)
