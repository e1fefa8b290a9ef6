"""Asking a model server: every way in which real ones fail ends in a reason, within bounds."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from llmbed import QUESTION, Bed, llm_bed
from warden.brains.llm.provider import Finish
from warden.errors import ConfigError, ModelCredentialError
from warden.model.consultation import TokenPrice
from warden.testing.engine import FixedClock, Patience
from warden.testing.model_server import Recorded, Scripted, completion


class RestlessClock(FixedClock):
    """A clock on which time passes whenever somebody looks."""

    def monotonic(self) -> float:
        """Return the time, a second later than the last time."""
        self.advance(1.0)
        return super().monotonic()


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A fake server and what asks it."""
    with llm_bed() as found:
        yield found


def test_a_schema_is_asked_for_first(bed: Bed) -> None:
    """The first request binds the answer to the schema, without tools, at temperature 0, with a length."""
    bed.client().ask(QUESTION)
    body = bed.server.requests[0].body
    assert body["response_format"]["json_schema"]["schema"] == QUESTION.schema
    assert (body["temperature"], body["seed"], body["max_tokens"], body["stream"]) == (0, 7, 64, False)
    assert "tools" not in body


@pytest.mark.parametrize("status", [400, 404, 422, 500, 501])
def test_a_server_without_schemas_is_asked_for_an_object_and_remembered(bed: Bed, status: int) -> None:
    """Whatever status a server says it with, the next weaker form is tried, and tried first from then on."""
    bed.server.script.append(Scripted(b'{"error": "response_format json_schema unknown"}', status))
    client = bed.client()
    first, second = client.ask(QUESTION), client.ask(QUESTION)
    forms = [request.body.get("response_format", {}).get("type") for request in bed.server.requests]
    assert forms == ["json_schema", "json_object", "json_object"]
    assert (first.usage.calls, second.usage.calls) == (2, 1)


def test_words_are_the_last_form(bed: Bed) -> None:
    """A server that knows no form at all is asked in words."""
    bed.server.forms = frozenset()
    assert bed.client().ask(QUESTION).reply is not None
    assert "response_format" not in bed.server.requests[-1].body


def test_a_configured_form_is_not_weakened(bed: Bed) -> None:
    """An operator who fixes the form gets that form or a failure."""
    bed.server.forms = frozenset()
    asked = bed.client(answer_form="json_object").ask(QUESTION)
    assert (asked.failure, len(bed.server.requests)) == ("model-rejected", 1)


def test_newer_parameter_names_are_learned(bed: Bed) -> None:
    """A model that wants another name for the length, and no temperature, gets what it wants."""
    bed.server.script.append(Scripted(b'{"error": "use max_completion_tokens instead"}', 400))
    bed.server.script.append(Scripted(b'{"error": "temperature is not supported"}', 400))
    assert bed.client().ask(QUESTION).failure == ""
    body = bed.server.requests[-1].body
    assert body["max_completion_tokens"] == 64
    assert not {"max_tokens", "temperature", "seed"} & set(body)


def test_a_prompt_that_is_too_long_is_said_to_be(bed: Bed) -> None:
    """A context that is too small is no reason to try other forms, and none to leave the model alone."""
    bed.server.prompt_bytes = 10
    client = bed.client(failures_to_open=1)
    assert client.ask(QUESTION).failure == "context-too-large"
    assert client.ask(QUESTION).failure == "context-too-large"
    assert len(bed.server.requests) == 2


def test_a_refused_key_opens_the_circuit_at_once(bed: Bed) -> None:
    """After 401 nobody is asked again for a while, and no error holds the key."""
    bed.server.key = "right"
    client = bed.client(key="wrong-secret-key")
    first, second = client.ask(QUESTION), client.ask(QUESTION)
    assert (first.failure, second.failure, len(bed.server.requests)) == ("model-credential", "model-resting", 1)
    assert first.alert
    assert "wrong-secret-key" not in repr(first) + repr(client) + repr(client.__dict__)
    with pytest.raises(ModelCredentialError) as caught:
        client.check()
    assert "wrong-secret-key" not in str(caught.value)


