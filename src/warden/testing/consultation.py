"""A brain that asks a model, as the engine sees one, without a model: what it answers is scripted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.model.consultation import Consultation, ContextManifest, LayerManifest, Prepared, Usage
from warden.model.digests import digest_text, digest_value
from warden.model.plan import Plan, PlannedAction
from warden.testing.engine import plan_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from warden.model.message import BrainInput

ONE_CALL = Usage(calls=1, prompt_tokens=100, completion_tokens=50, cost_microunits=20, wall_ms=1_000)
"""What one question is said to cost at most."""
USED = Usage(calls=1, prompt_tokens=80, completion_tokens=10, cost_microunits=9, wall_ms=400)
"""What one question does use."""


class ScriptedModel:
    """Implements `ports.ModelBrain`: answers a body for each message, or what the script raises. `asked` keeps whom it asked.

    `script` returns the body of a reply; None for no answer at all. `rules` answers without the model where it returns a plan;
    `fallback` is what is proposed without the model; `alert` is what each consultation tells the operator.
    """

    name = "llm"
    digest = "sha256:" + "d" * 64
    model = "scripted/model"

    def __init__(self, script: Callable[[BrainInput], str | None] = lambda given: "Ask platform-ops.") -> None:
        self.script = script
        self.rules: Callable[[BrainInput], Plan | None] = lambda given: None
        self.fallback = plan_of("escalate", "unknown")
        self.alert = ""
        self.estimate = ONE_CALL
        self.used = USED
        self.asked: list[str] = []
        self.shown: list[BrainInput] = []

    def propose(self, given: BrainInput) -> Plan:
        """Prepare and consult in one."""
        found = self.prepare(given)
        return found if isinstance(found, Plan) else self.consult(found).plan

    def prepare(self, given: BrainInput) -> Prepared | Plan:
        """Return the rules' plan, or the message with its conversation as the one layer of a prompt."""
        by_rules = self.rules(given)
        if by_rules is not None:
            return by_rules
        text = "\n".join(one.content.body for one in (*given.thread, given.message))
        digest = digest_text(text)
        manifest = ContextManifest(digest, (LayerManifest("message", digest, len(text.encode())),))
        said = [given.message.digest, *(one.digest for one in given.thread), self.digest]
        return Prepared(given, digest_value(list(said)), manifest, {digest: text}, self.estimate, self.fallback)

    def consult(self, prepared: Prepared) -> Consultation:
        """Return what the script says."""
        self.asked.append(prepared.given.message.key.message_id)
        self.shown.append(prepared.given)
        body = self.script(prepared.given)
        refused = "model-credential" if self.alert else "model-unreachable"
        plan, reason = (self._without(prepared, refused), refused) if body is None else (self._reply(body), "")
        return Consultation(plan, body, prepared.manifest, self.used, reason, prepared.context_texts, self.alert)

    def replay(self, prepared: Prepared, answer: str) -> Consultation:
        """Return the same plan again."""
        return Consultation(self._reply(answer), answer, prepared.manifest, Usage())

    def decline(self, prepared: Prepared, reason: str) -> Consultation:
        """Return the fallback; an escalation says why."""
        return Consultation(self._without(prepared, reason), None, prepared.manifest, Usage(), reason)

    def _without(self, prepared: Prepared, reason: str) -> Plan:
        plan = prepared.fallback
        return Plan(plan.actions, reason) if plan.actions[0].kind == "escalate" else plan

    def _reply(self, body: str) -> Plan:
        return Plan((PlannedAction("reply", {"body": body}),), "model-reply")
