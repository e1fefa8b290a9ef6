"""The brains that ask a model: rules first, then one contained consultation.

`llm` asks the model about every message that the guard's rules leave to it, `auto` only about what the rule brain escalates.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from warden.brains.llm.answers import RefusedAnswerError, find_object
from warden.brains.llm.client import Asked, ModelClient, estimate_tokens
from warden.brains.llm.containment import Fence, build_fence
from warden.brains.llm.context import LAYER_BYTES, Context, Layer, LayerWriter, cut_layers
from warden.brains.llm.decisions import Decision, decision_schema, read_decision
from warden.brains.llm.identity import AUTO, LLM, model_brain_digest
from warden.brains.llm.prompt import SYSTEM_TEXT, WITHHELD_CANARY, draw_marks, render
from warden.brains.llm.provider import Finish
from warden.brains.llm.reasons import describe
from warden.brains.rules.brain import RuleBrain
from warden.model.consultation import NOTHING_USED, Consultation, Prepared, Usage
from warden.model.digests import canonical_bytes, digest_value
from warden.model.plan import Plan, PlannedAction

if TYPE_CHECKING:
    from warden.brains.llm.settings import ModelSettings
    from warden.model.catalog import Catalog, CatalogEntry
    from warden.model.message import BrainInput, MessageFacts
    from warden.ports import Redactor

MAX_ENTRIES: Final = 8
SMALL_CATALOG: Final = 24
"""So many entries a model is shown; a catalogue no larger than the second number fills up what the words did not find."""

PROMPT_OVERHEAD_BYTES: Final = 1024
"""Delimiters, headings and the canary, for estimates."""

_FINISHED: Final = {
    Finish.LENGTH: "answer-cut",
    Finish.OTHER: "answer-cut",
    Finish.REFUSAL: "answer-declined",
    Finish.TOOL: "answer-tool",
}
_ASKS: Final = frozenset(
    {"two-questions", "several-candidates", "weak-match", "no-match", "no-object", "asks-more", "routing-question"}
)
"""Reasons of the rule brain that say that the message asks something."""

_SEVERAL: Final = frozenset({"two-questions", "asks-more", "several-mails"})
_ALIKE: Final = "several-candidates"
"""Reasons of the rule brain that say that one entry is not the answer, or that nothing says which one is."""


@dataclass(frozen=True)
class ModelBrainParts:
    """What a model-backed brain is made of. `charter_text` is the charter's prose; `randomness` gives so many random bytes as
    hexadecimal digits; `redact` is the guard."""

    settings: ModelSettings
    catalog: Catalog
    charter_text: str
    charter_digest: str
    client: ModelClient
    redact: Redactor
    randomness: Callable[[int], str]


class ContainedBrain:
    """Implements `ports.ModelBrain`. `rules_first` makes it `auto`. Nothing raises; safe to call from several threads."""

    def __init__(self, parts: ModelBrainParts, rules_first: bool) -> None:
        self._parts = parts
        self._rules_first = rules_first
        self._rules = RuleBrain(parts.catalog)
        self._writer = LayerWriter(parts.redact)
        self._digest = model_brain_digest(self.name, parts.settings, parts.catalog.digest, parts.charter_digest)

    @property
    def name(self) -> str:
        """`llm` or `auto`."""
        return AUTO if self._rules_first else LLM

    @property
    def digest(self) -> str:
        """Digest of model, settings, rules, catalogue and charter."""
        return self._digest

    @property
    def model(self) -> str:
        """Provider and model, as they are configured."""
        return self._parts.settings.label

    def propose(self, given: BrainInput) -> Plan:
        """Return a plan for one message, asking the model when the rules leave it to the model."""
        prepared = self.prepare(given)
        return prepared if isinstance(prepared, Plan) else self.consult(prepared).plan

    def prepare(self, given: BrainInput) -> Prepared | Plan:
        """Return the rules' plan for a message that no model sees, else what a model would be shown."""
        try:
            fallback = self._rules.propose(given)
            # INVARIANT (charter-floor): what the guard found to be for a person is decided before any model sees it.
            if is_for_rules(given.facts) or (self._rules_first and not _escalates(fallback)):
                return fallback
            return self._prepare(given, fallback)
        except Exception as error:  # noqa: BLE001 - a message that breaks the brain goes to a person
            return _escalation("brain-failed", f"preparing failed with {type(error).__name__}", None)

    def consult(self, prepared: Prepared) -> Consultation:
        """Ask the model; the plan is its decision, or an escalation, or the rules' plan when no answer came."""
        try:
            return self._consult(prepared)
        except Exception:  # noqa: BLE001 - nothing that a model or its server does may end the run
            # Nobody knows what was used, so it counts as all that it might have been.
            return self._fall_back(prepared, Asked(None, prepared.estimate, "brain-failed"))

    def replay(self, prepared: Prepared, answer: str) -> Consultation:
        """Return what `consult` returned when it gave this answer."""
        return self._conclude(prepared, answer, NOTHING_USED)

    def decline(self, prepared: Prepared, reason: str) -> Consultation:
        """Return the rules' plan for a message that the model is not asked about."""
        return self._fall_back(prepared, Asked(None, NOTHING_USED, reason))

    def _prepare(self, given: BrainInput, fallback: Plan) -> Prepared:
        writer = self._writer
        system, charter = self._fixed
        catalogue = writer.catalogue(self._select(given, fallback))
        layers = (system, charter, catalogue, writer.thread(given.thread), writer.message(given.message))
        context = Context(cut_layers(layers))
        parts = self._parts
        prompt_tokens = estimate_tokens(context.shown_bytes + PROMPT_OVERHEAD_BYTES)
        limit = parts.settings.max_tokens
        cost = parts.settings.price.cost(prompt_tokens, limit) if parts.settings.price else None
        digest = digest_value(
            {
                "message": given.message.digest,
                "thread": [message.digest for message in given.thread],
                "brain": self._digest,
                "catalog": parts.catalog.digest,
                "charter": parts.charter_digest,
            }
        )
        most = Usage(1, prompt_tokens, limit, cost, round(parts.settings.total_timeout_s * 1000))
        return Prepared(given, digest, context.manifest, context.texts, most, fallback)

    @cached_property
    def _fixed(self) -> tuple[Layer, Layer]:
        return self._writer.plain("system", SYSTEM_TEXT), self._writer.plain("charter", self._parts.charter_text)

    @cached_property
    def _fence(self) -> Fence:
        parts = self._parts
        texts = (SYSTEM_TEXT, parts.charter_text)
        return build_fence(parts.catalog.entries, parts.settings.link_hosts, texts, parts.settings.reply_chars)

    def _select(self, given: BrainInput, fallback: Plan) -> tuple[CatalogEntry, ...]:
        """Return the entries that a model is shown: what the rules consider first, then what the words speak of."""
        catalog = self._parts.catalog
        ranked = (*fallback.candidates, *self._rules.rank(given.message))
        names = list(dict.fromkeys(candidate.entry_id for candidate in ranked))
        if len(catalog.entries) <= SMALL_CATALOG:
            names = list(dict.fromkeys((*names, *(entry.id for entry in catalog.entries))))
        found = (catalog.find(name) for name in names[:MAX_ENTRIES])
        return tuple(entry for entry in found if entry is not None)

    def _consult(self, prepared: Prepared) -> Consultation:
        parts = self._parts
        marks = draw_marks(parts.randomness)
        names = [entry.id for entry in self._select(prepared.given, prepared.fallback)]
        schema = decision_schema(names)
        asked = parts.client.ask(render(prepared.context_texts, marks, schema, parts.settings.max_tokens))
        if asked.reply is None:
            return self._fall_back(prepared, asked)
        # INVARIANT (no-secret): redacted before anything reads or keeps it, and read as it is kept, so that a replay agrees.
        text, _ = parts.redact(marks.neutralise(_sound(asked.reply.text)))
        answer = canonical_bytes({"finish": asked.reply.finish.value, "text": text}).decode("utf-8")
        return self._conclude(prepared, answer, asked.usage)

    def _fall_back(self, prepared: Prepared, asked: Asked) -> Consultation:
        plan, code = prepared.fallback, asked.failure
        if _escalates(plan):
            plan = _escalation(code, f"{describe(code)}; rules: {plan.detail}", plan)
        texts = prepared.context_texts
        return Consultation(plan, None, prepared.manifest, asked.usage, code, texts, asked.alert)

    def _conclude(self, prepared: Prepared, answer: str, usage: Usage) -> Consultation:
        code = ""
        try:
            plan = self._plan(prepared, self._read(prepared, answer))
        except RefusedAnswerError as error:
            code = error.code
            plan = _escalation(code, describe(code), prepared.fallback)
        except Exception:  # noqa: BLE001 - whatever a model wrote, reading it ends in a plan
            code = "answer-unreadable"
            plan = _escalation(code, describe(code), prepared.fallback)
        return Consultation(plan, answer, prepared.manifest, usage, code, prepared.context_texts)

    def _read(self, prepared: Prepared, answer: str) -> Decision:
        """Return the decision in a kept answer; raises `RefusedAnswerError`."""
        finish, text = _unpack(answer)
        if finish in _FINISHED:
            raise RefusedAnswerError(_FINISHED[finish])
        if text == WITHHELD_CANARY:
            raise RefusedAnswerError("answer-canary")
        names = [entry.id for entry in self._select(prepared.given, prepared.fallback)]
        decision = read_decision(find_object(text), names)
        if decision.kind == "reply":
            objection = self._fence.objection(decision.text, _heard(prepared.given))
            if objection:
                raise RefusedAnswerError(objection)
        if decision.kind in ("mark_read", "progress_note"):
            # INVARIANT (nothing-lost): a model may not make a question or a request disappear.
            if _asks(prepared):
                raise RefusedAnswerError("question-unanswered")
            if not asks_nothing(prepared.fallback):
                raise RefusedAnswerError("closing-unsure")
        if decision.kind in ("reply", "route_answer") and asks_nothing(prepared.fallback):
            raise RefusedAnswerError("question-absent")
        if decision.kind == "route_answer":
            _check_route(prepared)
        return decision

    def _plan(self, prepared: Prepared, decision: Decision) -> Plan:
        candidates = prepared.fallback.candidates
        text = decision.text
        if decision.kind == "route_answer":
            action = PlannedAction("route_answer", {"entry_id": text})
            return Plan((action,), "model-route", describe("model-route"), text, candidates)
        if decision.kind == "reply":
            action = PlannedAction("reply", {"body": text})
            return Plan((action,), "model-reply", describe("model-reply"), None, candidates)
        if decision.kind == "progress_note":
            actions = (PlannedAction("progress_note", {"template": text}), PlannedAction("mark_read"))
            return Plan(actions, "model-note", describe("model-note"))
        if decision.kind == "mark_read":
            return Plan((PlannedAction("mark_read"),), "model-read", describe("model-read"))
        code = "model-" + text.replace("_", "-")
        return _escalation(code, describe(code), prepared.fallback)


