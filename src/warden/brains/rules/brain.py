"""The rule brain itself: facts first, then what is asked, then what is said; every plan says why."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from warden.brains.rules import mail as mails
from warden.brains.rules import statements
from warden.brains.rules.identity import NAME, rule_brain_digest
from warden.brains.rules.index import CatalogIndex, Score
from warden.brains.rules.mail import Mail, read_mail
from warden.brains.rules.match import Finding, QuestionMatcher
from warden.brains.rules.questions import OTHER, Question, is_courtesy, read_questions
from warden.model.catalog import Catalog
from warden.model.message import BrainInput, Message, MessageFacts
from warden.model.plan import Candidate, Plan, PlannedAction

MAX_CANDIDATES = 5
MAX_QUESTIONS = 12
STATUS_TEMPLATE = "status_received"


class RuleBrain:
    """Implements `ports.Brain` with rules over one catalogue. Its index is built at the first message."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._digest = rule_brain_digest(catalog.digest)

    @property
    def name(self) -> str:
        """`rule`."""
        return NAME

    @property
    def digest(self) -> str:
        """Digest of this brain's version and its catalogue's digest."""
        return self._digest

    @cached_property
    def _matcher(self) -> QuestionMatcher:
        return QuestionMatcher(CatalogIndex(self._catalog))

    def propose(self, given: BrainInput) -> Plan:
        """Return a plan for one message. Never raises for any text; safe to call from several threads."""
        message, facts = given.message, given.facts
        content = message.content
        if facts.from_self:
            return _skip("from-self", "the message is our own")
        too_long = len(content.body) > mails.MAX_READ_CHARS or len(content.subject) > mails.MAX_READ_CHARS
        by_facts = _judge_facts(facts, too_long)
        if by_facts is not None:
            return by_facts
        mail = read_mail(content.subject, content.body, content.in_reply_to is not None)
        if len(mail.sentences) > mails.MAX_SENTENCES:
            return _escalate("too-long", f"the message has more than {mails.MAX_SENTENCES} sentences")
        if mail.digest:
            return _escalate("several-mails", "several mails stand in this one message")
        return self._judge_text(message, mail)

    def rank(self, message: Message) -> tuple[Candidate, ...]:
        """Return the entries that the message's words speak of, best first, answer or not. Never raises for any text."""
        content = message.content
        body = content.body[: mails.MAX_READ_CHARS]
        mail = read_mail(content.subject[: mails.MAX_READ_CHARS], body, content.in_reply_to is not None)
        found = self._matcher.match_text(" ".join((mail.subject, *mail.sentences[: mails.MAX_SENTENCES])))
        return tuple(Candidate(score.entry.id, _thousandths(score), score.terms) for score in found.scores)

    def _judge_text(self, message: Message, mail: Mail) -> Plan:
        asked: list[tuple[Question, str]] = []
        told: list[str] = []
        before = ""
        for sentence in mail.sentences:
            questions = read_questions(sentence)
            asked.extend((question, before) for question in questions)
            if not questions and not is_courtesy(sentence):
                told.append(sentence)
            before = sentence
        subject_counts = not mail.subject_is_old or not mail.sentences
        if subject_counts and mail.subject:
            for question in read_questions(mail.subject):
                if question.kind != OTHER or not asked:
                    asked.insert(0, (question, ""))
        if asked:
            return self._judge_questions(asked, told, mail)
        return self._judge_statements(message, mail)

    def _judge_questions(self, asked: list[tuple[Question, str]], told: list[str], mail: Mail) -> Plan:
        if len(asked) > MAX_QUESTIONS:
            return _escalate("two-questions", f"more than {MAX_QUESTIONS} questions")
        findings = [self._resolve(question, before, mail) for question, before in asked]
        named = [finding for finding in findings if not finding.empty]
        if not named:
            return _escalate("unknown", "a question without an object that the catalogue knows")
        candidates = _merge(score for finding in named for score in finding.scores[:MAX_CANDIDATES])
        answers = {finding.entry_id for finding in named}
        if len(answers) > 1 and len(named) > 1:
            return _escalate("two-questions", f"{len(named)} different questions: {_name(candidates)}", candidates)
        finding = named[0]
        if finding.entry_id is None:
            return _escalate(finding.reason, f"no entry answers clearly: {_name(candidates)}", candidates)
        further = next((sentence for sentence in told if statements.is_further_request(sentence)), None)
        if further is not None:
            return _escalate(
                "asks-more", f"beside the question about {finding.entry_id}, something else is asked for", candidates
            )
        other = self._other_need(told, mail, finding.entry_id)
        if other is not None:
            return _escalate("several-candidates", f"asks about {finding.entry_id} and speaks of {other}", candidates)
        return _answer(finding)

    def _resolve(self, question: Question, before: str, mail: Mail) -> Finding:
        """Match a question; one without an object ("who do I ask?") is about what was said just before it."""
        subject = "" if mail.subject_is_old and mail.sentences else mail.subject
        context = " ".join(text for text in (question.lead, subject) if text)
        finding = self._matcher.match(question, context)
        if not finding.empty or question.kind == OTHER:
            return finding
        for text in (question.lead, before, subject):
            if not text:
                continue
            needed = statements.needed_object(text)
            found = self._matcher.match_text(needed or text)
            if found.entry_id is not None:
                return found
            if found.reason == "several-candidates":
                break
        return self._matcher.match_told(before) if before else finding

    def _other_need(self, told: list[str], mail: Mail, entry_id: str) -> str | None:
        """Return the id of another entry that the sender also needs or that the subject names, if there is one."""
        texts = [needed for sentence in told if (needed := statements.needed_object(sentence)) is not None]
        if mail.subject and not mail.subject_is_old:
            texts.append(mail.subject)
        for text in texts:
            found = self._matcher.match_text(text)
            if found.entry_id is not None and found.entry_id != entry_id:
                return found.entry_id
        return None

    def _judge_statements(self, message: Message, mail: Mail) -> Plan:
        claimed = message.content.kind == "status"
        # INVARIANT (own-count): the sender's word `status` alone earns nothing, and takes the acknowledgement away.
        if statements.is_status_report(mail.sentences, mail.subject, claimed):
            actions = (PlannedAction("progress_note", {"template": STATUS_TEMPLATE}), PlannedAction("mark_read"))
            return Plan(actions, "status-report", "reports what was done, and asks for nothing")
        if not claimed and statements.is_acknowledgement(mail.sentences, mail.subject):
            return Plan(
                (PlannedAction("mark_read"),), "acknowledgement", "thanks, confirms or informs, and asks for nothing"
            )
        found = self._matcher.match_text(" ".join((mail.subject, *mail.sentences[:3])))
        candidates = found.scores[:MAX_CANDIDATES]
        if candidates and candidates[0].value >= 0.5:
            return _escalate("no-question", f"names {_name(candidates)}, but asks no question", candidates)
        return _escalate(
            "unknown", "neither a question that the catalogue answers, nor an acknowledgement, nor a report"
        )


