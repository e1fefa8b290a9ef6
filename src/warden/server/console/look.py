"""Templates to pages: the one place that makes HTML. Everything is escaped; what others wrote passes `visible` as well."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from warden.server.console.model import Role
from warden.server.console.visible import one_line, pieces
from warden.server.console.visit import Answer

if TYPE_CHECKING:
    from warden.server.console.visit import Visit

HERE = Path(__file__).parent
SHORT = 12


@cache
def environment() -> Environment:
    """Return the template environment, made once: strict, autoescaping, without reloading."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        vis=visible_markup,
        line=one_line,
        short=short,
        moment=moment,
        clock=clock,
        ago=ago,
        left=left,
        percent=percent,
        stamp=stamp,
        fields=fields_line,
    )
    return made


def visible_markup(text: str) -> Markup:
    """Return a text of others as markup: escaped, hidden characters in a mark of their own."""
    shown = [
        Markup('<span class="hidden-char" title="hidden character">{}</span>').format(piece.text)
        if piece.hidden
        else escape(piece.text)
        for piece in pieces(text)
    ]
    return Markup("").join(shown)


def short(digest: str) -> str:
    """Return the first characters of a digest."""
    return digest.removeprefix("sha256:")[:SHORT]


def moment(value: datetime) -> Markup:
    """Return a moment, exact for programs and short for people."""
    exact = value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, exact, f"{value:%Y-%m-%d %H:%M}")


def clock(text: str) -> Markup:
    """Return a moment of an entry, which is text in RFC 3339."""
    return Markup('<time datetime="{}">{}</time>').format(text, text[:19].replace("T", " "))


def stamp(milliseconds: str) -> Markup:
    """Return a moment in milliseconds since 1970."""
    return moment(datetime.fromtimestamp(int(milliseconds) / 1000, UTC))


def fields_line(fields: Mapping[str, object]) -> str:
    """Return an entry's fields on one line, digests short."""
    return one_line(
        "  ".join(f"{name}={_value(value)}" for name, value in fields.items() if value not in (None, "", []))
    )


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return str(value.get("message_id") or ",".join(f"{name}={_value(one)}" for name, one in value.items()))
    if isinstance(value, list):
        return ",".join(_value(one) for one in value)
    text = str(value)
    return short(text) if text.startswith("sha256:") else text


def span(seconds: float) -> str:
    """Return a length of time in one unit."""
    for unit_s, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit_s:
            return f"{int(seconds // unit_s)} {unit}"
    return f"{max(0, int(seconds))} s"


def ago(value: datetime, now: datetime) -> str:
    """Return how long ago a moment was."""
    return span((now - value).total_seconds())


def left(value: datetime, now: datetime) -> str:
    """Return how long it is to a moment."""
    return span((value - now).total_seconds())


def percent(thousandths: int | None) -> str:
    """Return a rate in thousandths as a percentage, a dash where there is none."""
    return "–" if thousandths is None else f"{thousandths / 10:g} %"


def page(visit: Visit, template: str, /, status: int = 200, **values: object) -> Answer:
    """Return the answer that a template makes of these values."""
    visitor = visit.visitor
    html = (
        environment()
        .get_template(template)
        .render(
            visitor=visitor,
            csrf=visitor.csrf if visitor else "",
            can_decide=visitor is not None and visitor.role >= Role.REVIEWER,
            is_admin=visitor is not None and visitor.role >= Role.ADMIN,
            agent=visit.parts.agent,
            theme=visit.theme,
            path=visit.path,
            now=visit.parts.clock.now(),
            **values,
        )
    )
    # A lone surrogate has no form in UTF-8; `visible` writes it out, and nothing else may stop a page.
    return Answer(html.encode("utf-8", "replace"), status)
