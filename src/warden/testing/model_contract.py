"""What every model server that warden can ask must do, whatever it says: one suite for the fake and for real servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from warden.brains.llm.client import ModelClient, RememberedDialects, Surroundings
from warden.brains.llm.provider import Finish, Question
from warden.brains.llm.providers import build_provider
from warden.brains.llm.settings import ModelSettings
from warden.errors import ModelCredentialError
from warden.ports import Clock
from warden.testing.engine import Patience

SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {"color": {"type": "string", "enum": ["red", "blue"]}},
    "required": ["color"],
    "additionalProperties": False,
}
QUESTION = Question(
    'You answer with one JSON object of the form {"color": "red"} or {"color": "blue"} and nothing else.',
    "What color is the sky on a clear day? Answer with the JSON object.",
    SCHEMA,
    64,
)


@dataclass(frozen=True)
class Endpoint:
    """A server under test: how it is set up, the key that it takes, and whether it refuses others."""

    settings: ModelSettings
    clock: Clock
    key: str | None = None
    refuses_keys: bool = False
    reports_finish: bool = True

    def client(self, settings: ModelSettings | None = None, key: str | None = None) -> ModelClient:
        """Return a client of this server."""
        chosen = settings or self.settings
        credential = key or self.key
        around = Surroundings(self.clock, Patience(), lambda: credential, RememberedDialects())
        return ModelClient(build_provider(chosen), chosen, around)


class ProviderContract:
    """Inherit, and give the fixture `endpoint`."""

    @pytest.fixture
    def endpoint(self) -> Endpoint:
        """The server under test."""
        raise NotImplementedError

    def test_an_answer_comes_with_what_it_cost(self, endpoint: Endpoint) -> None:
        """A question gets a text, and tokens and calls are counted."""
        client = endpoint.client()
        asked = client.ask(QUESTION)
        client.close()
        assert asked.failure == ""
        assert asked.reply is not None
        assert asked.reply.text.strip()
        assert asked.usage.calls >= 1
        assert asked.usage.prompt_tokens > 0
        assert asked.usage.completion_tokens > 0

    def test_a_cut_answer_is_told_from_a_whole_one(self, endpoint: Endpoint) -> None:
        """An answer that reached the length limit says so."""
        if not endpoint.reports_finish:
            pytest.skip("this interface does not take a length")
        client = endpoint.client()
        asked = client.ask(replace(QUESTION, max_tokens=1))
        client.close()
        assert asked.reply is not None
        assert asked.reply.finish is Finish.LENGTH

    def test_a_second_question_does_not_find_out_the_dialect_again(self, endpoint: Endpoint) -> None:
        """What the endpoint understands is learned once."""
        client = endpoint.client()
        client.ask(QUESTION)
        asked = client.ask(QUESTION)
        client.close()
        assert asked.usage.calls == 1

    def test_a_wrong_key_is_told_as_such(self, endpoint: Endpoint) -> None:
        """A refused credential has its own reason, an alert, and its own error when it is checked."""
        if not endpoint.refuses_keys:
            pytest.skip("this server asks for no key")
        client = endpoint.client(key="wrong-key-of-the-contract")
        asked = client.ask(QUESTION)
        with pytest.raises(ModelCredentialError):
            client.check()
        client.close()
        assert asked.failure == "model-credential"
        assert asked.alert
        assert "wrong-key" not in repr(asked)

    def test_a_server_that_is_there_passes_the_check(self, endpoint: Endpoint) -> None:
        """Checking a usable server raises nothing."""
        client = endpoint.client()
        client.check()
        client.close()

    def test_a_server_that_is_not_there_is_unreachable(self, endpoint: Endpoint) -> None:
        """A port where nobody listens gives a reason, not an exception."""
        client = endpoint.client(replace(endpoint.settings, url="http://127.0.0.1:9", retries=0))
        asked = client.ask(QUESTION)
        client.close()
        assert (asked.reply, asked.failure) == (None, "model-unreachable")
        assert asked.usage.prompt_tokens == 0
