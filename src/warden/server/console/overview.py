"""The start page, schedule and health, and charts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from warden.server.console.charts import Chart, draw, rate
from warden.server.console.look import page
from warden.server.console.visit import RefusedVisitError
from warden.store.console_queries import (
    VERDICTS,
    Wanted,
    count_items,
    read_escalated_by_step,
    read_latency_by_step,
    read_messages_by_step,
    read_page,
    read_reviews_by_step,
    read_spending_by_step,
    read_subjects,
)

if TYPE_CHECKING:
    from warden.server.console.parts import OpenDesk
    from warden.server.console.visit import Answer, Visit

WINDOWS = {"1d": (3_600_000, 24, "%H:%M"), "7d": (6 * 3_600_000, 28, "%d %b"), "30d": (86_400_000, 30, "%d %b")}
"""Step in milliseconds, number of steps, and how a step is labelled."""
FIRST = 8
"""Items of the start page."""


def home(visit: Visit) -> Answer:
    """Show what waits, how unattended running is, and whether the ledger holds."""
    with visit.parts.open_desk(True) as place:
        agent = place.desk.agent
        waiting = place.read(lambda connection: count_items(connection, Wanted(agent)))
        found = place.read(lambda connection: read_page(connection, Wanted(agent), 0, FIRST))
        subjects = place.read(lambda connection: read_subjects(connection, found.items))
        charts = make_charts(place, "1d", visit.parts.clock.now())
        head = place.desk.store.head()
    return page(
        visit,
        "home.html",
        waiting=waiting,
        items=found.items,
        subjects=subjects,
        charts=[(chart, draw(chart)) for chart in charts[:1]],
        head=head,
        badge_of=visit.parts.sources.verified(),
        health=visit.parts.sources.health(),
        rates=visit.parts.sources.rates(),
        mark=visit.parts.mark(),
    )


def health(visit: Visit) -> Answer:
    """Show schedule and health."""
    return page(
        visit,
        "health.html",
        health=visit.parts.sources.health(),
        rates=visit.parts.sources.rates(),
        badge_of=visit.parts.sources.verified(),
        undelivered=visit.parts.sources.delivery_problem(),
        mark=visit.parts.mark(),
    )


def charts(visit: Visit) -> Answer:
    """Show charts of a window of time."""
    window = visit.query.get("window", "7d")
    if window not in WINDOWS:
        raise RefusedVisitError(422, "there is no such window", "1d, 7d or 30d")
    with visit.parts.open_desk(True) as place:
        made = make_charts(place, window, visit.parts.clock.now())
    drawn = [(chart, draw(chart)) for chart in made]
    return page(visit, "charts.html", charts=drawn, window=window, windows=list(WINDOWS), mark=visit.parts.mark())


def make_charts(place: OpenDesk, window: str, now: datetime) -> list[Chart]:
    """Return the charts of a window that ends now."""
    step_ms, bins, form = WINDOWS[window]
    end_ms = (int(now.timestamp() * 1000) // step_ms + 1) * step_ms
    start_ms = end_ms - bins * step_ms
    start = datetime.fromtimestamp(start_ms / 1000, UTC)
    labels = tuple((start + timedelta(milliseconds=step_ms * number)).strftime(form) for number in range(bins))
    agent = place.desk.agent
    messages = place.read(lambda connection: read_messages_by_step(connection, agent, start_ms, step_ms, bins))
    escalated = place.read(lambda connection: read_escalated_by_step(connection, agent, start_ms, step_ms, bins))
    reviews = place.read(lambda connection: read_reviews_by_step(connection, agent, start_ms, step_ms, bins))
    latency = place.read(lambda connection: read_latency_by_step(connection, agent, start_ms, step_ms, bins))
    spending = place.read(lambda connection: read_spending_by_step(connection, start_ms, step_ms, bins))
    accept = VERDICTS.index("accept")
    decided = tuple(VERDICTS.index(word) for word in ("accept", "edit", "respond", "ignore"))
    return [
        Chart("dispositions", "Messages, by what became of them", messages.names, labels, messages.rows),
        Chart("messages", "Messages that came", ("messages",), labels, tuple((row[0],) for row in escalated.rows)),
        Chart("escalation", "Escalation rate", ("escalated",), labels, rate(escalated.rows, (1,), (0,)), "lines", "%"),
        Chart("decisions", "Approvals, by how they ended", reviews.names, labels, reviews.rows),
        Chart("approval", "Approval rate", ("accepted",), labels, rate(reviews.rows, (accept,), decided), "lines", "%"),
        Chart(
            "latency",
            "Time to a disposition",
            latency.names,
            labels,
            tuple(tuple(value / 1000 if any(row) else None for value in row) for row in latency.rows),
            "lines",
            "s",
        ),
        Chart("budget", "Model tokens", ("tokens",), labels, tuple((row[1],) for row in spending.rows)),
    ]
