"""`warden dead`: deliveries that were given up or are in doubt. A person looks, and retries or drops each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli import compose
from warden.cli.flags import AgentFlag, ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.identity import operator_name
from warden.cli.ledger_parts import reading, writing
from warden.cli.output import print_json, talk
from warden.cli.render import visible
from warden.engine.draft import shown_text
from warden.errors import GateError, InputError, quote
from warden.model.digests import digest_text
from warden.model.disposition import Disposition
from warden.model.entry import Batch
from warden.store import queries

if TYPE_CHECKING:
    from warden.config.settings import Settings
    from warden.engine.letters import Person
    from warden.model.records import OutboxRecord
    from warden.store.sqlite import SqliteLedgerStore

SCHEMA = "warden.dead/1"
app = new_app("Deliveries that were given up or are in doubt: look, retry, drop.")

KeyArgument = Annotated[str, typer.Argument(help="The delivery's key, or the start of it.", metavar="KEY")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; the ledger keeps its digest.", metavar="TEXT")]
ArrivedOption = Annotated[
    bool, typer.Option("--arrived", help="You saw it at the hub: the message counts as answered, noted or read.")
]


@app.command("list", help="List dead letters and deliveries in doubt.")
def list_letters(
    agent: AgentFlag = None, json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None
) -> None:
    """List them."""
    with reading(config, state_dir) as (settings, store):
        letters = _stuck(store, agent or settings.agent)
    if json:
        print_json({"schema": SCHEMA, "letters": [_document(letter) for letter in letters]})
        return
    for letter in letters:
        intent = letter.intent
        parts = (
            f"{letter.state.value:<9}",
            intent.key[:16],
            visible(intent.message.message_id),
            intent.kind,
            f"to {visible(letter.sender)}",
            f"{letter.attempts} attempt{'' if letter.attempts == 1 else 's'}",
            letter.last_fault,
        )
        print("  ".join(parts).rstrip())
    talk("no delivery is dead or in doubt" if not letters else "look at one with `warden dead show KEY`")


@app.command("show", help="Show one of them: what would be sent, and what the ledger says of it.")
def show(
    key: KeyArgument,
    agent: AgentFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Show one."""
    with reading(config, state_dir) as (settings, store):
        letter = _find(store, agent or settings.agent, key)
    document = {**_document(letter), "text": shown_text(letter.intent.payload)}
    if json:
        print_json({"schema": SCHEMA, "letter": document})
        return
    text = document.pop("text")
    for name, value in document.items():
        shown = ", ".join(value) if isinstance(value, list) else str(value)
        print(f"{name:<14} {visible(shown)}")
    if isinstance(text, str):
        print("\n" + visible(text, keep="\n\t"))
    talk(f"`warden ledger log --key {letter.intent.key}` shows its attempts")


@app.command("retry", help="Judge it again under today's policy, and deliver it with the next executing run.")
def retry(
    key: KeyArgument,
    reason: ReasonOption = "",
    agent: AgentFlag = None,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Retry one; exit 4 when today's policy does not allow it."""
    from warden.documents.request import request_from_json
    from warden.engine.letters import rejudge, retrying
    from warden.model.request import Effect

    with writing(config, state_dir) as (settings, store):
        letter = _find(store, agent or settings.agent, key)
        kept = store.read(lambda connection: queries.read_request(connection, letter))
        if kept is None:
            raise GateError("the facts on which it was allowed were purged", "drop it, and answer by hand")
        released = store.read(lambda connection: queries.was_released(connection, letter.action_digest))
        floor = Effect.REQUIRE_APPROVAL if released else Effect.ALLOW_WITH_CONSTRAINTS
        rejudge(letter, request_from_json(kept), compose.build_kernel(settings), compose.build_scanner(settings), floor)
        store.commit(Batch(retrying(letter, _person(settings, reason))))
    talk(f"{letter.intent.key[:16]} is delivered by the next `warden worker run --execute`")


@app.command("drop", help="End it for good; its message becomes an open escalation unless --arrived.")
def drop(
    key: KeyArgument,
    reason: ReasonOption,
    arrived: ArrivedOption = False,
    agent: AgentFlag = None,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Drop one."""
    from warden.engine.letters import dropping

    if not reason.strip():
        raise InputError("a dropped delivery needs a reason", "say why with --reason")
    with writing(config, state_dir) as (settings, store):
        letter = _find(store, agent or settings.agent, key)
        message = letter.intent.message
        behind = store.read(lambda connection: queries.read_behind(connection, letter))
        standing = store.dispositions([message]).get(message)
        waits = standing is not None and standing.disposition in (Disposition.DEAD, Disposition.HELD)
        store.commit(Batch(dropping(letter, behind, _person(settings, reason), arrived, waits)))
    talk(f"{letter.intent.key[:16]} is dropped")


def _stuck(store: SqliteLedgerStore, agent: str) -> tuple[OutboxRecord, ...]:
    return store.read(lambda connection: queries.read_stuck(connection, agent))


def _find(store: SqliteLedgerStore, agent: str, key: str) -> OutboxRecord:
    found = [letter for letter in _stuck(store, agent) if letter.intent.key.startswith(key)]
    if len(found) != 1:
        problem = "is the start of several keys" if found else "is not the key of a dead letter"
        raise InputError(f"{quote(key)} {problem}", "`warden dead list` names them")
    return found[0]


def _person(settings: Settings, reason: str) -> Person:
    from warden.engine.letters import Person

    if compose.build_scanner(settings).scan(reason):
        raise InputError("the reason holds something that looks like a secret", "leave it out")
    return Person(operator_name(), digest_text(reason))


def _document(letter: OutboxRecord) -> dict[str, object]:
    intent = letter.intent
    return {
        "key": intent.key,
        "state": letter.state.value,
        "message_id": intent.message.message_id,
        "thread_id": intent.thread_id,
        "kind": intent.kind,
        "channel": intent.channel,
        "to": letter.sender,
        "attempts": letter.attempts,
        "last_fault": letter.last_fault,
        "created_at": letter.created_at.isoformat(),
        "rule_ids": list(letter.rule_ids),
        "snapshot": letter.snapshot,
    }
