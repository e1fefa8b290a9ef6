"""`warden plan`: looking at plans, saved or in the ledger, and at what a model was shown for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli import compose
from warden.cli.flags import AgentFlag, ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.output import print_json
from warden.cli.plan_source import ShownMessage, from_plan, of_messages, of_run, text_of, to_document
from warden.cli.render import visible
from warden.errors import InputError, quote
from warden.model.saved_plan import SavedPlan
from warden.store.segments import newest_raws

if TYPE_CHECKING:
    from warden.config.settings import Settings
    from warden.store.sqlite import SqliteLedgerStore

SCHEMA = "warden.plan-show/1"

app = new_app("Plans: what was proposed, what was decided, and what a model was shown.")


@app.callback()
def group() -> None:
    """Plans: what was proposed, what was decided, and what a model was shown."""


WhatArgument = Annotated[
    str, typer.Argument(help="A saved plan, the id of a run, or the id of a message.", metavar="WHAT")
]
ContextFlag = Annotated[
    bool, typer.Option("--context", help="Show the redacted text that the model was shown, while it is kept.")
]


@app.command()
def show(
    what: WhatArgument,
    context: ContextFlag = False,
    agent: AgentFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Show a plan message by message: proposals, decisions, and what was asked of a model.

    WHAT is the file of a saved plan, the id of a run, or the id of a message, whose newest plan is shown. A dry run leaves
    no plan in the ledger, only what a model was asked and answered.
    """
    settings = compose.load_settings(config=config, state_dir=state_dir, agent=agent)
    store = compose.read_ledger(settings) if compose.ledger_files(settings).exists() else None
    try:
        messages = _find(settings, store, what)
        blob = store.blob if context and store is not None else None
        if json:
            print_json({"schema": SCHEMA, "what": what, "messages": [to_document(one, blob) for one in messages]})
            return
        for message in messages:
            for line in _lines(message):
                typer.echo(line)
            if context:
                for line in _context(message, store):
                    typer.echo(line)
        if not messages:
            typer.echo("nothing was planned there")
    finally:
        if store is not None:
            store.close()


def _find(settings: Settings, store: SqliteLedgerStore | None, what: str) -> list[ShownMessage]:
    """Return what is to be shown; raises `InputError` when there is no such plan, run or message."""
    archive = settings.state_dir / "archive"
    if Path(what).is_file():
        found = from_plan(_read(Path(what)))
        if store is not None:
            known = {message.message_id: message for message in found}
            store.read(lambda connection: of_messages(newest_raws(connection, archive), settings.agent, known))
        return found
    if store is not None:
        is_run, messages = store.read(lambda connection: of_run(newest_raws(connection, archive), what))
        if is_run:
            replayed = {message.message_id: message for message in messages if message.asked is None}
            store.read(lambda connection: of_messages(newest_raws(connection, archive), settings.agent, replayed))
            return messages
        message = ShownMessage(what)
        store.read(lambda connection: of_messages(newest_raws(connection, archive), settings.agent, {what: message}))
        if message.run_id:
            return [message]
    raise InputError(
        f"{quote(what)} is neither a saved plan, nor a run or message that the ledger knows",
        "see `warden ledger log`, or save a plan with `warden worker run --dry-run --out FILE`",
    )


def _read(path: Path) -> SavedPlan:
    from warden.documents.plan import MAX_PLAN_BYTES, read_plan

    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_PLAN_BYTES + 1)
    except OSError as error:
        raise InputError(f"plan {quote(path)} cannot be read: {error.strerror}", "name another file") from error
    return read_plan(data, str(path))


def _lines(message: ShownMessage) -> Iterator[str]:
    yield f"message {visible(message.message_id)}, run {visible(message.run_id)}"
    item, planned = message.item, message.planned
    if item is not None:
        yield f"  saved     {visible(item.reason)}: would be {item.disposition}"
        for kind, arguments in item.proposals:
            yield f"  action    {visible(kind)}"
            for name, value in arguments:
                yield f"            {visible(name)} = {visible(value, keep=chr(10)).replace(chr(10), chr(10) + ' ' * 12)}"
    if planned is not None:
        entry = f", catalogue entry {visible(planned['catalog_entry'])}" if planned["catalog_entry"] else ""
        yield f"  planned   by {visible(planned['brain'])}: {visible(planned['reason'])}{entry}"
    for one in message.decided:
        rules = ", ".join(visible(rule) for rule in one["rule_ids"])
        yield f"  decided   {visible(one['kind'])}: {one['effect'].replace('_', ' ')}  {rules}"
    if message.asked is not None:
        yield from _asked(message)


def _asked(message: ShownMessage) -> Iterator[str]:
    asked = message.asked or {}
    cost = "" if asked["cost_microunits"] is None else f", cost {asked['cost_microunits'] / 1_000_000:.6f}"
    yield f"  asked     {visible(asked['model'])}: {visible(asked['outcome'])}, in run {visible(asked['run_id'])}"
    yield (
        f"  used      {asked['calls']} calls, {asked['prompt_tokens']} + {asked['completion_tokens']} tokens, "
        f"{asked['wall_ms'] / 1000:.1f} s{cost}"
    )
    for layer in asked["layers"]:
        cut = ", cut" if layer["cut"] else ""
        taken = ", ".join(f"{number} {visible(kind)}" for kind, number in sorted(layer["redactions"].items()))
        redacted = f", redacted: {taken}" if taken else ""
        yield f"  shown     {visible(layer['name'])}: {layer['size_bytes']} bytes{cut}{redacted}  {layer['digest'][:19]}"


def _context(message: ShownMessage, store: SqliteLedgerStore | None) -> Iterator[str]:
    if message.asked is None or store is None:
        yield "  no model was asked about this message"
        return
    texts = [(layer["name"], layer["digest"]) for layer in message.asked["layers"] if layer["size_bytes"]]
    if message.answer is not None:
        texts.append(("answer", message.answer["answer_digest"]))
    for name, digest in texts:
        text = text_of(store.blob, digest)
        yield f"  --- {visible(name)}" + (": removed after retention" if text is None else "")
        for line in (text or "").split("\n") if text is not None else ():
            yield f"  │ {visible(line, keep=chr(9))}"
