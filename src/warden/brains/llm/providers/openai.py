"""Servers that speak OpenAI's chat completions: Ollama, vLLM, llama.cpp, OpenRouter, OpenAI and many more.

They differ in how JSON can be asked for. The schema is tried first, then any JSON object, then words; servers say that they
do not know a form with almost any status, 500 included. Newer models name the length limit otherwise and take no temperature.
Interface: OpenAI API reference, "Create chat completion".
"""

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
from warden.brains.llm.settings import AUTOMATIC_FORM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warden.brains.llm.settings import ModelSettings

_FINISH = {
    "stop": Finish.STOP,
    "eos": Finish.STOP,
    "eos_token": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "length": Finish.LENGTH,
    "content_filter": Finish.REFUSAL,
    "tool_calls": Finish.TOOL,
    "function_call": Finish.TOOL,
}
_WEAKER = {AnswerForm.SCHEMA: AnswerForm.OBJECT, AnswerForm.OBJECT: AnswerForm.TEXT}


class OpenAiProvider:
    """Writes chat completions for one model; no tools, temperature 0, a fixed seed."""

    def __init__(self, settings: ModelSettings) -> None:
        self._model = settings.model
        self._seed = settings.seed
        self._chosen = None if settings.answer_form == AUTOMATIC_FORM else AnswerForm(settings.answer_form)
        self._prefix = "" if settings.url.rstrip("/").endswith("/v1") else "/v1"

    @property
    def dialect(self) -> Dialect:
        """The form that is configured, else the strictest."""
        return Dialect(self._chosen or AnswerForm.SCHEMA)

    def headers(self, key: str | None) -> Mapping[str, str]:
        """Return the bearer token; local servers often want none."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def write(self, question: Question, dialect: Dialect) -> WireRequest:
        """Return the request in this dialect."""
        body: dict[str, object] = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": question.system},
                {"role": "user", "content": question.user},
            ],
            dialect.length_field: question.max_tokens,
            "stream": False,
        }
        if dialect.sampling:
            body["temperature"] = 0
            if self._seed is not None:
                body["seed"] = self._seed
        if dialect.form is AnswerForm.SCHEMA:
            named = {"name": "plan", "strict": True, "schema": question.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        elif dialect.form is AnswerForm.OBJECT:
            body["response_format"] = {"type": "json_object"}
        return WireRequest(f"{self._prefix}/chat/completions", body)

    def read(self, body: Mapping[str, object]) -> Reply:
        """Return the only choice; raises `UnreadableReplyError` when there is none, or more than one."""
        choices = body.get("choices")
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
            raise UnreadableReplyError("not exactly one choice")
        choice = choices[0]
        message = choice.get("message")
        if not isinstance(message, dict):
            raise UnreadableReplyError("no message")
        named = choice.get("finish_reason")
        finish = _FINISH.get(named, Finish.OTHER) if isinstance(named, str) else Finish.STOP
        content = message.get("content")
        if message.get("refusal"):
            content, finish = "", Finish.REFUSAL
        elif message.get("tool_calls") or message.get("function_call"):
            content, finish = "", Finish.TOOL
        if content is None and finish is not Finish.STOP:
            content = ""
        if isinstance(content, list):
            content = "".join(str(table(part).get("text", "")) for part in content if table(part).get("type") == "text")
        if not isinstance(content, str):
            raise UnreadableReplyError("no content")
        usage = table(body.get("usage"))
        return Reply(content, finish, count(usage.get("prompt_tokens")), count(usage.get("completion_tokens")))

    def adapt(self, dialect: Dialect, complaint: str) -> Dialect | None:
        """Return the dialect without what the server complains of, else with the next weaker form."""
        if "max_completion_tokens" in complaint and dialect.length_field == "max_tokens":
            return replace(dialect, length_field="max_completion_tokens")
        if dialect.sampling and ("temperature" in complaint or "seed" in complaint):
            return replace(dialect, sampling=False)
        weaker = _WEAKER.get(dialect.form) if self._chosen is None else None
        return replace(dialect, form=weaker) if weaker else None

    def probe(self) -> WireRequest:
        """Return a request for the list of models."""
        return WireRequest(f"{self._prefix}/models", None)
