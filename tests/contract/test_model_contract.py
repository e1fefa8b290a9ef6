"""The scripted model server passes the suite that real model servers pass, for each provider."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from warden.brains.llm.settings import ModelSettings
from warden.testing.engine import FixedClock
from warden.testing.model_contract import Endpoint, ProviderContract
from warden.testing.model_server import FakeModelServer, served_model


@pytest.fixture
def server() -> Iterator[FakeModelServer]:
    """A fake server with a key and an answer."""
    with served_model() as model:
        model.key = "the-right-key"
        model.text = '{"color": "blue"}'
        yield model


def _endpoint(server: FakeModelServer, provider: str, reports_finish: bool = True) -> Endpoint:
    settings = ModelSettings(provider, server.url, "fake", timeout_s=10.0)
    return Endpoint(settings, FixedClock(), "the-right-key", refuses_keys=True, reports_finish=reports_finish)


class TestOpenAi(ProviderContract):
    """Chat completions, with every form."""

    @pytest.fixture
    def endpoint(self, server: FakeModelServer) -> Endpoint:
        """The fake at its chat completions."""
        return _endpoint(server, "openai")


class TestOpenAiWithoutForms(ProviderContract):
    """Chat completions of a server that knows no response format."""

    @pytest.fixture
    def endpoint(self, server: FakeModelServer) -> Endpoint:
        """The fake without forms."""
        server.forms = frozenset()
        return _endpoint(server, "openai")


class TestAnthropic(ProviderContract):
    """Messages."""

    @pytest.fixture
    def endpoint(self, server: FakeModelServer) -> Endpoint:
        """The fake at its messages."""
        return _endpoint(server, "anthropic")


class TestLlmConnect(ProviderContract):
    """Execute."""

    @pytest.fixture
    def endpoint(self, server: FakeModelServer) -> Endpoint:
        """The fake at its execute."""
        return _endpoint(server, "llm-connect", reports_finish=False)
