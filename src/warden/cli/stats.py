"""`warden stats`: how much waits for people, and whether anybody reads what they release."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli.flags import AgentFlag, ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.output import print_json, talk
from warden.cli.review_text import percent, read_age
from warden.errors import EXIT_DONE

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "warden.stats/1"
WINDOWS = ("1d", "7d", "30d")
ENOUGH = 10
"""Decisions on approvals from which a rate says something."""

app = new_app("How much waits for people, and how they decide.")

WindowOption = Annotated[
    list[str] | None, typer.Option("--window", help="How far back: 12h, 7d, ...; repeatable.", metavar="AGE")
]


@app.command(help="Show the rate of escalations and of accepted approvals, per window.")
def stats(
    window: WindowOption = None,
    agent: AgentFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Show them."""
    from warden.cli.review_parts import session

    names = list(dict.fromkeys(window or WINDOWS))
    ages = {name: read_age(name) for name in names}
    with session(config, state_dir, agent, reading=True) as place:
        now, limit = place.desk.clock.now(), place.settings.review.approval_rate_warning
        found = [
            summarize(name, place.queue.counts(place.desk.agent, now - timedelta(seconds=age_s)), limit)
            for name, age_s in ages.items()
        ]
    if json:
        print_json({"schema": SCHEMA, "windows": found})
        return EXIT_DONE
    for one in found:
        print(
            f"last {one['window']:<4} {one['messages']} messages, {one['escalated']} needed a person "
            f"({percent(one['escalation_rate'])})\n          "
            f"{one['decided_approvals']} approvals decided: {one['released_approvals']} released, "
            f"{percent(one['approval_rate'])} accepted as they were; {one['expired']} expired"
        )
        if one["warning"]:
            talk(f"warning: {one['warning']}")
    return EXIT_DONE


def summarize(window: str, counts: Mapping[str, int], limit: int) -> dict[str, object]:
    """Return the figures of one window; rates are in thousandths, None where there is nothing to divide by.

    The approval rate counts what people decided: a released action is one that was accepted, edited or not. What expired was
    decided by nobody.
    """
    released = counts.get("approval.accept", 0) + counts.get("approval.edit", 0)
    accepted = counts.get("approval.accept", 0)
    decided = released + counts.get("approval.ignore", 0) + counts.get("approval.respond", 0)
    messages, escalated = counts["messages"], counts["messages.escalated"]
    rate = _thousandths(accepted, decided)
    warning = ""
    if rate is not None and decided >= ENOUGH and rate >= limit * 10:
        warning = f"{percent(rate)} of the approvals were accepted as they were: is anybody reading them?"
    return {
        "window": window,
        "messages": messages,
        "escalated": escalated,
        "escalation_rate": _thousandths(escalated, messages),
        "decided_approvals": decided,
        "released_approvals": released,
        "approval_rate": rate,
        "expired": counts.get("approval.expired", 0),
        "responded": counts.get("escalation.respond", 0) + counts.get("approval.respond", 0),
        "ignored": counts.get("escalation.ignore", 0) + counts.get("approval.ignore", 0),
        "warning": warning,
    }


def _thousandths(part: int, whole: int) -> int | None:
    return None if whole == 0 else round(1000 * part / whole)
