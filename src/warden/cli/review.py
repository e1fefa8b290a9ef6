"""`warden review`: what waits for a person, on the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from warden.cli.flags import AgentFlag, ConfigFlag, JsonFlag, NoInputFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.output import print_json, talk
from warden.cli.review_parts import Session, deliver, read_text, reading, session
from warden.cli.review_text import (
    SCHEMA,
    detail_document,
    detail_lines,
    item_document,
    item_line,
    read_age,
    ruling_document,
    ruling_line,
)
from warden.errors import EXIT_DONE, EXIT_PARTIAL, InputError, UsageError, WardenError, quote
from warden.model.review import ReviewKind, ReviewState, Ruling, Selection

if TYPE_CHECKING:
    from warden.engine.review import Desk
    from warden.model.review import Reviewer

app = new_app("What waits for a person: look, accept, edit, respond, ignore; without a command, one after the other.")
app.info.no_args_is_help = False

PAGE = 50
"""Items that `list` shows at once; a queue of thousands is no reading."""
MOST = 10_000
"""INVARIANT (bounded): items of one list."""

NumberArgument = Annotated[int, typer.Argument(help="The item's number.", metavar="ITEM", min=1)]
NumbersArgument = Annotated[list[int] | None, typer.Argument(help="The items' numbers.", metavar="[ITEM]...", min=1)]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with the decision.", metavar="TEXT")]
TextOption = Annotated[str | None, typer.Option("--text", help="The text to send.", metavar="TEXT")]
FileOption = Annotated[Path | None, typer.Option("--file", help="A file with the text, `-` for stdin.", metavar="FILE")]
KindOption = Annotated[str | None, typer.Option("--kind", help="escalation or approval.", metavar="KIND")]
StateOption = Annotated[
    list[str] | None,
    typer.Option("--state", help="open, acknowledged, decided, expired, superseded, or all.", metavar="STATE"),
]
SenderOption = Annotated[str, typer.Option("--sender", help="Who wrote the message.", metavar="NAME")]
OwnerOption = Annotated[str, typer.Option("--owner", help="Who owns the item.", metavar="NAME")]
RuleOption = Annotated[
    str, typer.Option("--rule", help="A rule that decided, with or without its layer.", metavar="RULE")
]
OlderOption = Annotated[str | None, typer.Option("--older-than", help="An age: 90m, 12h, 3d.", metavar="AGE")]
NewerOption = Annotated[str | None, typer.Option("--newer-than", help="An age: 90m, 12h, 3d.", metavar="AGE")]
EntryOption = Annotated[
    str | None,
    typer.Option("--entry", help="Answer with this catalogue entry; `catalog learn` learns from it.", metavar="ID"),
]
LimitOption = Annotated[
    int, typer.Option("--limit", help="At most so many.", metavar="N", min=1, max=MOST, show_default=True)
]
AfterOption = Annotated[int, typer.Option("--after", help="Items behind this number.", metavar="ITEM", min=0)]
AllFlag = Annotated[bool, typer.Option("--all", help="Every item that the filters name; needs --yes.")]
YesFlag = Annotated[bool, typer.Option("--yes", help="Do it for all of them.")]
NoDeliverFlag = Annotated[bool, typer.Option("--no-deliver", help="Leave delivering to the next executing run.")]

T = TypeVar("T")
Decide = Callable[["Desk", "Reviewer", int], Ruling]


@app.callback(invoke_without_command=True)
def review(
    context: typer.Context,
    agent: AgentFlag = None,
    no_input: NoInputFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Decide one item after the other with single keys, on a terminal."""
    if context.invoked_subcommand is not None:
        return
    if no_input or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "deciding with single keys takes a terminal", "use `warden review list` and `accept`, `ignore`, ..."
        )
    from warden.cli.review_keys import decide_all

    with session(config, state_dir, agent) as place:
        released = decide_all(place)
        settings = place.settings
    if released:
        _tell_delivery(deliver(settings) is not None)