def _judge_facts(facts: MessageFacts, too_long: bool) -> Plan | None:
    if facts.secret_kinds:
        kinds = ", ".join(sorted(facts.secret_kinds))
        return _escalate("secret-received", f"a secret was sent to us ({kinds}): its owner should replace it")
    if too_long:
        return _escalate("too-long", f"the message is longer than {mails.MAX_READ_CHARS} characters")
    if facts.instructs_worker:
        return _escalate("instructs-worker", "the message tries to instruct the worker")
    if facts.automatic:
        return _skip("automatic", "automatic mail is never answered (RFC 3834)")
    if facts.asks_for_secret:
        return _escalate("asks-for-secret", "the message asks for a secret's value")
    if facts.asks_for_change:
        return _escalate("asks-for-change", "the message asks for an act that changes something")
    return None


def _skip(reason: str, detail: str) -> Plan:
    return Plan((PlannedAction("skip"),), reason, detail)


def _escalate(reason: str, detail: str, scores: Iterable[Score] = ()) -> Plan:
    action = PlannedAction("escalate", {"reason": reason})
    return Plan((action,), reason, detail, None, _candidates(scores))


def _answer(finding: Finding) -> Plan:
    best = finding.scores[0]
    runner_up = finding.scores[1] if len(finding.scores) > 1 else None
    second = (
        f"next is {runner_up.entry.id} with {_thousandths(runner_up)}"
        if runner_up
        else "no other entry knows these words"
    )
    detail = f"{best.entry.id} by {', '.join(best.terms)}: score {_thousandths(best)}, {second}"
    action = PlannedAction("route_answer", {"entry_id": best.entry.id})
    return Plan((action,), "routing-question", detail, best.entry.id, _candidates(finding.scores))


def _merge(scores: Iterable[Score]) -> list[Score]:
    best: dict[str, Score] = {}
    for score in scores:
        if score.entry.id not in best or score.value > best[score.entry.id].value:
            best[score.entry.id] = score
    return sorted(best.values(), key=lambda score: (-score.value, score.entry.id))


def _thousandths(score: Score) -> int:
    return round(score.value * 1000)


def _candidates(scores: Iterable[Score]) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(score.entry.id, _thousandths(score), score.terms) for score in tuple(scores)[:MAX_CANDIDATES]
    )


def _name(scores: Iterable[Score]) -> str:
    shown = [f"{score.entry.id} ({_thousandths(score)})" for score in tuple(scores)[:3]]
    return ", ".join(shown) if shown else "nothing in the catalogue"