def is_for_rules(facts: MessageFacts) -> bool:
    """Return whether our own facts about a message keep it from every model."""
    asked = facts.asks_for_secret or facts.asks_for_change or facts.instructs_worker
    return bool(asked or facts.secret_kinds or facts.automatic or facts.from_self)


def _escalates(plan: Plan) -> bool:
    return any(action.kind == "escalate" for action in plan.actions)


def _escalation(code: str, detail: str, fallback: Plan | None) -> Plan:
    return Plan((PlannedAction("escalate"),), code, detail, None, fallback.candidates if fallback else ())


def _heard(given: BrainInput) -> Iterator[str]:
    """Yield what the sender of a message wrote, here and before in the thread: no less of it than a model is shown."""
    message, left = given.message, LAYER_BYTES
    yield f"{message.content.subject}\n{message.content.body}"[:LAYER_BYTES]
    for earlier in reversed(given.thread):
        if earlier.sender.name == message.sender.name:
            text = f"{earlier.content.subject}\n{earlier.content.body}"
            yield text[max(0, len(text) - left) :]
            left = max(0, left - len(text))


def _asks(prepared: Prepared) -> bool:
    content = prepared.given.message.content
    return prepared.fallback.reason in _ASKS or "?" in content.body or "?" in content.subject


def asks_nothing(plan: Plan) -> bool:
    """Return whether the rules are sure that a message is thanks or a report: there is nothing to answer."""
    return all(action.kind in ("mark_read", "progress_note") for action in plan.actions)


def _check_route(prepared: Prepared) -> None:
    """Refuse an entry as the answer to a message that asks for several; one among equals only where a conversation may tell."""
    reason = prepared.fallback.reason
    if reason in _SEVERAL:
        raise RefusedAnswerError("question-half-answered")
    if reason == _ALIKE and not prepared.given.thread:
        raise RefusedAnswerError("question-ambiguous")


def _sound(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _unpack(answer: str) -> tuple[Finish, str]:
    """Return how the model finished and what it wrote; raises `RefusedAnswerError` when the kept text is not ours."""
    try:
        kept = json.loads(answer)
        finish, text = Finish(kept["finish"]), kept["text"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise RefusedAnswerError("answer-kept") from None
    if not isinstance(text, str):
        raise RefusedAnswerError("answer-kept")
    return finish, text
