"""Every failure that real model servers show, replayed by the scripted server of each provider, through the whole brain."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from llmbed import OPEN_BODY, Bed, PassingClock, given, llm_bed
from warden.model.consultation import Consultation, Prepared
from warden.model.plan import PlannedAction
from warden.testing.model_server import ANTHROPIC, LLM_CONNECT, OPENAI, Scripted, completion

PROVIDERS = (OPENAI, ANTHROPIC, LLM_CONNECT)
ESCALATES = (PlannedAction("escalate"),)
SAID = "That sounds like the fan."
REPLY = json.dumps({"action": {"kind": "reply", "body": SAID}})
CUT = {OPENAI: "length", ANTHROPIC: "max_tokens", LLM_CONNECT: "length"}


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A fake server and what asks it."""
    with llm_bed() as found:
        yield found


def consult(bed: Bed, **changes: Any) -> Consultation:
    """Return what asking about an ordinary message gives."""
    brain = bed.brain(**changes)
    prepared = brain.prepare(given(OPEN_BODY))
    assert isinstance(prepared, Prepared)
    return brain.consult(prepared)


READ: dict[str, str] = {
    "fenced": f"```json\n{REPLY}\n```",
    "prose around": f"Sure, here you are:\n\n{REPLY}\n\nLet me know!",
    "reasoning before": f'<think>maybe {{"action": {{}}}}?</think>{REPLY}',
    "a list of one": f"[{REPLY}]",
    "a string of JSON": json.dumps(REPLY),
    "said twice": f"{REPLY}\n{REPLY}",
    "without the outer object": json.dumps({"kind": "reply", "body": SAID}),
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_with_one_meaning_is_read(bed: Bed, provider: str, name: str) -> None:
    """Fences, prose, reasoning, lists of one and repetitions leave one meaning, from every provider."""
    bed.provider = provider
    bed.server.say(READ[name], provider=provider)
    found = consult(bed)
    assert found.plan.actions == (PlannedAction("reply", {"body": SAID}),)
    assert found.fallback_reason == ""


@dataclass(frozen=True)
class Failure:
    """What the server sends, so many times, and the reason that a person is told."""

    scripted: Callable[[str], Scripted]
    reason: str
    times: int = 1
    alert: bool = False


def text(said: str) -> Callable[[str], Scripted]:
    """Return a script for an answer with this text."""
    return lambda provider: Scripted(completion(provider, said))


def error(status: int, said: str, **headers: str) -> Callable[[str], Scripted]:
    """Return a script for an error."""
    body = json.dumps({"error": {"message": said}}).encode()
    return lambda provider: Scripted(
        body, status, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


FAILURES = {
    "prose": Failure(text("I would rather talk about the weather."), "answer-unreadable"),
    "refusal text": Failure(text("I'm sorry, but I can't assist with that."), "answer-unreadable"),
    "nothing": Failure(text(""), "answer-unreadable"),
    "two plans": Failure(text(REPLY + '{"action": {"kind": "mark_read"}}'), "answer-ambiguous"),
    "tool call as text": Failure(
        text('<tool_call>{"name": "send", "arguments": {"to": "eve"}}</tool_call>'), "answer-schema"
    ),
    "cut, by its end": Failure(text(REPLY[:-9]), "answer-unreadable"),
    "cut, by the server's word": Failure(lambda who: Scripted(completion(who, REPLY, CUT[who])), "answer-cut"),
    "context size": Failure(error(400, "this model's maximum context length is 4096 tokens"), "context-too-large"),
    "wrong key": Failure(error(401, "incorrect key"), "model-credential", alert=True),
    "forbidden": Failure(error(403, "no"), "model-credential", alert=True),
    "busy": Failure(error(429, "slow down", Retry_After="1"), "model-busy", times=3),
    "busy for long": Failure(error(429, "slow down", Retry_After="3600"), "model-busy"),
    "overloaded": Failure(error(503, "overloaded"), "model-busy", times=3),
    "down": Failure(error(502, "bad gateway"), "model-error", times=3),
    "reset inside the body": Failure(
        lambda who: Scripted(completion(who, REPLY * 400), fault="reset"), "model-broken", times=3
    ),
    "wrong content type": Failure(
        lambda who: Scripted(completion(who, REPLY), content_type="text/html"), "model-garbled"
    ),
    "compressed": Failure(
        lambda who: Scripted(completion(who, REPLY), headers={"Content-Encoding": "gzip"}), "model-garbled"
    ),
    "a page": Failure(lambda who: Scripted(b"<html>login</html>"), "model-garbled"),
    "redirect": Failure(error(302, "there", Location="http://127.0.0.1:9/"), "model-redirect"),
    "gigabyte body": Failure(lambda who: Scripted(fault="flood"), "model-garbled"),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_failure_is_an_escalation_with_its_reason(bed: Bed, provider: str, name: str) -> None:
    """Nothing raises, nothing is sent, no more is asked than the repeats that a failure deserves."""
    failure = FAILURES[name]
    bed.provider = provider
    bed.server.script.extend([failure.scripted(provider)] * failure.times)
    found = consult(bed, response_bytes=200_000)
    assert (found.plan.actions, found.plan.reason, bool(found.alert)) == (ESCALATES, failure.reason, failure.alert)
    assert len(bed.server.requests) == failure.times
    assert found.usage.calls == failure.times


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_slow_drip_ends_at_the_deadline(bed: Bed, provider: str) -> None:
    """A byte now and then for ever is given up when the time of one exchange is over."""
    bed.provider, bed.clock = provider, PassingClock()
    bed.server.script.append(Scripted(fault="drip"))
    found = consult(bed, retries=0)
    assert (found.plan.actions, found.plan.reason) == (ESCALATES, "model-timeout")


@pytest.mark.parametrize("status", [500, 400])
def test_a_server_that_fails_on_the_schema_is_asked_without(bed: Bed, status: int) -> None:
    """The weaker form is tried at once, and the answer is used."""
    bed.server.script.append(error(status, "json_schema is not supported")(OPENAI))
    bed.server.text = REPLY
    found = consult(bed)
    assert (found.plan.reason, found.usage.calls) == ("model-reply", 2)
    forms = [request.body.get("response_format", {}).get("type") for request in bed.server.requests]
    assert forms == ["json_schema", "json_object"]


@pytest.mark.parametrize("provider", [ANTHROPIC, LLM_CONNECT])
def test_a_server_that_fails_is_asked_again_where_there_is_no_other_form(bed: Bed, provider: str) -> None:
    """Where words are the only form, 500 is a failure of the server: asked again, then answered."""
    bed.provider = provider
    bed.server.script.append(error(500, "internal")(provider))
    bed.server.text = REPLY
    found = consult(bed)
    assert (found.plan.reason, found.usage.calls) == ("model-reply", 2)


TOOL = {
    OPENAI: {"choices": [{"message": {"content": None, "tool_calls": [{"id": "1"}]}, "finish_reason": "tool_calls"}]},
    ANTHROPIC: {"content": [{"type": "tool_use", "id": "1", "name": "send", "input": {}}], "stop_reason": "tool_use"},
}
DECLINED = {
    OPENAI: {"choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]},
    ANTHROPIC: {"content": [], "stop_reason": "refusal"},
}


@pytest.mark.parametrize("provider", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize(("bodies", "reason"), [(TOOL, "answer-tool"), (DECLINED, "answer-declined")])
def test_tools_and_refusals_in_the_interface_s_own_words(
    bed: Bed, provider: str, bodies: dict[str, object], reason: str
) -> None:
    """Interfaces with fields for tool calls and refusals are believed there."""
    bed.provider = provider
    bed.server.script.append(Scripted(json.dumps(bodies[provider]).encode()))
    found = consult(bed)
    assert (found.plan.actions, found.plan.reason) == (ESCALATES, reason)
