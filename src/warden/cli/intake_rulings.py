"""Approval words in comments, carried to the review queue: the item of exactly that digest, decided by a declared person.

Who may decide is what the queue's own gates say, as for everybody. The person is the one whose `agents` in `[review.people]`
names the account as `LOGIN@SOURCE`; the source's signature over the comment is how we know. What comes of the words is
written beside the comment's delivery.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from warden.errors import StateError, WardenError
from warden.hubs import intake_operations
from warden.model.review import Reviewer, ReviewKind, Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from warden.config.settings import Settings
    from warden.engine.parts import Parts
    from warden.engine.review import Desk as ReviewDesk
    from warden.hubs.intake import IntakeHub
    from warden.model.ids import MessageKey

RULINGS = 200
"""INVARIANT (bounded): comments whose words are carried over in one cycle."""


def carry_rulings(settings: Settings, parts: Parts, run_id: str, hub: IntakeHub) -> int:
    """Carry the words that wait over to the review queue; returns how many items were decided."""
    waiting = hub.database.read(
        "SELECT t.id, t.rule, t.key, d.sender, d.source, d.repository, d.number FROM tasks t JOIN deliveries d"
        " ON d.id = t.delivery WHERE t.state = 'ruling' ORDER BY t.id LIMIT ?",
        (RULINGS,),
    )
    if not waiting:
        return 0
    desk = _desk(settings, parts, run_id)
    decided = 0
    for number, verb, prefix, sender, source, repository, issue in waiting:
        place = f"{source}:{repository}#{issue}"
        try:
            outcome = _rule(settings, desk, (str(verb), str(prefix)), f"{sender}@{source}", place)
        except StateError:
            raise  # the words stay where they are
        except WardenError as error:
            outcome = f"refused: {error.code}"
        decided += outcome.startswith("decided")
        end = partial(
            intake_operations.end_ruling, number=int(str(number)), outcome=outcome, now=parts.clock.now().timestamp()
        )
        hub.database.write(end)
    return decided


def _rule(settings: Settings, desk: ReviewDesk, words: tuple[str, str], account: str, place: str) -> str:
    from warden.engine import review, review_endings, review_rulings

    verb, prefix = words
    reviewer = reviewer_of(settings, account)
    if reviewer is None:
        return "refused: unknown-reviewer"
    items = review.select(desk, Selection(kind=ReviewKind.APPROVAL))
    found = [item for item in items if item.action_digest.removeprefix("sha256:").startswith(prefix)]
    if len(found) != 1:
        return "refused: no-such-item" if not found else "refused: ambiguous-digest"
    reason = f"said so in a comment at {place}"
    decide: Callable[..., object] = review_rulings.accept if verb == "approve" else review_endings.ignore
    decide(desk, reviewer, found[0].number, reason)
    return f"decided: item {found[0].number}"


def reviewer_of(settings: Settings, account: str) -> Reviewer | None:
    """Return the declared person who writes under this account (`LOGIN@SOURCE`), None when nobody does."""
    for person in settings.review.people:
        if account in person.agents:
            return Reviewer(f"person:{person.name}", True, frozenset({person.name, *person.agents}))
    return None


def _desk(settings: Settings, parts: Parts, run_id: str) -> ReviewDesk:
    from contextlib import ExitStack

    from warden.cli.review_parts import Messages, rules_of
    from warden.documents.request import request_from_json
    from warden.engine.release import Gate
    from warden.engine.review import Desk

    assert parts.reviews is not None

    def digest(key: MessageKey) -> str:
        with ExitStack() as stack:
            return Messages(settings, parts.scanner, stack).digest(key)

    return Desk(
        agent=settings.agent,
        run_id=run_id,
        store=parts.store,
        queue=parts.reviews,
        clock=parts.clock,
        rules=rules_of(settings),
        scanner=parts.scanner,
        open_gate=lambda: Gate(parts.kernel, parts.scanner, parts.store, parts.clock),
        read_request=request_from_json,
        read_json=json.loads,
        current_digest=digest,
    )
