"""Charts as inline SVG: no script, no style in it, colours from classes. Pure.

Each chart has a title, a text of what it shows for those who do not see it, and a table beside it on the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 560, 170
LEFT, TOP, RIGHT, BOTTOM = 46, 12, 8, 24


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: what it is called, names of its columns, labels of its steps, and a row of figures per step; None where there
    is no figure (a rate of nothing).

    `kind` is `bars` (stacked) or `lines`; `unit` stands behind the figures of the axis.
    """

    name: str
    title: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    rows: tuple[tuple[float | None, ...], ...]
    kind: str = "bars"
    unit: str = ""

    @property
    def top(self) -> float:
        """The highest figure."""
        join = sum if self.kind == "bars" else max
        return max((join(value or 0 for value in row) for row in self.rows), default=0)

    @property
    def totals(self) -> tuple[float, ...]:
        """The sum of each column."""
        return tuple(sum(row[column] or 0 for row in self.rows) for column in range(len(self.names)))

    @property
    def legend(self) -> tuple[tuple[str, float], ...]:
        """Name and sum of each column that has figures."""
        return tuple((name, total) for name, total in zip(self.names, self.totals, strict=True) if total)

    @property
    def steps(self) -> tuple[tuple[str, tuple[float | None, ...]], ...]:
        """Label and figures of each step that has some."""
        found = zip(self.labels, self.rows, strict=True)
        return tuple((label, row) for label, row in found if any(value is not None and value != 0 for value in row))

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return self.top == 0


def nice_top(value: float) -> float:
    """Return a round figure that is not lower."""
    if value <= 0:
        return 1
    step = 1.0
    while step * 10 < value:
        step *= 10
    while step > value:
        step /= 10
    return next(step * factor for factor in (1, 2, 2.5, 5, 10) if step * factor >= value)


def figure(value: float, unit: str = "") -> str:
    """Return a figure as an axis shows it."""
    if value >= 1_000_000:
        text = f"{value / 1_000_000:g} M"
    elif value >= 10_000:
        text = f"{value / 1000:g} k"
    else:
        text = f"{value:.4g}"
    return f"{text}{' ' if unit and unit != '%' else ''}{unit}".strip()


def draw(chart: Chart) -> Markup:
    """Return the chart as SVG."""
    top = nice_top(chart.top)
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts = [
        Markup(
            '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d" preserveAspectRatio="none">'
        ).format(WIDTH, HEIGHT, chart.name, chart.name),
        Markup('<title id="{}-t">{}</title><desc id="{}-d">{}</desc>').format(
            chart.name, chart.title, chart.name, describe(chart)
        ),
    ]
    for share in (0, 0.5, 1):
        y = TOP + high * (1 - share)
        parts.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text class="axis" x="{}" y="{:.1f}">{}</text>'
            ).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 4, figure(top * share, chart.unit))
        )
    parts += _bars(chart, top, wide, high) if chart.kind == "bars" else _lines(chart, top, wide, high)
    step = wide / max(1, len(chart.labels))
    every = max(1, len(chart.labels) // 6)
    for place, label in enumerate(chart.labels):
        if place % every == 0:
            parts.append(
                Markup('<text class="axis step" x="{:.1f}" y="{}">{}</text>').format(
                    LEFT + step * (place + 0.5), HEIGHT - 6, label
                )
            )
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


def describe(chart: Chart) -> str:
    """Return what a chart shows, in words."""
    if chart.empty:
        return f"{chart.title}: nothing in this time."
    if chart.kind == "bars":
        totals = ", ".join(
            f"{name} {figure(total)}" for name, total in zip(chart.names, chart.totals, strict=True) if total
        )
        return f"{chart.title}: {totals}."
    known = [row for row in chart.rows if any(value is not None for value in row)]
    last = ", ".join(
        f"{name} {figure(value or 0, chart.unit)}" for name, value in zip(chart.names, known[-1], strict=True)
    )
    return f"{chart.title}, at the end: {last}."


def _bars(chart: Chart, top: float, wide: float, high: float) -> list[Markup]:
    parts = []
    step = wide / max(1, len(chart.rows))
    for place, row in enumerate(chart.rows):
        y = TOP + high
        for column, value in enumerate(row):
            if value is None or value <= 0:
                continue
            tall = high * value / top
            y -= tall
            parts.append(
                Markup(
                    '<rect class="{}" x="{:.1f}" y="{:.2f}" width="{:.1f}" height="{:.2f}"><title>{}</title></rect>'
                ).format(
                    f"s-{chart.names[column]}",
                    LEFT + step * place + step * 0.12,
                    y,
                    step * 0.76,
                    tall,
                    f"{chart.labels[place]}: {chart.names[column]} {figure(value, chart.unit)}",
                )
            )
    return parts


def _lines(chart: Chart, top: float, wide: float, high: float) -> list[Markup]:
    parts = []
    step = wide / max(1, len(chart.rows))
    for column, name in enumerate(chart.names):
        run: list[tuple[float, float]] = []
        for place, row in enumerate((*chart.rows, (None,) * len(chart.names))):
            value = row[column]
            if value is not None:
                run.append((LEFT + step * (place + 0.5), TOP + high * (1 - value / top)))
                continue
            if run:
                points = " ".join(f"{x:.1f},{y:.2f}" for x, y in run)
                parts.append(Markup('<polyline class="{}" points="{}"/>').format(f"l-{name}", points))
                x, y = run[-1]
                parts.append(Markup('<circle class="{}" cx="{:.1f}" cy="{:.2f}" r="3"/>').format(f"d-{name}", x, y))
            run = []
    return parts


def rate(
    rows: Sequence[Sequence[int]], part: Sequence[int], whole: Sequence[int]
) -> tuple[tuple[float | None, ...], ...]:
    """Return a percentage per step: some columns of others, None where there is nothing to divide by."""
    found: list[tuple[float | None, ...]] = []
    for row in rows:
        all_of = sum(row[column] for column in whole)
        found.append((100 * sum(row[column] for column in part) / all_of if all_of else None,))
    return tuple(found)
