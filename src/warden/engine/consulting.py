"""Asking a model, from the outside: kept answers first, then the budget, then the call, and the answer durable before its use.

What it does: gets from `ports.ModelBrain` a plan for each message of a batch, in the order of the batch. What it does not:
know a prompt, a provider or a key, judge a plan, or deliver. Rules:

1. INVARIANT (dry-run-is-pure): an answer is kept under the digest of all that it depends on, in dry runs too, and used again
   by every later run: a message is sent to a model once. A process that dies between the call and the commit asks once more.
2. INVARIANT (own-count): what a question may cost is held against the limits before it is asked, and what it did cost is in
   the ledger, in one commit with the answer, before the answer becomes a plan. Dry runs spend too.
3. A message that the model cannot be asked about goes to the rules; what they cannot answer is escalated with the reason.
   Where only an operator can make the model usable again (it refuses our credential), it is told so once, and no further
   message of the run is sent to it.
4. Questions of a round run side by side; plans come out in order, and a run that is asked to stop plans no message behind one
   that has no plan.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

from warden.engine.conversation import with_conversation
from warden.engine.parts import FAULTS
from warden.engine.purse import Purse, Refusal
from warden.engine.reception import escalation
from warden.ledger.schema import bounded_word
from warden.model.consultation import Consultation, Prepared
from warden.model.message import BrainInput
from warden.model.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warden.engine.journal import Journal
    from warden.engine.parts import Asking, Parts, Terms
    from warden.engine.pull import Seen

BUDGET = "budget-spent"
"""Reason code of a message that no model was asked about because a budget is spent."""

FAILED = "brain-failed"
ANSWERED = "answered"
REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class _Question:
    """A message that a model is to be asked about, and its place in the batch."""

    place: int
    seen: Seen
    prepared: Prepared

    @property
    def sender(self) -> str:
        """Who sent the message."""
        return self.seen.message.sender.name


class Consulting:
    """Gets the plans of one run's messages from a brain that asks a model.

    `counts` tells how many messages the model was asked about and how many kept answers were used again; `alert` is what an
    operator must do before the model can be used, empty for nothing, and `unusable` the reason code that says so.
    """

    def __init__(self, parts: Parts, terms: Terms, asking: Asking, journal: Journal) -> None:
        self._parts = parts
        self._asking = asking
        self._brain = asking.brain
        self._journal = journal
        self._purse = Purse(parts.store, parts.clock, asking.budget(), terms.run_id)
        self.counts: Counter[str] = Counter()
        self.alert = ""
        self.unusable = ""

    def propose(self, messages: Sequence[Seen]) -> list[Plan]:
        """Return a plan for each message, in order; for fewer when the run is asked to stop.

        Raises `HubError` when a conversation cannot be fetched, `StateError` and `LedgerError`. What a brain raises becomes an
        escalation.
        """
        plans: dict[int, Plan] = {}
        open_ones: deque[_Question] = deque()
        for place, seen in enumerate(messages):
            found = self._prepare(seen)
            if isinstance(found, Plan):
                plans[place] = found
            elif (kept := self._replay(found)) is not None:
                plans[place] = kept
            else:
                open_ones.append(_Question(place, seen, found))
        while open_ones and not self._parts.stop.requested():
            plans.update(self._next_round(open_ones))
        return list(map(plans.__getitem__, takewhile(plans.__contains__, range(len(messages)))))

    def _prepare(self, seen: Seen) -> Plan | Prepared:
        given = BrainInput(seen.message, seen.facts)
        found = self._prepared(given)
        if isinstance(found, Plan):
            return found
        reopened = seen.before is not None and seen.before.reopened
        told = with_conversation(given, reopened, self._parts.hub, self._parts.scanner)
        return found if told is given else self._prepared(told)

    def _prepared(self, given: BrainInput) -> Plan | Prepared:
        try:
            found = self._brain.prepare(given)
        except Exception as error:  # noqa: BLE001 - a brain may be anything, and it must not end the run
            return _failed(error)
        return found if isinstance(found, Plan | Prepared) else escalation("brain-answer", "the brain prepared nothing")

    def _replay(self, prepared: Prepared) -> Plan | None:
        """Return the plan of the answer that was kept for this very question, None when there is none."""
        data = self._parts.store.answer(prepared.input_digest)
        if data is None:
            return None
        try:
            consultation = self._brain.replay(prepared, data.decode("utf-8"))
            plan = consultation.plan
        except Exception as error:  # noqa: BLE001 - as above; the answer stays kept, and is not paid for twice
            plan = _failed(error)
        self.counts[REPLAYED] += 1
        return plan

    def _next_round(self, open_ones: deque[_Question]) -> dict[int, Plan]:
        """Take from `open_ones` what is refused, and as many questions as may be asked side by side; return their plans."""
        plans: dict[int, Plan] = {}
        round_: list[_Question] = []
        while open_ones and len(round_) < self._asking.parallel:
            question = open_ones[0]
            if self.unusable:
                plans[question.place] = self._decline(question, self.unusable)
            elif (refusal := self._purse.refusal(question.sender, question.prepared.estimate)) is None:
                self._purse.take(question.sender, question.prepared.estimate)
                round_.append(question)
            elif self._purse.is_spent(question.sender, question.prepared.estimate):
                plans[question.place] = self._decline(question, BUDGET, refusal)
            else:
                break  # what is on its way may turn out to cost less: asked again in the next round
            open_ones.popleft()
        self.counts[FAULTS] += len(plans)
        if round_:
            plans.update(self._ask(round_))
        return plans

    def _ask(self, questions: Sequence[_Question]) -> dict[int, Plan]:
        answers = self._parts.pool.run([partial(self._consult, question) for question in questions])
        for question, answer in zip(questions, answers, strict=True):
            self._journal.asked(question.seen, question.prepared, self._sound(answer), self._brain)
            if answer.alert and not self.alert:
                self.alert, self.unusable = answer.alert, answer.fallback_reason or FAILED
                self._parts.reporter.alert(self.alert)
                self._journal.write("alert_raised", code="model", subject=bounded_word(self.alert))
            # A pass whose model did not answer is no evidence of what unattended passes will do.
            self.counts[FAULTS] += answer.answer is None and answer.fallback_reason not in ("", FAILED)
        # The answer is durable before anything is made of it; with it, that it was paid for.
        self._journal.commit()
        self._purse.settle()
        self.counts["asked"] += sum(answer.usage.calls > 0 for answer in answers)
        stopped = self._parts.stop.requested()
        plans: dict[int, Plan] = {}
        for question, answer in zip(questions, answers, strict=True):
            is_unanswered = answer.answer is None and answer.fallback_reason != ""
            if not is_unanswered:
                plans[question.place] = answer.plan
            elif not stopped:
                # Beside one that was refused for our key, another may have been told something else for the same cause.
                plans[question.place] = self._decline(question, self.unusable) if self.unusable else answer.plan
            # A question that a stop cut short says nothing about the model: the next run asks again.
        return plans

    def _consult(self, question: _Question) -> Consultation:
        prepared = question.prepared
        try:
            answer = self._brain.consult(prepared)
            if isinstance(answer, Consultation):
                return answer
            raise TypeError("not a consultation")
        except Exception as error:  # noqa: BLE001 - as above; nobody knows what it used, so it counts as all that it might
            return Consultation(_failed(error), None, prepared.manifest, prepared.estimate, FAILED)

    def _sound(self, answer: Consultation) -> Consultation:
        """INVARIANT (no-secret): an answer in which the guard still finds something is not kept."""
        if answer.answer is None or not self._parts.scanner.scan(answer.answer):
            return answer
        return replace(answer, answer=None)

    def _decline(self, question: _Question, reason: str, refusal: Refusal | None = None) -> Plan:
        try:
            plan = self._brain.decline(question.prepared, reason).plan
        except Exception as error:  # noqa: BLE001 - as above
            plan = _failed(error)
        if refusal is not None and plan.reason == reason:
            plan = replace(plan, detail=f"{refusal.detail}; rules: {question.prepared.fallback.detail}")
        return plan


def _failed(error: Exception) -> Plan:
    return escalation(FAILED, f"the brain failed with {type(error).__name__}")
