"""Asks one model: repeats what may be repeated, finds out what the endpoint understands, and gives up in time.

Never raises for anything that a server does: what happened comes back as a reply or as a reason code. No text of a server
gets into a code or an alert, and the credential gets nowhere but into its header.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from warden.brains.llm.breaker import Breaker
from warden.brains.llm.provider import Dialect, Provider, Question, Reply, UnreadableReplyError
from warden.brains.llm.reasons import describe
from warden.errors import ConfigError, ModelCredentialError
from warden.model.consultation import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from warden.brains.llm.exchange import Exchange, HttpAnswer
    from warden.brains.llm.provider import DialectMemory
    from warden.brains.llm.settings import ModelSettings
    from warden.ports import Clock, StopSignal

MAX_RETRY_AFTER_S: Final = 30.0
FIRST_DELAY_S: Final = 0.5
MAX_ADAPTATIONS: Final = 4
COMPLAINT_BYTES: Final = 4096
"""INVARIANT (bounded): what a server may make us wait, how often we rephrase a question, what we read of its complaint."""

WITHHELD_KEY: Final = "[withheld:key]"

TIMEOUT_WEIGHT: Final = 2
"""As so many failures a question counts that nobody answered: each costs minutes, in which a run does nothing else."""

KEY_CHARS: Final = 8
"""Local servers are given words for keys; what a server says back is withheld from this length on."""

BYTES_PER_TOKEN: Final = 3
"""Fewer than in any common text, so that an estimate of tokens is rather too high."""

_TOO_LONG = re.compile(
    r"context.{0,40}(?:length|size|window|limit)|(?:length|size|window|limit).{0,40}context|too many tokens|too long|"
    r"(?:exceed|over).{0,40}tokens|tokens.{0,40}exceed|n_ctx",
    re.DOTALL,
)
NOT_IMPLEMENTED: Final = 501
_ADAPTABLE = frozenset({400, 404, 415, 422, 500, 501})
_REPEATED = frozenset({"model-unreachable", "model-broken", "model-busy", "model-error"})


def estimate_tokens(size_bytes: int) -> int:
    """Return about how many tokens a text of this size has, rather too many."""
    return -(-size_bytes // BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Asked:
    """What asking gave: a reply, or a reason code; what was used in either case; a sentence for the operator, if any."""

    reply: Reply | None
    usage: Usage
    failure: str = ""
    alert: str = ""


class RememberedDialects:
    """Remembers dialects for as long as the process lives."""

    def __init__(self) -> None:
        self._known: dict[str, Dialect] = {}

    def recall(self, endpoint: str) -> Dialect | None:
        """Return what worked there."""
        return self._known.get(endpoint)

    def remember(self, endpoint: str, dialect: Dialect) -> None:
        """Take note of what worked there."""
        self._known[endpoint] = dialect


@dataclass(frozen=True)
class Surroundings:
    """What a client is given of the world. `credential` fetches the key, or None where none is configured; it may raise
    `ConfigError`."""

    clock: Clock
    stop: StopSignal
    credential: Callable[[], str | None]
    memory: DialectMemory


class _FailedError(Exception):
    """One attempt gave nothing: the reason code, when to try again, and another dialect to try it in."""

    def __init__(
        self, code: str, sent: bool = False, retry_after_s: float | None = None, dialect: Dialect | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.sent = sent
        self.retry_after_s = retry_after_s
        self.dialect = dialect


class _Spent:
    """Counts what one consultation uses."""

    def __init__(self) -> None:
        self.calls = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0


class ModelClient:
    """One model at one place. Safe to use from several threads; connects when it is first asked."""

    def __init__(self, provider: Provider, settings: ModelSettings, surroundings: Surroundings) -> None:
        self._provider = provider
        self._settings = settings
        self._around = surroundings
        self._endpoint = f"{settings.url} {settings.label}"
        self._slots = threading.BoundedSemaphore(settings.concurrency)
        self._lock = threading.Lock()
        self._without_key = _withholder("")
        clock = surroundings.clock
        self._breaker = Breaker(settings.failures_to_open, settings.cooldown_s, clock.monotonic)

    @cached_property
    def _built(self) -> Exchange:
        from warden.brains.llm.exchange import Exchange

        key = self._around.credential()
        self._without_key = _withholder(key or "")
        headers = self._provider.headers(key)
        return Exchange(self._settings, headers, self._around.clock.monotonic)

    @property
    def _exchange(self) -> Exchange:
        with self._lock:
            return self._built

    def ask(self, question: Question) -> Asked:
        """Return the model's reply, or why there is none."""
        clock, spent = self._around.clock, _Spent()
        started = clock.monotonic()
        if not self._slots.acquire(timeout=self._settings.total_timeout_s):
            return Asked(None, Usage(), "model-crowded")
        try:
            reply = self._ask(question, started + self._settings.total_timeout_s, spent)
            # INVARIANT (no-secret): the guard knows the key that was there when the run began; this one may have replaced it.
            return Asked(replace(reply, text=self._without_key(reply.text)), self._usage(spent, started))
        except _FailedError as error:
            alert = "the model's server refuses our credential" if error.code == "model-credential" else ""
            return Asked(None, self._usage(spent, started), error.code, alert)
        except ConfigError as error:
            # The message names the place of a credential, never its value.
            return Asked(None, self._usage(spent, started), "model-config", error.message)
        finally:
            self._slots.release()

    def check(self) -> None:
        """Ask the server for what costs nothing; raises `ConfigError` or `ModelCredentialError` when it cannot be used."""
        request = self._provider.probe()
        from warden.brains.llm.exchange import ExchangeError

        try:
            answer = self._exchange.send(request.path, request.body, self._settings.timeout_s)
        except ExchangeError as error:
            hint = "check the model's URL, and that its server runs"
            raise ConfigError(describe(error.code), hint) from error
        if answer.status in (401, 403):
            hint = "put a valid credential where the configuration says it is"
            raise ModelCredentialError("the model's server refuses our credential", hint)
        if 300 <= answer.status < 400 or (answer.status >= 500 and answer.status != NOT_IMPLEMENTED):
            code = "model-redirect" if answer.status < 400 else "model-error"
            raise ConfigError(describe(code), "check the model's URL, and what its server says of itself")

    def close(self) -> None:
        """Give connections back."""
        with self._lock:
            if "_built" in self.__dict__:
                self._built.close()

    def _usage(self, spent: _Spent, started: float) -> Usage:
        price = self._settings.price
        wall_ms = max(0, round((self._around.clock.monotonic() - started) * 1000))
        cost = price.cost(spent.prompt_tokens, spent.completion_tokens) if price else None
        return Usage(spent.calls, spent.prompt_tokens, spent.completion_tokens, cost, wall_ms)

    def _ask(self, question: Question, deadline: float, spent: _Spent) -> Reply:
        dialect = self._around.memory.recall(self._endpoint) or self._provider.dialect
        first = dialect
        last: _FailedError | None = None
        repeats = adaptations = 0
        while True:
            try:
                reply = self._attempt(question, dialect, deadline, spent)
                if dialect != first:
                    self._around.memory.remember(self._endpoint, dialect)
                return reply
            except _FailedError as error:
                if error.code == "model-resting" and last is not None:
                    raise last from None
                last = error
                if error.dialect is not None and adaptations < MAX_ADAPTATIONS:
                    adaptations += 1
                    dialect = error.dialect
                    continue
                if error.code not in _REPEATED or repeats >= self._settings.retries:
                    raise
                self._pause(error, repeats, deadline)
                repeats += 1

    def _pause(self, error: _FailedError, repeats: int, deadline: float) -> None:
        """Wait before the next attempt, or raise the failure when the server asks for too long or the run is to stop."""
        clock = self._around.clock
        delay = FIRST_DELAY_S * 2**repeats if error.retry_after_s is None else error.retry_after_s
        if delay > MAX_RETRY_AFTER_S or clock.monotonic() + delay >= deadline:
            raise error
        clock.wait(delay)
        if self._around.stop.requested():
            raise error

    def _attempt(self, question: Question, dialect: Dialect, deadline: float, spent: _Spent) -> Reply:
        from warden.brains.llm.exchange import ExchangeError

        left = deadline - self._around.clock.monotonic()
        if left <= 0:
            raise _FailedError("model-timeout")
        if not self._breaker.enter():
            raise _FailedError("model-resting")
        try:
            exchange = self._exchange
            request = self._provider.write(question, dialect)
            spent.calls += 1
            answer = exchange.send(request.path, request.body, min(left, self._settings.timeout_s))
            reply = self._read(answer, dialect)
        except (ExchangeError, _FailedError) as error:
            self._note_failure(error.code, error.sent)
            if error.sent:
                spent.prompt_tokens += estimate_tokens(question.size_bytes)
            raise error if isinstance(error, _FailedError) else _FailedError(error.code, error.sent) from None
        except BaseException as error:
            # A probe that ends unforeseen must not keep the circuit half open for ever.
            self._breaker.failed(at_once=isinstance(error, ConfigError))
            raise
        self._breaker.succeeded()
        told = reply.prompt_tokens
        spent.prompt_tokens += estimate_tokens(question.size_bytes) if told is None else told
        told = reply.completion_tokens
        spent.completion_tokens += estimate_tokens(len(reply.text.encode("utf-8", "replace"))) if told is None else told
        return reply

    def _note_failure(self, code: str, sent: bool) -> None:
        # A server that refuses a form with 400 works; one that answers 500 to a form may not, until an answer comes.
        if not sent and code in ("model-rejected", "context-too-large"):
            self._breaker.succeeded()
            return
        weight = TIMEOUT_WEIGHT if code == "model-timeout" else 1
        self._breaker.failed(at_once=code == "model-credential", weight=weight)
        if code == "model-credential":
            # The next one to ask fetches the key anew: it may have been replaced. Nothing is idle that would be left open.
            with self._lock:
                self.__dict__.pop("_built", None)

    def _read(self, answer: HttpAnswer, dialect: Dialect) -> Reply:
        if answer.status != 200:
            raise self._refusal(answer, dialect)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = answer.headers.get("content-encoding", "identity").strip().lower()
        if not (kind == "application/json" or kind.endswith("+json")) or encoding != "identity":
            raise _FailedError("model-garbled", sent=True)
        try:
            body = json.loads(answer.body.decode("utf-8"), object_pairs_hook=_pairs)
            if not isinstance(body, dict):
                raise UnreadableReplyError("not an object")
            return self._provider.read(body)
        except (ValueError, RecursionError, UnreadableReplyError):
            raise _FailedError("model-garbled", sent=True) from None

    def _refusal(self, answer: HttpAnswer, dialect: Dialect) -> _FailedError:
        """Return the failure that a status other than 200 stands for."""
        status = answer.status
        if status in (401, 403):
            return _FailedError("model-credential")
        if 300 <= status < 400:
            return _FailedError("model-redirect")
        if status in (429, 503, 529):
            return _FailedError("model-busy", retry_after_s=_retry_after(answer.headers))
        complaint = answer.body[:COMPLAINT_BYTES].decode("utf-8", "replace").lower()
        if status == 413 or (status in _ADAPTABLE and _TOO_LONG.search(complaint)):
            return _FailedError("context-too-large")
        code = "model-error" if status >= 500 else "model-rejected"
        adapted = self._provider.adapt(dialect, complaint) if status in _ADAPTABLE else None
        return _FailedError(code, sent=status >= 500, dialect=adapted)


def _withholder(key: str) -> Callable[[str], str]:
    """Return what takes a key out of a text; a function, so that the key is shown with no object."""

    def withhold(text: str) -> str:
        return text.replace(key, WITHHELD_KEY) if len(key) >= KEY_CHARS else text

    return withhold


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object; raises `UnreadableReplyError` for one that says something twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableReplyError("a repeated key")
    return found


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks us to wait (RFC 9110, section 10.2.3); dates count as unknown."""
    text = headers.get("retry-after", "").strip()
    return float(text) if re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,3})?", text) else None
