"""`warden intake log`, `stats`, `quarantine` and `locks`: what came in, what was refused, and who works on what."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer

from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.output import print_json, talk

_ROW = "{:8}  {:20}  {:23}  {:19}  {:14}  {}"
LimitFlag = Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, metavar="N", help="The newest so many.")]


def log(
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON document a line, for programs.")] = False,
    limit: LimitFlag = 50,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Show what was taken in, oldest first, with what the rules made of it and what was answered."""
    from warden.cli.intake_parts import intake_file
    from warden.hubs import intake_queries

    settings, clock = _open(config, state_dir)
    with intake_file(settings, clock) as database:
        entries = intake_queries.read_log(database, intake_queries.newest(database, limit))
        if jsonl:
            for entry in entries:
                print_json({"schema": "warden.intake.delivery/1", **shown(entry)}, indent=None)
            return 0
        for number, entry in enumerate(entries):
            if number == 0:
                _say(_ROW.format("DELIVERY", "WHEN", "EVENT", "ABOUT", "SENDER", "STATE"))
            _show_delivery(entry)
        talk("next: `warden intake log --jsonl` has everything that is kept of each")
    return 0


def stats(json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None) -> int:
    """Show how much was taken in, was known already, was refused, and waits."""
    from warden.cli.intake_parts import intake_file
    from warden.hubs import intake_queries

    settings, clock = _open(config, state_dir)
    with intake_file(settings, clock) as database:
        found = intake_queries.read_stats(database)
    if json:
        print_json({"schema": "warden.intake.stats/1", **found})
        return 0
    for name in sorted(found):
        _say(f"{name.replace('_', ' '):20}{found[name]:>10}")
    return 0


def quarantine(
    json: JsonFlag = False, limit: LimitFlag = 50, config: ConfigFlag = None, state_dir: StateDirFlag = None
) -> int:
    """Show what was refused and why, newest first; the text only of what its source had signed."""
    from warden.cli.intake_parts import intake_file
    from warden.hubs import intake_queries

    settings, clock = _open(config, state_dir)
    with intake_file(settings, clock) as database:
        found = intake_queries.read_quarantine(database, limit)
    entries = [shown(entry) for entry in found]
    if json:
        print_json({"schema": "warden.intake.quarantine/1", "quarantine": entries})
        return 0
    if not entries:
        _say("nothing was refused")
    for entry in entries:
        times = f", {entry['times']} times" if entry["times"] > 1 else ""
        _say(f"{entry['id']:8}  {entry['last_at']}  {entry['source']:12}  {entry['reason']}{times}")
    return 0


def locks(
    release: Annotated[
        str | None,
        typer.Option("--release", metavar="REPO#NUMBER", help="Give this issue's lock back, whoever has it."),
    ] = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Show which issues are being worked on: by whom, until when, and under which fence number."""
    from warden.cli.intake_parts import intake_file
    from warden.errors import InputError, quote
    from warden.hubs import intake_locks

    settings, clock = _open(config, state_dir)
    now = clock.now().timestamp()
    with intake_file(settings, clock) as database:
        if release is not None:
            name = release
            if not database.write(lambda connection: intake_locks.release(connection, name, now)):
                raise InputError(f"nobody holds {quote(release)}", "`warden intake locks` shows what is held")
            talk(f"released {quote(release)}; whoever had it can write nothing under it any more")
        held: Any = database.write(partial(intake_locks.list_locks, now=now))
    entries = [
        {"name": lock.name, "owner": lock.owner, "fence": lock.fence, "state": lock.state}
        | {"taken_at": moment(lock.taken_at), "expires_at": moment(lock.expires_at)}
        for lock in held
    ]
    if json:
        print_json({"schema": "warden.intake.locks/1", "locks": entries})
        return 0
    if not entries:
        _say("no issue is locked")
    for entry in entries:
        _say(
            f"{entry['name']:30}  {entry['state']:6}  {entry['owner']:12}  fence {entry['fence']}  until {entry['expires_at']}"
        )
    return 0


def moment(seconds: float) -> str:
    """Return a time in seconds since 1970 as RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def shown(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry with its times as people and programs write them."""
    found: dict[str, Any] = {}
    for name, value in entry.items():
        if name.endswith("_at") and isinstance(value, float):
            found[name] = moment(value)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            found[name] = [shown(one) for one in value]
        else:
            found[name] = value
    return found


def _show_delivery(entry: dict[str, Any]) -> None:
    fields = shown(entry)
    what = f"{fields['type'] or fields['event']} {fields['action']}".strip()
    about = f"{fields['repository']}#{fields['number']}" if fields["number"] else fields["repository"]
    reason = f" ({fields['reason']})" if fields["reason"] else ""
    state = f"{fields['state']}{reason}"
    _say(_ROW.format(fields["id"], fields["received_at"], what, about, fields["sender"], state))
    for task in fields["tasks"]:
        rule = f"{task['rule_set']}/{task['rule']}" if task["rule"] else task["rule_set"]
        why = f" ({task['reason']})" if task["reason"] else ""
        _say(f"  {task['id']:8}  {task['does']:10}  {rule:24}  {task['state']}{why}")
        for answer in task["answers"]:
            _say(f"    answered by {answer['agent']}: {answer['subject']}")


def _open(config: Any, state_dir: Any) -> tuple[Any, Any]:
    from warden.cli import compose
    from warden.cli.intake_parts import need_intake

    settings = compose.load_settings(config=config, state_dir=state_dir)
    need_intake(settings)
    return settings, compose.build_clock()


def _say(line: str) -> None:
    from warden.cli.render import visible

    print(visible(line).rstrip())