def test_a_key_that_cannot_be_fetched_is_an_alert(bed: Bed) -> None:
    """A credential command that fails leaves the message to the rules and tells the operator where to look."""
    client = bed.client()

    def fail() -> str:
        raise ConfigError("the credential in file `/nowhere` is empty")

    object.__setattr__(client._around, "credential", fail)
    asked = client.ask(QUESTION)
    assert (asked.failure, asked.alert) == ("model-config", "the credential in file `/nowhere` is empty")
    assert client.ask(QUESTION).failure == "model-resting"


def test_a_replaced_key_is_used_without_a_new_process(bed: Bed) -> None:
    """After a refusal the key is fetched anew, once the circuit lets a question through."""
    bed.server.key = "new-key"
    keys = iter(["old-key", "new-key"])
    client = bed.client()
    object.__setattr__(client._around, "credential", lambda: next(keys))
    assert client.ask(QUESTION).failure == "model-credential"
    bed.clock.wait(61)
    assert [client.ask(QUESTION).failure for _ in range(2)] == ["", ""]


@pytest.mark.parametrize(("key", "shown"), [("mk-7Hq2Zt9vLw4X", "it is [withheld:key]!"), ("ollama", "it is ollama!")])
def test_an_answer_holds_no_key_of_ours(bed: Bed, key: str, shown: str) -> None:
    """A server that says our key back is not repeated, known to the guard or not; words that stand for no key are words."""
    bed.server.text = f"it is {key}!"
    reply = bed.client(key).ask(QUESTION).reply
    assert reply is not None
    assert reply.text == shown


def test_questions_side_by_side_get_their_own_answers(bed: Bed) -> None:
    """Many threads share one client, and no more of them ask at once than is set."""
    busy, most = 0, 0
    lock = threading.Lock()
    usual = bed.server.answer

    def answer(request: Recorded) -> Scripted:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        echo = completion("llm-connect", request.body["prompt"])
        found = Scripted(echo) if usual(request) else Scripted()
        with lock:
            busy -= 1
        return found

    bed.provider = "llm-connect"
    bed.server.answer = answer  # type: ignore[method-assign]
    client = bed.client(concurrency=2)
    with ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(lambda number: client.ask(replace(QUESTION, user=f"question {number}")), range(24)))
    texts = [one.reply.text if one.reply else one.failure for one in asked]
    assert texts == [f"system text\n\nquestion {number}" for number in range(24)]
    assert most <= 2


def test_a_busy_server_is_asked_again_when_it_says(bed: Bed) -> None:
    """429 with Retry-After waits so long, then asks again."""
    bed.server.script.append(Scripted(b"{}", 429, headers={"Retry-After": "7"}))
    asked = bed.client().ask(QUESTION)
    assert (asked.failure, asked.usage.calls) == ("", 2)
    assert bed.clock.monotonic() == 7.0


@pytest.mark.parametrize("after", ["3600", "Wed, 21 Oct 2099 07:28:00 GMT", "-5", "nan", "9" * 400])
def test_no_server_makes_us_wait_for_long(bed: Bed, after: str) -> None:
    """A long Retry-After is given up at once, an unreadable one counts as none."""
    bed.server.script.extend([Scripted(b"{}", 429, headers={"Retry-After": after})] * 3)
    bed.client().ask(QUESTION)
    assert bed.clock.monotonic() <= 2.0


def test_a_run_that_stops_asks_no_more(bed: Bed) -> None:
    """A stop during the wait ends the consultation."""
    bed.stop = Patience(0)
    bed.server.script.extend([Scripted(b"{}", 503)] * 3)
    assert bed.client().ask(QUESTION).failure == "model-busy"
    assert len(bed.server.requests) == 1


