"""What is in force, why a request is decided as it is, and what a candidate policy would change. Nothing is changed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.errors import WardenError
from warden.server.console.look import page
from warden.server.console.visit import status_of

if TYPE_CHECKING:
    from warden.server.console.parts import Document
    from warden.server.console.visit import Answer, Visit

TEXT_BYTES = 256 * 1024
"""INVARIANT (bounded): bytes of a request or candidate policy."""


def show(
    visit: Visit,
    status: int = 200,
    *,
    explained: Document | None = None,
    simulated: Document | None = None,
    problem: WardenError | None = None,
) -> Answer:
    """Show what is in force, with what a form asked."""
    return page(
        visit,
        "policy.html",
        status=status,
        policy=visit.parts.sources.policy(),
        explained=explained,
        simulated=simulated,
        problem=problem,
        request_text=visit.field("request") or _example(visit),
        candidate=visit.field("candidate"),
        name=visit.field("name") or "candidate.yaml",
    )


def _example(visit: Visit) -> str:
    """Return the request that an item was judged on, when the address names one; else an example."""
    import json

    number = visit.query.get("item", "")
    if number.isascii() and number.isdigit() and len(number) <= 18:
        with visit.parts.open_desk(True) as place:
            item = place.desk.queue.item(int(number))
            data = place.desk.store.blob(item.request_digest) if item is not None and item.request_digest else None
        if data is not None:
            return json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    return json.dumps(
        {"topic": "job.warden.reply", "capability": "messaging.reply", "actor_id": "ops-warden", "actor_type": "agent"},
        indent=2,
    )


def explain(visit: Visit) -> Answer:
    """Show how the decision on a request comes about."""
    try:
        explained = visit.parts.sources.explain(visit.field("request").encode("utf-8", "replace")[:TEXT_BYTES])
    except WardenError as error:
        return show(visit, status_of(error), problem=error)
    return show(visit, explained=explained)


def simulate(visit: Visit) -> Answer:
    """Show what a candidate policy would have changed about past decisions."""
    data = visit.field("candidate").encode("utf-8", "replace")[:TEXT_BYTES]
    try:
        simulated = visit.parts.sources.simulate(visit.field("name") or "candidate.yaml", data)
    except WardenError as error:
        return show(visit, status_of(error), problem=error)
    return show(visit, simulated=simulated)
