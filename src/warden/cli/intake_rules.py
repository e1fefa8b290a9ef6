"""`warden intake rules check|dry-run`: whether the rules hold, and what they would make of an event."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.output import print_json

if TYPE_CHECKING:
    from warden.model.event import Event
    from warden.orders.book import TriggerBook

MAX_EVENT_BYTES = 1 << 20

RulesFlag = Annotated[
    Path | None, typer.Option("--rules", metavar="FILE", help="Trigger rules to use instead of the configured ones.")
]

rules_app = new_app("The rules that say which event leads to what.")


@rules_app.command()
def check(
    rules: RulesFlag = None, json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None
) -> int:
    """Read the trigger rules and say what is wrong with them, with file and line."""
    book = _book(rules, config, state_dir)
    found = [{"name": one.name, "rules": [rule.id for rule in one.rules]} for one in book.sets]
    if json:
        print_json({"schema": "warden.intake.rules/1", "digest": book.digest, "sets": found})
        return 0
    for one in book.sets:
        print(f"{one.name}: {len(one.rules)} rules")
        for rule in one.rules:
            print(f"  {rule.id:24} {rule.does.value:10} trust {rule.when.trust.value} or more")
    if not book.sets:
        print("no rules: events are kept, and nothing is done about them")
    return 0


@rules_app.command("dry-run")
def dry_run(
    event: Annotated[
        Path, typer.Argument(metavar="EVENT.json", help="Headers and payload of a delivery, or an event.")
    ],
    rules: RulesFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Show what the rules would make of an event, without doing or keeping anything.

    EVENT.json holds one object: `source`, `headers` (an object) and `payload` as a delivery would bring them.
    """
    from warden.cli import compose

    found = _read_event(event, compose.load_settings(config=config, state_dir=state_dir))
    book = _book(rules, config, state_dir)
    document = _outcome(book, found)
    if json:
        print_json({"schema": "warden.intake.dry-run/1", **document})
        return 0
    _say(f"event      {found.type or found.event} {found.action}  {found.issue or found.repository}")
    _say(f"sender     {found.sender or '?'}, trusted as {found.trust.value}")
    for flag in document["flags"]:
        _say(f"flag       {flag}")
    for one in document["sets"]:
        print(
            f"set        {one['name']}: {one['rule'] or 'no rule matches'}"
            + (f" -> {one['does']}" if one["rule"] else "")
        )
        for rule, why in one["objections"].items():
            _say(f"             {rule} does not match: {why}")
        for action in one["plan"]:
            _say(f"             {action['kind']} {action['arguments']}")
    if document["reason"]:
        _say(f"nothing is done: {document['reason']}")
    return 0


def _say(line: str) -> None:
    from warden.cli.render import visible

    print(visible(line).rstrip())


def _outcome(book: TriggerBook, event: Event) -> dict[str, Any]:
    from warden.orders.book import plan_of

    tasks, reason = book.sort(event)
    matched = {task.rule_set: task for task in tasks}
    sets = []
    for one in book.sets:
        first = one.first(event)
        objections: dict[str, str] = {}
        for rule in one.rules:
            if rule is first:
                break
            objections[rule.id] = rule.when.objection(event)
        plan = plan_of(f"{one.name}/{first.id}", first, event) if first is not None and one.name in matched else None
        actions = [] if plan is None else [{"kind": a.kind, "arguments": dict(a.arguments)} for a in plan.actions]
        sets.append(
            {
                "name": one.name,
                "rule": first.id if first else None,
                "does": first.does.value if first else None,
                "key": matched[one.name].key if one.name in matched else None,
                "objections": objections,
                "plan": actions,
            }
        )
    escalated = [task.does for task in tasks if task.rule_set not in {one.name for one in book.sets}]
    flags = sorted(flag.value for flag in event.flags)
    return {"sets": sets, "tasks": len(tasks), "escalates": bool(escalated), "flags": flags, "reason": reason}


def _book(rules: Path | None, config: Path | None, state_dir: Path | None) -> TriggerBook:
    from warden.cli import compose
    from warden.cli.intake_parts import load_rules, need_intake, read_rules

    if rules is not None:
        from warden.documents.triggers import load_triggers

        return load_triggers(read_rules(rules), str(rules))
    return load_rules(need_intake(compose.load_settings(config=config, state_dir=state_dir)))


def _read_event(path: Path, settings: Any) -> Event:
    import time

    from warden.cli.intake_parts import build_sources
    from warden.errors import InputError, quote
    from warden.hubs.parsing import parse_json
    from warden.server.intake.events import MalformedEventError, read_event

    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_EVENT_BYTES + 1)
    except OSError as error:
        raise InputError(f"{quote(path)} cannot be read: {error.strerror}", "name a file with one delivery") from error
    if len(data) > MAX_EVENT_BYTES:
        raise InputError(f"{quote(path)} is larger than {MAX_EVENT_BYTES} bytes", "name a file with one delivery")
    document = parse_json(data)
    hint = 'write {"source": NAME, "headers": {...}, "payload": {...}}'
    if not isinstance(document, dict) or set(document) != {"source", "headers", "payload"}:
        raise InputError(f"{quote(path)} is not a delivery", hint)
    headers = document["headers"]
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise InputError(f"the headers in {quote(path)} do not map names to texts", hint)
    source = build_sources(settings).get(str(document["source"]))
    if source is None:
        raise InputError(f"there is no source {quote(document['source'])}", "name one of [intake.sources]")
    pairs = [(name.lower(), value) for name, value in headers.items()]
    try:
        return read_event(source.reading, pairs, document["payload"], time.time())
    except MalformedEventError as error:
        raise InputError(
            f"the payload in {quote(path)} is no event: {error.code}", "see how the source sends it"
        ) from error