def test_a_failing_server_is_left_alone_then_tried_once(bed: Bed) -> None:
    """After so many failures in a row the circuit opens; after the cool-down one call closes it."""
    client = bed.client(retries=0, failures_to_open=2, answer_form="text")
    bed.server.script.extend([Scripted(b"{}", 502)] * 2)
    failures = [client.ask(QUESTION).failure for _ in range(3)]
    assert failures == ["model-error", "model-error", "model-resting"]
    bed.clock.wait(61)
    assert client.ask(QUESTION).failure == ""


def test_a_server_that_does_not_answer_is_left_alone_sooner(bed: Bed) -> None:
    """A question that runs into its time-out weighs double: two of them, and nobody waits for a third."""
    bed.clock = RestlessClock()
    client = bed.client(retries=0, failures_to_open=4, cooldown_s=10_000.0)
    bed.server.script.extend([Scripted(fault="drip")] * 2)
    assert [client.ask(QUESTION).failure for _ in range(3)] == ["model-timeout", "model-timeout", "model-resting"]


def test_a_server_that_fails_in_every_form_is_left_alone_too(bed: Bed) -> None:
    """Trying weaker forms does not count as success: a server that is down opens the circuit within two questions."""
    client = bed.client()
    bed.server.script.extend([Scripted(b"{}", 500)] * 30)
    failures = [client.ask(QUESTION).failure for _ in range(3)]
    assert failures == ["model-error", "model-resting", "model-resting"]
    assert len(bed.server.requests) == 4


@pytest.mark.parametrize("fault", ["drip", "flood"])
def test_an_endless_body_is_given_up(bed: Bed, fault: str) -> None:
    """A byte at a time for ever ends at the deadline, a gigabyte at the limit: neither is waited for nor held."""
    bed.clock = RestlessClock()
    bed.server.script.append(Scripted(fault=fault))
    asked = bed.client(retries=0, response_bytes=100_000).ask(QUESTION)
    assert asked.failure in (("model-timeout",) if fault == "drip" else ("model-garbled", "model-timeout"))
    assert asked.usage.prompt_tokens > 0


def test_a_declared_gigabyte_is_not_read(bed: Bed) -> None:
    """With time enough, the size alone ends a flood."""
    bed.server.script.append(Scripted(fault="flood"))
    assert bed.client(retries=0, response_bytes=100_000).ask(QUESTION).failure == "model-garbled"


def test_a_reset_inside_the_body_is_tried_again(bed: Bed) -> None:
    """A connection that breaks is used again, so many times."""
    bed.server.script.extend([Scripted(completion("openai", "x" * 5000), fault="reset")] * 3)
    asked = bed.client().ask(QUESTION)
    assert (asked.failure, asked.usage.calls) == ("model-broken", 3)


@pytest.mark.parametrize(
    "scripted",
    [
        Scripted(completion("openai", "{}"), content_type="text/html"),
        Scripted(completion("openai", "{}"), content_type="text/event-stream"),
        Scripted(completion("openai", "{}"), headers={"Content-Encoding": "gzip"}),
        Scripted(b"<html>bad gateway</html>"),
        Scripted(b"\xff\xfe"),
        Scripted(b"[" * 100_000),
        Scripted(b"[]"),
        Scripted(b"{}"),
        Scripted(b'{"choices": [], ' + completion("openai", "{}")[1:]),
        Scripted(b'{"choices": []}'),
        Scripted(b'{"choices": [1]}'),
        Scripted(b'{"choices": [{"message": null}]}'),
        Scripted(b'{"choices": [{"message": {"content": 5}}]}'),
        Scripted(b'{"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]}'),
        Scripted(b'{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}'),
    ],
)
def test_an_answer_of_another_form_is_garbled(bed: Bed, scripted: Scripted) -> None:
    """What is not the interface's own answer is none."""
    bed.server.script.append(scripted)
    assert bed.client().ask(QUESTION).failure == "model-garbled"


