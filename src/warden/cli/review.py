"""Deciding what waits for a person, on the command line: several items at once, or one with words."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from warden.cli.output import print_json, talk
from warden.cli.review_parts import deliver, read_text, session
from warden.cli.review_text import SCHEMA, ruling_document, ruling_line, selection
from warden.errors import EXIT_DONE, EXIT_PARTIAL, InputError, UsageError, WardenError, quote
from warden.model.review import Ruling

if TYPE_CHECKING:
    from warden.cli.review_options import BatchOptions, ItemOptions
    from warden.cli.review_parts import Session
    from warden.engine.review import Desk
    from warden.model.review import Reviewer, Selection

Decide = Callable[["Desk", "Reviewer", int], Ruling]
_Outcome = Ruling | tuple[int, WardenError]


def accept(options: BatchOptions) -> int:
    """Release actions; returns the exit status, as every command here does."""
    from warden.engine.review_rulings import accept as release

    reason = options.reason or ""
    return _decide(options, lambda desk, reviewer, number: release(desk, reviewer, number, reason), delivers=True)


def ignore(options: BatchOptions) -> int:
    """End items and send nothing."""
    from warden.engine.review_endings import ignore as end

    reason = options.reason or ""
    return _decide(options, lambda desk, reviewer, number: end(desk, reviewer, number, reason))


def acknowledge(options: BatchOptions) -> int:
    """Take note of items."""
    from warden.engine.review import acknowledge as note

    reason = options.reason or ""
    return _decide(options, lambda desk, reviewer, number: note(desk, reviewer, number, reason))


def reopen(options: BatchOptions) -> int:
    """Give items back."""
    from warden.engine.review import reopen as give_back

    reason = options.reason or ""
    return _decide(options, lambda desk, reviewer, number: give_back(desk, reviewer, number, reason))


def reevaluate(options: BatchOptions) -> int:
    """Judge items again."""
    from warden.engine.review_rulings import reevaluate as judge_again

    return _decide(options, judge_again, delivers=True, judging_again=True)


def _chosen(place: Session, chosen: Selection, judging_again: bool) -> list[int]:
    """Return the numbers that filters name; what has expired is recorded before, unless it may be asked about anew."""
    from warden.engine.review import select

    if not judging_again:
        from warden.engine.review_upkeep import expire_due

        expire_due(place.desk)
    return [item.number for item in select(place.desk, chosen)]


def _decide(options: BatchOptions, decide: Decide, delivers: bool = False, judging_again: bool = False) -> int:
    """Decide several items, or all that filters name."""
    chosen = selection(options)
    if bool(options.numbers) == options.every:
        raise UsageError("name items, or all that filters name with --all", "`warden review list` names them")
    if options.every and not options.yes:
        raise UsageError("--all decides many items at once", "look at them with `warden review list`, then add --yes")
    with session(options.config, options.state_dir, options.agent) as place:
        numbers = options.numbers or _chosen(place, chosen, judging_again)
        wanted = list(dict.fromkeys(numbers))
        outcomes = [_outcome(place, number, decide, len(wanted) == 1) for number in wanted]
    return _finish(place, outcomes, options.json, delivers and not options.no_deliver)


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
            tell_delivery(delivered)
    return EXIT_PARTIAL if len(done) < len(outcomes) else EXIT_DONE


def _document(outcome: _Outcome) -> dict[str, object]:
    if isinstance(outcome, Ruling):
        return ruling_document(outcome)
    number, error = outcome
    blank = dict.fromkeys(("state", "verdict", "missing", "note"))
    return {"number": number, **blank, "released": [], "error": {"code": error.code, "message": error.message}}


def tell_delivery(delivered: bool) -> None:
    """Say whether what was released left at once."""
    talk("delivered as far as the hub took it" if delivered else "a cycle is at work: the next one delivers it")


def assign(options: ItemOptions) -> int:
    """Name who handles an item."""
    from warden.engine.review import assign as name

    with session(options.config, options.state_dir, options.agent) as place:
        ruling = name(place.desk, place.reviewer, options.number, options.owner, options.reason or "")
    return _finish(place, [ruling], options.json, False)


def edit(options: ItemOptions) -> int:
    """Release a reply with another text."""
    from warden.engine.draft import shown_text
    from warden.engine.review import find, payload_of
    from warden.engine.review_rulings import edit as release_edited

    with session(options.config, options.state_dir, options.agent) as place:
        payload = payload_of(place.desk, find(place.desk, options.number))
        present = shown_text(payload) if payload is not None else None
        body = _words(options, present or "")
        ruling = release_edited(place.desk, place.reviewer, options.number, body, options.reason or "")
    return _finish(place, [ruling], options.json, not options.no_deliver)


def respond(options: ItemOptions) -> int:
    """Send one's own text, or a catalogue entry's."""
    from warden.engine.review import find
    from warden.engine.review_rulings import respond as send

    with session(options.config, options.state_dir, options.agent) as place:
        find(place.desk, options.number)
        body = _entry_text(place, options.entry) if options.entry is not None else _words(options, "")
        ruling = send(place.desk, place.reviewer, options.number, body, options.reason or "")
    return _finish(place, [ruling], options.json, not options.no_deliver)


def _entry_text(place: Session, entry_id: str) -> str:
    from warden.cli.compose import load_catalog

    entry = load_catalog(place.settings).find(entry_id)
    if entry is None:
        raise InputError(f"the catalogue has no entry {quote(entry_id)}", "`warden catalog list` names them")
    return entry.reply_body


def _words(options: ItemOptions, present: str) -> str:
    """Return the text from the options, or from the person's editor on a terminal."""
    given = read_text(options.text, options.file)
    if given is not None:
        return given
    if options.no_input or not sys.stdin.isatty():
        raise UsageError("no text was given", "give it with --text or --file")
    from warden.cli.review_keys import write_in_editor

    written = write_in_editor(present)
    if written is None:
        raise InputError("no text was written", "save the text in the editor, or give it with --text")
    return written