@app.command("list", help="List what waits, oldest first, a page at a time.")
def list_items(
    kind: KindOption = None,
    state: StateOption = None,
    sender: SenderOption = "",
    owner: OwnerOption = "",
    rule: RuleOption = "",
    older_than: OlderOption = None,
    newer_than: NewerOption = None,
    limit: LimitOption = PAGE,
    after: AfterOption = 0,
    agent: AgentFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """List them."""
    from warden.cli.review_list import read_listed

    chosen = selection(kind, state, sender, owner, rule, older_than, newer_than)
    with reading(config, state_dir, agent) as place:
        now, rules = place.clock.now(), place.rules
        found = read_listed(place, chosen, now, after, limit)
    if json:
        items = [item_document(item, rules, now) for item in found.items]
        print_json({"schema": SCHEMA, "items": items, "total": found.total, "next_after": found.next_after})
        return
    sys.stdout.write("".join(item_line(item, rules, now) + "\n" for item in found.items))
    if not found.items:
        talk("nothing waits" if not after else "nothing more waits")
        return
    if found.more:
        talk(
            f"{len(found.items)} of {found.total} are shown; go on with --after {found.next_after}, or a larger --limit"
        )
    talk("look at one with `warden review show ITEM`")


@app.command("show", help="Show all of one item: messages, exact text, why, and what happened.")
def show(
    number: NumberArgument,
    agent: AgentFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Show one."""
    from warden.engine.review import show as look

    with session(config, state_dir, agent, reading=True) as place:
        detail, now = look(place.desk, number), place.desk.clock.now()
    if json:
        print_json({"schema": SCHEMA, "item": detail_document(detail, place.desk.rules, now)})
        return
    print("\n".join(detail_lines(detail, now)))


@app.command("next", help="Show what should be looked at next: what expires first, then what is oldest.")
def show_next(
    agent: AgentFlag = None, json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None
) -> None:
    """Show the next one."""
    from warden.engine.review import following
    from warden.engine.review import show as look

    with session(config, state_dir, agent, reading=True) as place:
        item, now = following(place.desk), place.desk.clock.now()
        detail = None if item is None else look(place.desk, item.number)
    if json:
        shown = None if detail is None else detail_document(detail, place.desk.rules, now)
        print_json({"schema": SCHEMA, "item": shown})
    elif detail is None:
        talk("nothing waits")
    else:
        print("\n".join(detail_lines(detail, now)))


def _command(name: str, help_text: str, decide: Callable[[str], Decide], delivers: bool) -> None:
    """Add a command that takes several items, or all that a filter names."""

    @app.command(name, help=help_text)
    def run(
        numbers: NumbersArgument = None,
        reason: ReasonOption = "",
        every: AllFlag = False,
        yes: YesFlag = False,
        kind: KindOption = None,
        state: StateOption = None,
        sender: SenderOption = "",
        owner: OwnerOption = "",
        rule: RuleOption = "",
        older_than: OlderOption = None,
        newer_than: NewerOption = None,
        no_deliver: NoDeliverFlag = False,
        agent: AgentFlag = None,
        json: JsonFlag = False,
        config: ConfigFlag = None,
        state_dir: StateDirFlag = None,
    ) -> int:
        chosen = selection(kind, state, sender, owner, rule, older_than, newer_than)
        if bool(numbers) == every:
            raise UsageError("name items, or all that filters name with --all", "`warden review list` names them")
        if every and not yes:
            raise UsageError(
                "--all decides many items at once", "look at them with `warden review list`, then add --yes"
            )
        with session(config, state_dir, agent) as place:
            wanted = _numbers(place, numbers, chosen)
            outcomes = [_outcome(place, number, decide(reason), len(wanted) == 1) for number in wanted]
        return _finish(place, outcomes, json, delivers and not no_deliver)


_Outcome = Ruling | tuple[int, WardenError]


def _numbers(place: Session, numbers: list[int] | None, chosen: Selection) -> list[int]:
    from warden.engine.review import select

    return list(dict.fromkeys(numbers)) if numbers else [item.number for item in select(place.desk, chosen)]


def _outcome(place: Session, number: int, decide: Decide, alone: bool) -> _Outcome:
    """Decide one of several items; what is wrong with one stops no other."""
    try:
        return decide(place.desk, place.reviewer, number)
    except WardenError as error:
        if alone:
            raise
        return number, error


def _finish(place: Session, outcomes: list[_Outcome], json: bool, delivers: bool) -> int:
    done = [outcome for outcome in outcomes if isinstance(outcome, Ruling)]
    delivered: bool | None = None
    if delivers and any(ruling.released for ruling in done):
        delivered = deliver(place.settings) is not None
    if json:
        documents = [_document(outcome) for outcome in outcomes]
        print_json({"schema": SCHEMA, "rulings": documents, "delivered": delivered})
    else:
        for outcome in outcomes:
            if isinstance(outcome, Ruling):
                print(ruling_line(outcome))
            else:
                talk(f"item {outcome[0]}: {outcome[1].message}")
        if not outcomes:
            talk("nothing fits")
        if delivered is not None:
            _tell_delivery(delivered)
    return EXIT_PARTIAL if len(done) < len(outcomes) else EXIT_DONE


def _document(outcome: _Outcome) -> dict[str, object]:
    if isinstance(outcome, Ruling):
        return ruling_document(outcome)
    number, error = outcome
    blank = dict.fromkeys(("state", "verdict", "missing", "note"))
    return {"number": number, **blank, "released": [], "error": {"code": error.code, "message": error.message}}


def _tell_delivery(delivered: bool) -> None:
    talk("delivered as far as the hub took it" if delivered else "a cycle is at work: the next one delivers it")


def _accept(reason: str) -> Decide:
    from warden.engine.review_rulings import accept

    return lambda desk, reviewer, number: accept(desk, reviewer, number, reason)


def _ignore(reason: str) -> Decide:
    from warden.engine.review_rulings import ignore

    return lambda desk, reviewer, number: ignore(desk, reviewer, number, reason)


def _acknowledge(reason: str) -> Decide:
    from warden.engine.review import acknowledge

    return lambda desk, reviewer, number: acknowledge(desk, reviewer, number, reason)


def _reopen(reason: str) -> Decide:
    from warden.engine.review import reopen

    return lambda desk, reviewer, number: reopen(desk, reviewer, number, reason)


def _reevaluate(reason: str) -> Decide:
    from warden.engine.review_rulings import reevaluate

    return reevaluate


_command("accept", "Release actions exactly as they are shown; deliver again what is in doubt.", _accept, True)
_command("ignore", "End items with a reason and send nothing; of a delivery in doubt: it was taken.", _ignore, False)
_command("ack", "Take note of items, so that they are not raised again.", _acknowledge, False)
_command("reopen", "Give items back, or open again what was decided.", _reopen, False)
_command(
    "re-evaluate",
    "Judge approvals again under today's policy, and let escalations be planned again.",
    _reevaluate,
    True,
)


@app.command("assign", help="Name a declared person who handles an item.")
def assign(
    number: NumberArgument,
    owner: Annotated[str, typer.Argument(help="A name under [review.people].", metavar="NAME")],
    reason: ReasonOption = "",
    agent: AgentFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Assign one."""
    from warden.engine.review import assign as name

    with session(config, state_dir, agent) as place:
        ruling = name(place.desk, place.reviewer, number, owner, reason)
    return _finish(place, [ruling], json, False)


@app.command("edit", help="Release a reply with another text, which is judged anew.")
def edit(
    number: NumberArgument,
    text: TextOption = None,
    file: FileOption = None,
    reason: ReasonOption = "",
    no_input: NoInputFlag = False,
    no_deliver: NoDeliverFlag = False,
    agent: AgentFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Edit one."""
    from warden.engine.draft import shown_text
    from warden.engine.review import find, payload_of
    from warden.engine.review_rulings import edit as release_edited

    with session(config, state_dir, agent) as place:
        payload = payload_of(place.desk, find(place.desk, number))
        present = shown_text(payload) if payload is not None else None
        body = _words(text, file, no_input, present or "")
        ruling = release_edited(place.desk, place.reviewer, number, body, reason)
    return _finish(place, [ruling], json, not no_deliver)


@app.command(
    "respond", help="Send your own text, or a catalogue entry's, to the sender, in the thread, and end the item."
)
def respond(
    number: NumberArgument,
    text: TextOption = None,
    file: FileOption = None,
    entry: EntryOption = None,
    reason: ReasonOption = "",
    no_input: NoInputFlag = False,
    no_deliver: NoDeliverFlag = False,
    agent: AgentFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Respond to one."""
    from warden.engine.review import find
    from warden.engine.review_rulings import respond as send

    with session(config, state_dir, agent) as place:
        find(place.desk, number)
        body = _entry_text(place, entry) if entry is not None else _words(text, file, no_input, "")
        ruling = send(place.desk, place.reviewer, number, body, reason)
    return _finish(place, [ruling], json, not no_deliver)


def _entry_text(place: Session, entry_id: str) -> str:
    from warden.cli.compose import load_catalog

    entry = load_catalog(place.settings).find(entry_id)
    if entry is None:
        raise InputError(f"the catalogue has no entry {quote(entry_id)}", "`warden catalog list` names them")
    return entry.reply_body


def _words(text: str | None, file: Path | None, no_input: bool, present: str) -> str:
    """Return the text from the options, or from the person's editor on a terminal."""
    given = read_text(text, file)
    if given is not None:
        return given
    if no_input or not sys.stdin.isatty():
        raise UsageError("no text was given", "give it with --text or --file")
    from warden.cli.review_keys import write_in_editor

    written = write_in_editor(present)
    if written is None:
        raise InputError("no text was written", "save the text in the editor, or give it with --text")
    return written


def selection(
    kind: str | None,
    states: list[str] | None,
    sender: str,
    owner: str,
    rule: str,
    older_than: str | None,
    newer_than: str | None,
) -> Selection:
    """Return the filters as a selection; raises `InputError` for a word or an age that there is not."""
    default = Selection()
    return Selection(
        kind=None if kind is None else _word(ReviewKind, kind, "kind"),
        states=default.states if not states else _states(states),
        sender=sender,
        owner=owner,
        rule=rule,
        older_than_s=None if older_than is None else read_age(older_than),
        younger_than_s=None if newer_than is None else read_age(newer_than),
        overdue=not states,
    )


def _states(names: list[str]) -> frozenset[ReviewState]:
    if "all" in names:
        return frozenset(ReviewState)
    return frozenset(_word(ReviewState, name, "state") for name in names)


def _word(words: Callable[[str], T], text: str, what: str) -> T:
    try:
        return words(text)
    except ValueError as error:
        raise InputError(f"there is no {what} {quote(text)}", "see `warden review list --help`") from error