def test_an_answer_in_parts_is_read(bed: Bed) -> None:
    """Some servers give text as a list of parts, with their model's thoughts beside it."""
    parts = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}, 5]
    bed.server.script.append(Scripted(json.dumps({"choices": [{"message": {"content": parts}}]}).encode()))
    reply = bed.client().ask(QUESTION).reply
    assert reply is not None
    assert reply.text == "ab"


def test_redirects_are_not_followed(bed: Bed) -> None:
    """A redirect is a failure: it could lead our prompt anywhere."""
    bed.server.script.append(Scripted(b"", 307, headers={"Location": bed.server.url + "/v1/messages"}))
    assert bed.client().ask(QUESTION).failure == "model-redirect"
    assert len(bed.server.requests) == 1


def test_nothing_of_the_environment_leads_a_prompt_elsewhere(
    bed: Bed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A proxy that is named there gets no request, and a netrc no say in who we are."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password eve-eve-eve\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert bed.client("mk-7Hq2Zt9vLw4X").ask(QUESTION).reply is not None
    assert bed.server.requests[0].headers["authorization"] == "Bearer mk-7Hq2Zt9vLw4X"


@pytest.mark.parametrize(
    ("choice", "finish"),
    [
        ({"message": {"content": "a"}, "finish_reason": "length"}, Finish.LENGTH),
        ({"message": {"content": None, "refusal": "no"}, "finish_reason": "stop"}, Finish.REFUSAL),
        ({"message": {"content": None, "tool_calls": [{"id": "1"}]}, "finish_reason": "tool_calls"}, Finish.TOOL),
        ({"message": {"content": ""}, "finish_reason": "content_filter"}, Finish.REFUSAL),
        ({"message": {"content": "a"}, "finish_reason": "whatever"}, Finish.OTHER),
        ({"message": {"content": "a"}, "finish_reason": None}, Finish.STOP),
    ],
)
def test_why_a_model_stopped_is_read(bed: Bed, choice: object, finish: Finish) -> None:
    """Length, refusal and tool calls are told apart from a whole answer."""
    bed.server.script.append(Scripted(json.dumps({"choices": [choice]}).encode()))
    reply = bed.client().ask(QUESTION).reply
    assert reply is not None
    assert reply.finish is finish


@pytest.mark.parametrize(
    ("body", "finish"),
    [
        ({"content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn"}, Finish.STOP),
        ({"content": [{"type": "text", "text": "a"}], "stop_reason": "max_tokens"}, Finish.LENGTH),
        ({"content": [{"type": "text", "text": "a"}], "stop_reason": "refusal"}, Finish.REFUSAL),
        ({"content": [{"type": "text", "text": "a"}], "stop_reason": None}, Finish.OTHER),
        ({"content": [{"type": "tool_use", "name": "send"}], "stop_reason": "end_turn"}, Finish.TOOL),
        (
            {
                "content": [{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "a"}],
                "stop_reason": "end_turn",
            },
            Finish.STOP,
        ),
    ],
)
def test_why_a_model_stopped_is_read_of_messages(bed: Bed, body: object, finish: Finish) -> None:
    """The messages interface has its own words for the same ends."""
    bed.provider = "anthropic"
    bed.server.script.append(Scripted(json.dumps(body).encode()))
    reply = bed.client().ask(QUESTION).reply
    assert reply is not None
    assert reply.finish is finish


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"content": "text"},
        {"content": [1]},
        {"content": [{"type": "text"}]},
        {"content": [{"type": "text", "text": 5}]},
    ],
)
def test_other_forms_of_messages_are_garbled(bed: Bed, body: object) -> None:
    """Text that is none, and blocks that are none, are no answer."""
    bed.provider = "anthropic"
    bed.server.script.append(Scripted(json.dumps(body).encode()))
    assert bed.client().ask(QUESTION).failure == "model-garbled"


