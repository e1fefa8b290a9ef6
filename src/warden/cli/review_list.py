"""`warden review list`: a page of the queue, as many items as are asked for, and how many there are."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from warden.cli.output import print_json, talk
from warden.cli.review_parts import reading
from warden.cli.review_text import SCHEMA, item_document, item_line, selection
from warden.errors import EXIT_DONE
from warden.store.console_queries import Wanted, count_items, read_page
from warden.store.queries import milliseconds

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from warden.cli.review_options import ListOptions
    from warden.cli.review_parts import Reading
    from warden.model.review import ReviewItem, Selection


def list_items(options: ListOptions) -> int:
    """Print a page of the queue; returns the exit status."""
    chosen = selection(options)
    with reading(options.config, options.state_dir, options.agent) as place:
        now, rules = place.clock.now(), place.rules
        found = read_listed(place, chosen, now, options.after, options.limit)
    if options.json:
        items = [item_document(item, rules, now) for item in found.items]
        print_json({"schema": SCHEMA, "items": items, "total": found.total, "next_after": found.next_after})
        return EXIT_DONE
    sys.stdout.write("".join(item_line(item, rules, now) + "\n" for item in found.items))
    if not found.items:
        talk("nothing waits" if not options.after else "nothing more waits")
        return EXIT_DONE
    if found.more:
        talk(
            f"{len(found.items)} of {found.total} are shown; go on with --after {found.next_after}, or a larger --limit"
        )
    talk("look at one with `warden review show ITEM`")
    return EXIT_DONE


@dataclass(frozen=True, slots=True)
class Listed:
    """Items, oldest first; whether there are more behind them; and how many fit in all."""

    items: tuple[ReviewItem, ...]
    more: bool
    total: int

    @property
    def next_after(self) -> int | None:
        """The number after which the next page begins, None at the end."""
        return self.items[-1].number if self.more else None


def read_listed(place: Reading, selection: Selection, now: datetime, after: int, limit: int) -> Listed:
    """Return the items that fit with numbers above `after`, at most `limit`: as `engine.review.select` finds them."""
    wanted = _wanted(place, selection, now)

    def read(connection: sqlite3.Connection) -> Listed:
        page = read_page(connection, wanted, after, limit)
        return Listed(page.items, page.more, count_items(connection, wanted))

    return place.queue.read(read)


def _wanted(place: Reading, selection: Selection, now: datetime) -> Wanted:
    def moment(age_s: float | None) -> int | None:
        return None if age_s is None else milliseconds(now - timedelta(seconds=age_s))

    return Wanted(
        place.settings.agent,
        selection.kind,
        selection.states,
        selection.sender,
        opened_from_ms=moment(selection.younger_than_s),
        opened_to_ms=moment(selection.older_than_s),
        owner=selection.owner,
        owners=place.rules.owners,
        default_owner=place.rules.owner,
        rule=selection.rule,
        reason=selection.reason,
        now_ms=None if selection.overdue else milliseconds(now),
    )
