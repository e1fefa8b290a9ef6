"""`warden intake replay` and `reconcile`: take a delivery in again, and fetch what webhooks lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.output import print_json

if TYPE_CHECKING:
    from warden.hubs.database import Database
    from warden.hubs.intake_operations import Taken


def replay(
    delivery: Annotated[str, typer.Argument(metavar="ID", help="The delivery, as `warden intake log` names it: d7.")],
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Take a delivery in once more: its signature is checked again, and the rules of today decide.

    One whose kept text was redacted, or that came with a bearer token, cannot be proven again: nobody vouches for its sender
    then, and what a rule names for it waits for a person.
    """
    from functools import partial

    from warden.cli import compose
    from warden.cli.intake_parts import build_sources, intake_file, load_rules, need_intake
    from warden.hubs import intake_operations
    from warden.server.intake.again import prepare_again

    settings = compose.load_settings(config=config, state_dir=state_dir)
    intake = need_intake(settings)
    clock = compose.build_clock()
    with intake_file(settings, clock) as database:
        kept = _kept(database, delivery)
        now = clock.now().timestamp()
        new = prepare_again(
            build_sources(settings), load_rules(intake), compose.build_scanner(settings), kept, (delivery, now)
        )
        taken: Any = database.write(partial(intake_operations.accept, new=new))
    return _tell(taken, new.assurance, json)


def _kept(database: Database, name: str) -> Any:
    from warden.errors import InputError, quote
    from warden.server.intake.again import Kept

    digits = name.removeprefix("d")
    row: tuple[Any, ...] = ()
    if digits.isascii() and digits.isdigit() and len(digits) < 16:
        row = database.read_one(
            "SELECT source, headers, body, body_digest, received_at FROM deliveries WHERE id = ?", (int(digits),)
        )
    if not row:
        raise InputError(f"there is no delivery {quote(name)}", "`warden intake log` names them")
    return Kept(*row)


def _tell(taken: Taken, assurance: str, json: bool) -> int:
    if json:
        tasks = [f"e{number}" for number in taken.tasks]
        fields = {"delivery": f"d{taken.delivery}", "assurance": assurance, "tasks": tasks}
        print_json({"schema": "warden.intake.replay/1", **fields})
        return 0
    made = ", ".join(f"e{number}" for number in taken.tasks) or "nothing to do"
    print(f"taken in again as d{taken.delivery}, sender {assurance}: {made}")
    return 0


def reconcile(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A source of format `gitea` with a `url`.")],
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="From when, RFC 3339; by default where the last one ended."),
    ] = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Ask a source for issues and comments that webhooks did not bring, and take those in."""
    from warden.cli import compose
    from warden.cli.intake_parts import build_sources, intake_file, load_rules, need_intake
    from warden.cli.intake_reconcile import Reconciler, open_forge

    settings = compose.load_settings(config=config, state_dir=state_dir)
    intake = need_intake(settings)
    clock = compose.build_clock()
    with intake_file(settings, clock) as database, open_forge(settings, source) as forge:
        parts = (build_sources(settings)[source], load_rules(intake), compose.build_scanner(settings))
        found = Reconciler(database, clock, parts, forge, intake.dedupe_window_s).run(since)
    if json:
        print_json({"schema": "warden.intake.reconcile/1", "source": source, **found})
        return 0
    print(f"looked at {found['seen']}, of which {found['new']} were new")
    return 0
