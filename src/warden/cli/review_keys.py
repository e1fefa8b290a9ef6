"""Deciding one item after the other with single keys, on a terminal."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import termios
import tty
from collections.abc import Callable
from typing import TYPE_CHECKING

from warden.cli.output import talk
from warden.cli.review_text import detail_lines, ruling_line
from warden.engine import review, review_endings, review_rulings
from warden.engine.draft import shown_text
from warden.engine.review_upkeep import expire_due
from warden.errors import InputError, WardenError, quote
from warden.model.review import ReviewKind

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from warden.cli.review_parts import Session
    from warden.model.review import ReviewDetail, ReviewItem, Ruling

KEYS = "[a]ccept [e]dit [r]espond [i]gnore [k] take note [v] judge again [n]ext [q]uit"
DOUBT_KEYS = "[a] deliver again  [i] it was taken  [k] take note  [n]ext  [q]uit"
ESCALATION_KEYS = "[r]espond  [i]gnore  [k] take note  [v] plan again  [n]ext  [q]uit"
_END = frozenset("q\x03\x04\x1b")


def decide_all(open_session: Callable[[], AbstractContextManager[Session]]) -> bool:
    """Show item after item and do what the keys say, until nothing waits or the person leaves; return whether something was
    released. Items that were passed over come again at the end, once.

    Each item has a session of its own: what is decided in the afternoon is judged by the policy of the afternoon.
    """
    with open_session() as place:
        expire_due(place.desk)
    after, released, passed = 0, False, set[int]()
    while True:
        with open_session() as place:
            item = review.following(place.desk, after)
            if item is None or item.number in passed:
                talk("nothing else waits")
                return released
            detail = review.show(place.desk, item.number)
            print("\n".join(detail_lines(detail, place.desk.clock.now())))
            key, ruling = _decide(place, detail)
        if key in _END:
            return released
        passed.add(item.number)
        if ruling is None:
            after = item.number
        else:
            print(ruling_line(ruling) + "\n")
            released = released or bool(ruling.released)


def _decide(place: Session, detail: ReviewDetail) -> tuple[str, Ruling | None]:
    """Take keys until one of them decided, passed the item over (no ruling) or left; an error stays at the item."""
    while True:
        key = read_key(f"\n{_keys(detail.item)}\n\n").lower()
        if key in _END or key == "n":
            return key, None
        ruling = _act(place, detail, key)
        if ruling is not None:
            return key, ruling


def _keys(item: ReviewItem) -> str:
    if item.delivery:
        return DOUBT_KEYS
    return KEYS if item.kind is ReviewKind.APPROVAL else ESCALATION_KEYS


def _act(place: Session, detail: ReviewDetail, key: str) -> Ruling | None:
    """Do what a key says; None when nothing was decided."""
    acts: dict[str, Callable[[Session, ReviewDetail], Ruling]] = {
        "a": _accept,
        "e": _edit,
        "r": _respond,
        "i": _ignore,
        "k": lambda place, detail: review.acknowledge(place.desk, place.reviewer, detail.item.number),
        "v": lambda place, detail: review_rulings.reevaluate(place.desk, place.reviewer, detail.item.number),
    }
    act = acts.get(key)
    if act is None:
        return None
    try:
        return act(place, detail)
    except WardenError as error:
        talk(f"error: {error.message}")
        if error.hint:
            talk(f"hint: {error.hint}")
        return None


def _accept(place: Session, detail: ReviewDetail) -> Ruling:
    reason = ask("why is it delivered again? ") if detail.item.delivery else ""
    return review_rulings.accept(place.desk, place.reviewer, detail.item.number, reason)


def _edit(place: Session, detail: ReviewDetail) -> Ruling:
    present = shown_text(detail.payload) if detail.payload is not None else None
    body = write_in_editor(present or "")
    if body is None:
        raise InputError("no text was written", "save the text in the editor")
    return review_rulings.edit(place.desk, place.reviewer, detail.item.number, body, ask("why is it changed? "))


def _respond(place: Session, detail: ReviewDetail) -> Ruling:
    body = write_in_editor("")
    if body is None:
        raise InputError("no text was written", "save the text in the editor")
    return review_rulings.respond(place.desk, place.reviewer, detail.item.number, body)


def _ignore(place: Session, detail: ReviewDetail) -> Ruling:
    return review_endings.ignore(place.desk, place.reviewer, detail.item.number, ask("why does it end unanswered? "))


def ask(question: str) -> str:
    """Return one line that a person writes; empty at the end of input."""
    try:
        return input(question)
    except EOFError:
        return ""


def read_key(shown: str) -> str:
    """Show something and return the key that a person presses then; the terminal is as it was afterwards.

    What was typed before it was shown is thrown away: nobody decides what they have not seen.
    """
    sys.stdout.flush()
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSAFLUSH)
        sys.stdout.write(shown)
        sys.stdout.flush()
        return os.read(descriptor, 1).decode("ascii", "replace") or "q"
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def write_in_editor(present: str) -> str | None:
    """Return what a person writes in their editor, None when nothing was written; raises `InputError` when there is none."""
    from warden.config.environment import read_environment

    editor = read_environment().editor
    with tempfile.NamedTemporaryFile("w+", suffix=".txt", encoding="utf-8") as file:  # 0600, removed at the end
        file.write(present)
        file.flush()
        try:
            status = subprocess.run([*shlex.split(editor), file.name], check=False).returncode
        except (OSError, ValueError) as error:
            raise InputError(f"the editor {quote(editor)} cannot be started", "set VISUAL, or use --text") from error
        with open(file.name, encoding="utf-8", errors="replace") as written:  # editors replace the file
            text = written.read()
    return text if status == 0 and text.strip() else None
