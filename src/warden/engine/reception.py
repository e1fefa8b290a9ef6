"""A brain's answer in a form that can be relied on.

What a brain returns may be anything: another type, garbage in a field, a mapping that breaks when it is read, a secret. What
leaves here is a `Plan` whose fields have their types and their bounds, whose names may be written down, and whose remarks
hold no secret. The bodies of its actions are not looked at here: they are drafted, scanned and judged like any text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from warden.engine.draft import MAX_PLANNED_ACTIONS
from warden.engine.enforce import CAPABILITIES
from warden.model.plan import Candidate, Plan, PlannedAction

if TYPE_CHECKING:
    from warden.ports import AnswerSource, Scanner

_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
MAX_DETAIL = 600
MAX_CANDIDATES = 32
MAX_TERMS = 32
"""INVARIANT (bounded): characters of a remark, candidates of a plan, terms of a candidate."""

_MAX_SCORE = 10**9
_WITHHELD = "the brain's remark is withheld: it holds a secret"


def escalation(reason: str, detail: str = "") -> Plan:
    """Return the plan that leaves a message to a person."""
    return Plan((PlannedAction("escalate", {}),), reason, detail)


def sound_plan(answer: object, catalog: AnswerSource, scanner: Scanner) -> Plan:
    """Return the answer with unusable parts replaced; what is not a plan at all becomes an escalation.

    INVARIANT (no-secret): reason, detail, kinds and candidates go into ledger and reports, so they are scanned here.
    Raises nothing of its own; what a hostile object raises while it is read comes through.
    """
    if not isinstance(answer, Plan) or not isinstance(answer.actions, tuple):
        return escalation("brain-answer", "the brain's answer is not a plan")
    if not all(isinstance(action, PlannedAction) for action in answer.actions):
        return escalation("brain-answer", "the brain's plan holds something that is not an action")
    # One more than allowed is enough for the drafter to see that there are too many.
    actions = tuple(_sound_action(action, scanner) for action in answer.actions[: MAX_PLANNED_ACTIONS + 1])
    reason = answer.reason if isinstance(answer.reason, str) and _CODE.match(answer.reason) else "unstated"
    detail = _sound_text(answer.detail)[:MAX_DETAIL]
    candidates = _sound_candidates(answer.candidates, catalog)
    terms = " ".join(term for candidate in candidates for term in candidate.terms)
    if scanner.scan(f"{reason}\n{detail}\n{terms}"):
        reason, detail, candidates = "unstated", _WITHHELD, ()
    entry = answer.catalog_entry
    if not isinstance(entry, str) or catalog.find(entry) is None:
        entry = None
    return Plan(actions, reason, detail, entry, candidates)


def _sound_action(action: PlannedAction, scanner: Scanner) -> PlannedAction:
    """Return the action with a kind that may be written down and arguments that can be read again and again."""
    kind = action.kind if isinstance(action.kind, str) and _KIND.match(action.kind) else "unknown"
    if kind not in CAPABILITIES and scanner.scan(kind):
        kind = "unknown"
    arguments = dict(action.arguments) if isinstance(action.arguments, Mapping) else {"unreadable": True}
    return PlannedAction(kind, arguments)


def _sound_text(text: object) -> str:
    return text.encode("utf-8", "replace").decode("utf-8") if isinstance(text, str) else ""


def _sound_candidates(candidates: object, catalog: AnswerSource) -> tuple[Candidate, ...]:
    """Return the candidates that name an entry of the catalogue."""
    if not isinstance(candidates, tuple):
        return ()
    sound: list[Candidate] = []
    for candidate in candidates[:MAX_CANDIDATES]:
        if not isinstance(candidate, Candidate) or not isinstance(candidate.entry_id, str):
            continue
        if catalog.find(candidate.entry_id) is None or type(candidate.score) is not int:
            continue
        if abs(candidate.score) <= _MAX_SCORE and isinstance(candidate.terms, tuple):
            terms = tuple(_sound_text(term)[:MAX_DETAIL] for term in candidate.terms[:MAX_TERMS])
            sound.append(Candidate(candidate.entry_id, candidate.score, terms))
    return tuple(sound)
