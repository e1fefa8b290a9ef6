"""The page of the queue: filters, pages of items, selection for a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from warden.engine import review
from warden.engine.review_gates import owner_of, standing
from warden.model.review import ReviewItem, ReviewKind, ReviewState
from warden.server.console.items import seen_of
from warden.server.console.look import page
from warden.server.console.visit import Answer, RefusedVisitError
from warden.store.console_queries import COUNT_LIMIT, Wanted, count_items, read_page, read_senders, read_subjects
from warden.store.queries import milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warden.engine.review import Desk
    from warden.server.console.visit import Visit

PAGE = 50
"""INVARIANT (bounded): items of one page."""
WAITING = "waiting"
"""The filter for what a person has still to look at: also what has expired, until that is recorded: its message waits."""
STATES: dict[str, frozenset[ReviewState]] = {
    WAITING: frozenset({ReviewState.OPEN, ReviewState.ACKNOWLEDGED}),
    **{state.value: frozenset({state}) for state in ReviewState},
    "all": frozenset(ReviewState),
}
AGES = {"": 0, "1h": 3600, "1d": 86_400, "3d": 3 * 86_400, "7d": 7 * 86_400}
FILTERS = ("kind", "state", "sender", "owner", "rule", "older")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the queue; `state` is the one that people are told, which an approval has from the moment it expires on."""

    item: ReviewItem
    subject: str
    owner: str
    state: str
    seen: str

    @property
    def what(self) -> str:
        """What is asked, in a few words."""
        if self.item.delivery:
            return f"deliver {self.item.action_kind} again?"
        return self.item.action_kind if self.item.kind is ReviewKind.APPROVAL else self.item.reason


def read_filters(query: Mapping[str, str]) -> dict[str, str]:
    """Return the filters that a query names; raises `RefusedVisitError` for words that there are not."""
    filters = {name: query.get(name, "")[:200] for name in FILTERS}
    filters["state"] = filters["state"] or WAITING
    fine = (
        filters["kind"] in ("", *(kind.value for kind in ReviewKind))
        and filters["state"] in STATES
        and filters["older"] in AGES
    )
    if not fine:
        raise RefusedVisitError(422, "there is no such filter", "choose from the lists")
    return filters


def wanted_of(desk: Desk, filters: Mapping[str, str]) -> Wanted:
    """Return the filters as a question to the store."""
    older = AGES[filters["older"]]
    return Wanted(
        agent=desk.agent,
        kind=ReviewKind(filters["kind"]) if filters["kind"] else None,
        states=STATES[filters["state"]],
        sender=filters["sender"],
        opened_to_ms=milliseconds(desk.clock.now()) - older * 1000 if older else None,
        owner=filters["owner"],
        owners=desk.rules.owners,
        default_owner=desk.rules.owner,
        rule=filters["rule"],
        now_ms=None if filters["state"] == WAITING else milliseconds(desk.clock.now()),
    )


def show(visit: Visit) -> Answer:
    """Show a page of the queue."""
    filters = read_filters(visit.query)
    after = visit.query.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) <= 18):
        raise RefusedVisitError(422, "there is no such page of the queue")
    with visit.parts.open_desk(True) as place:
        desk = place.desk
        now, rules = desk.clock.now(), desk.rules
        wanted = wanted_of(desk, filters)
        found = place.read(lambda connection: read_page(connection, wanted, int(after), PAGE))
        total = place.read(lambda connection: count_items(connection, wanted))
        subjects = place.read(lambda connection: read_subjects(connection, found.items))
        senders = place.read(lambda connection: read_senders(connection, desk.agent))
        owners = sorted(rules.people)
    rows = [
        Row(item, subjects.get(item.number, ""), owner_of(rules, item), standing(item, now).value, seen_of(item))
        for item in found.items
    ]
    plain = {name: value for name, value in filters.items() if value and (name, value) != ("state", WAITING)}
    return page(
        visit,
        "queue.html",
        rows=rows,
        filters=filters,
        filtered=bool(plain),
        states=list(STATES),
        ages=[age for age in AGES if age],
        senders=senders,
        owners=owners,
        total=f"more than {COUNT_LIMIT}" if total > COUNT_LIMIT and (wanted.owner or wanted.rule) else total,
        more=f"/review?{urlencode({**plain, 'after': rows[-1].item.number})}" if found.more else "",
        first="" if after == "0" else f"/review?{urlencode(plain)}",
        mark=visit.parts.mark(),
    )


def following(visit: Visit) -> Answer:
    """Go to the item that a person should look at next."""
    after = visit.query.get("after", "0")
    with visit.parts.open_desk(True) as place:
        item = review.following(
            place.desk, int(after) if after.isascii() and after.isdigit() and len(after) < 18 else 0
        )
    return Answer(location="/review" if item is None else f"/review/{item.number}")
