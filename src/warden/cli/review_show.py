"""`warden review show` and `warden review next`: all of one item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.cli.output import print_json, talk
from warden.cli.review_parts import session
from warden.cli.review_text import SCHEMA, detail_document, detail_lines, history_lines
from warden.errors import EXIT_DONE

if TYPE_CHECKING:
    from warden.cli.review_options import ItemOptions, NextOptions


def show(options: ItemOptions) -> int:
    """Show one item; returns the exit status."""
    from warden.engine.review import show as look

    with session(options.config, options.state_dir, options.agent, reading=True) as place:
        detail, now = look(place.desk, options.number), place.desk.clock.now()
    if options.json:
        print_json({"schema": SCHEMA, "item": detail_document(detail, place.desk.rules, now)})
    else:
        print("\n".join([*detail_lines(detail, now), *history_lines(detail)]))
    return EXIT_DONE


def show_next(options: NextOptions) -> int:
    """Show the item that should be looked at next; returns the exit status."""
    from warden.engine.review import following
    from warden.engine.review import show as look

    with session(options.config, options.state_dir, options.agent, reading=True) as place:
        item, now = following(place.desk), place.desk.clock.now()
        detail = None if item is None else look(place.desk, item.number)
    if options.json:
        shown = None if detail is None else detail_document(detail, place.desk.rules, now)
        print_json({"schema": SCHEMA, "item": shown})
    elif detail is None:
        talk("nothing waits")
    else:
        print("\n".join([*detail_lines(detail, now), *history_lines(detail)]))
    return EXIT_DONE
