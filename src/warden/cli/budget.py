"""`warden budget`: what asking a model may use, what it used, and when that is free again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli import compose
from warden.cli.flags import BrainFlag, ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.output import print_json
from warden.cli.render import visible
from warden.engine.purse import spending
from warden.ledger.entry import format_time
from warden.model.budget import DAY_S, MEASURES, Budget, Span, Spending, measure_words
from warden.store.queries import milliseconds, read_spenders

if TYPE_CHECKING:
    from warden.config.settings import Settings
    from warden.store.sqlite import SqliteLedgerStore

SCHEMA = "warden.budget/1"
SPENDERS = 5
"""How many senders are listed when none is named: those that used the most calls."""

app = new_app("What asking a model may use, and what it used.")

SenderFlag = Annotated[
    str | None, typer.Option("--sender", help="Show what this sender used.", metavar="NAME", show_default=False)
]


@dataclass(frozen=True, slots=True)
class Account:
    """What was used within one span, by whom for `Span.SENDER`, and what the limits are. A run's account is its limits only:
    each run begins with nothing used."""

    span: Span
    spent: Spending
    budget: Budget
    sender: str = ""

    @property
    def frees_at(self) -> datetime | None:
        """When the first of what was used falls out of the window; None when nothing was used."""
        if self.spent.oldest is None or self.span.window_s is None:
            return None
        return self.spent.oldest + timedelta(seconds=self.span.window_s)

    def rows(self) -> Iterator[tuple[str, int, int | None]]:
        """Yield each measure that is limited or used: its name, what was used, and the limit (None: there is none)."""
        limit = self.budget.limit(self.span)
        for measure in MEASURES:
            used, most = getattr(self.spent.used, measure) or 0, getattr(limit, measure)
            if used or most is not None:
                yield measure, used, most


@app.command()
def budget(
    sender: SenderFlag = None,
    brain: BrainFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Show the limits for asking a model and what was used of them, as the ledger counted it."""
    settings = compose.load_settings(config=config, state_dir=state_dir, brain=brain)
    accounts = read_accounts(settings, sender)
    if json:
        print_json(_document(settings, accounts))
        return
    model = settings.model
    name = f"{model.provider}/{model.name}".rstrip("/") if model.provider else "none configured"
    typer.echo(f"model {visible(name)}, brain {visible(settings.brain)}")
    for account in accounts:
        typer.echo("\n" + _title(account))
        for measure, used, most in account.rows():
            typer.echo(f"  {measure_words(measure):<18} {_of(account, measure, used, most)}")


def read_accounts(settings: Settings, sender: str | None = None) -> list[Account]:
    """Return the accounts of all spans; of senders the named one, or those that used the most calls in the last day.

    Raises `StateError` and `LedgerError`; without a ledger nothing was used.
    """
    limits = settings.model.budget()
    nothing = Spending()
    if not compose.ledger_files(settings).exists():
        return [Account(span, nothing, limits, sender or "") for span in Span]
    store = compose.read_ledger(settings)
    try:
        now = store.now()
        spent = {span: spending(store, span, now) for span in (Span.HOUR, Span.DAY)}
        named = [sender] if sender else _spenders(store, now)
        accounts = [Account(Span.RUN, nothing, limits)]
        accounts += [Account(span, found, limits) for span, found in spent.items()]
        accounts += [Account(Span.SENDER, spending(store, Span.SENDER, now, sender=one), limits, one) for one in named]
        return accounts if named else [*accounts, Account(Span.SENDER, nothing, limits)]
    finally:
        store.close()


def _spenders(store: SqliteLedgerStore, now: datetime) -> list[str]:
    since = milliseconds(now - timedelta(seconds=DAY_S))
    return store.read(lambda connection: read_spenders(connection, since, SPENDERS))


def _title(account: Account) -> str:
    title = {
        Span.RUN: "one run",
        Span.HOUR: "the last hour",
        Span.DAY: "the last 24 hours",
        Span.SENDER: f"sender {visible(account.sender)} in the last 24 hours"
        if account.sender
        else "one sender in 24 hours",
    }[account.span]
    return title if account.frees_at is None else f"{title}, begins to be free at {format_time(account.frees_at)}"


def _of(account: Account, measure: str, used: int, most: int | None) -> str:
    shown = "at most" if account.span is Span.RUN else f"{_amount(measure, used)} of"
    if most is None:
        return f"{_amount(measure, used)}, no limit"
    spent = "  SPENT" if used >= most and account.span is not Span.RUN else ""
    return f"{shown} {_amount(measure, most)}{spent}"


def _amount(measure: str, number: int) -> str:
    """Return a number as people read it: costs in the currency, times in seconds."""
    if measure == "cost_microunits":
        return f"{number / 1_000_000:.6f}".rstrip("0").rstrip(".")
    return f"{number / 1000:.1f} s" if measure == "wall_ms" else str(number)


def _document(settings: Settings, accounts: list[Account]) -> dict[str, object]:
    model = settings.model
    return {
        "schema": SCHEMA,
        "provider": model.provider,
        "model": model.name,
        "brain": settings.brain,
        "accounts": [
            {
                "span": account.span.value,
                "sender": account.sender,
                "window_s": account.span.window_s,
                "frees_at": format_time(account.frees_at) if account.frees_at else None,
                "measures": [{"measure": name, "used": used, "limit": most} for name, used, most in account.rows()],
            }
            for account in accounts
        ],
    }