def test_a_model_without_a_temperature_is_asked_without(bed: Bed) -> None:
    """The messages interface refuses a temperature for some models."""
    bed.provider = "anthropic"
    bed.server.script.append(Scripted(b'{"error": {"message": "temperature is deprecated for this model"}}', 400))
    assert bed.client(key="k").ask(QUESTION).failure == ""
    first, second = bed.server.requests
    assert ("temperature" in first.body, "temperature" in second.body) == (True, False)
    assert (second.headers["x-api-key"], second.headers["anthropic-version"]) == ("k", "2023-06-01")


def test_llm_connect_gets_one_prompt_and_nothing_else(bed: Bed) -> None:
    """The request is exactly what its interface names."""
    bed.provider = "llm-connect"
    bed.client().ask(QUESTION)
    (request,) = bed.server.requests
    assert (request.path, request.body) == ("/execute", {"prompt": "system text\n\nuser text"})
    assert "authorization" not in request.headers


def test_checking_a_server_that_is_not_there_says_what_to_look_at(bed: Bed) -> None:
    """A check names the failure and what to do, and repeats no URL."""
    bed.server.url = "http://127.0.0.1:9"
    with pytest.raises(ConfigError) as caught:
        bed.client().check()
    assert caught.value.message == "the model's server cannot be reached"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, ""),
        (404, ""),
        (405, ""),
        (501, ""),
        (301, "redirect"),
        (307, "redirect"),
        (500, "failed"),
        (503, "failed"),
    ],
)
def test_checking_tells_a_server_that_would_not_answer_a_question(bed: Bed, status: int, said: str) -> None:
    """A redirect and a failure are told; that a server has no list of models is none of our business."""
    bed.server.script.append(Scripted(b"{}", status, headers={"Location": "https://other.example/"}))
    client = bed.client()
    if not said:
        client.check()
        return
    with pytest.raises(ConfigError, match=said):
        client.check()


def test_an_unknown_provider_is_refused_by_name(bed: Bed) -> None:
    """A provider that does not exist is named, with those that do."""
    bed.provider = "oracle"
    with pytest.raises(ConfigError) as caught:
        bed.client()
    assert "`oracle`" in caught.value.message
    assert "`anthropic`" in caught.value.hint


@pytest.mark.parametrize("tokens", [-1, True, "5", 1.5, 10**12, None, {}])
def test_odd_token_counts_are_estimated(bed: Bed, tokens: object) -> None:
    """What a server says of tokens is believed only when it is a count."""
    choice = {"message": {"content": "abc"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": tokens, "completion_tokens": tokens}
    bed.server.script.append(Scripted(json.dumps({"choices": [choice], "usage": usage}).encode()))
    used = bed.client().ask(QUESTION).usage
    assert (used.prompt_tokens, used.completion_tokens) == (7, 1)


def test_cost_follows_the_price(bed: Bed) -> None:
    """Cost is tokens times price, rounded up; without a price it is unknown."""
    bed.server.say("x")
    priced = bed.client(price=TokenPrice(150_000, 600_000)).ask(QUESTION)
    assert priced.usage.cost_microunits == 15 + 12
    assert bed.client().ask(QUESTION).usage.cost_microunits is None


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://", "http://user:pw@host", "http://host/?a=1", "nonsense", "http://[::1"]
)
def test_a_url_that_is_no_base_url_is_an_alert(bed: Bed, url: str) -> None:
    """A URL that cannot be used is said to be so, without repeating it."""
    bed.server.url = url
    asked = bed.client().ask(QUESTION)
    assert asked.failure == "model-config"
    assert "pw" not in asked.alert


@pytest.mark.parametrize(
    ("suffix", "path"),
    [("", "/v1/chat/completions"), ("/v1", "/v1/chat/completions"), ("/v1/", "/v1/chat/completions")],
)
def test_a_base_url_may_end_with_the_version(bed: Bed, suffix: str, path: str) -> None:
    """Both ways in which people write base URLs lead to the same place."""
    bed.server.url += suffix
    bed.client().ask(QUESTION)
    assert bed.server.requests[0].path == path
