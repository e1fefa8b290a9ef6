"""Options of the commands of `warden review`, and the dataclasses that carry them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from warden.cli.options import AGENT, CONFIG, JSON, NO_INPUT, STATE_DIR, Command, Option

PAGE = 50
"""Items that `list` shows at once; a queue of thousands is no reading."""
MOST = 10_000
"""INVARIANT (bounded): items of one list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextOptions:
    """What `warden review next` was asked for, and every other command too."""

    agent: str | None = None
    json: bool = False
    config: Path | None = None
    state_dir: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterOptions(NextOptions):
    """Which items are meant."""

    kind: str | None = None
    state: list[str] | None = None
    sender: str | None = None
    owner: str | None = None
    rule: str | None = None
    because: str | None = None
    older_than: str | None = None
    newer_than: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions(FilterOptions):
    """What `warden review list` was asked for."""

    limit: int = PAGE
    after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemOptions(NextOptions):
    """What a command about one item was asked for: `show`, `assign`, `edit` and `respond`, as far as each takes it."""

    number: int
    owner: str = ""
    text: str | None = None
    file: Path | None = None
    entry: str | None = None
    reason: str | None = None
    no_deliver: bool = False
    no_input: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions(FilterOptions):
    """What a command about several items was asked for: their numbers, or `every` one that the filters name."""

    numbers: list[int] | None = None
    reason: str | None = None
    every: bool = False
    yes: bool = False
    no_deliver: bool = False


_HOUSE = (AGENT, JSON, CONFIG, STATE_DIR)
_STATES = "open, acknowledged, decided, expired, superseded, or all."
_FILTERS = (
    Option("kind", ("--kind",), str, None, "escalation or approval.", metavar="KIND"),
    Option("state", ("--state",), str, None, _STATES, metavar="STATE", many=True),
    Option("sender", ("--sender",), str, None, "Who wrote the message.", metavar="NAME"),
    Option("owner", ("--owner",), str, None, "Who owns the item.", metavar="NAME"),
    Option("rule", ("--rule",), str, None, "A rule that decided, with or without its layer.", metavar="RULE"),
    Option("because", ("--because",), str, None, "The reason code that `list` shows.", metavar="CODE"),
    Option("older_than", ("--older-than",), str, None, "An age: 90m, 12h, 3d.", metavar="AGE"),
    Option("newer_than", ("--newer-than",), str, None, "An age: 90m, 12h, 3d.", metavar="AGE"),
)
_NUMBER = Option("number", (), int, None, "The item's number.", low=1, metavar="ITEM")
_REASON = Option("reason", ("--reason",), str, None, "Why; kept with the decision.", metavar="TEXT")
_TEXT = Option("text", ("--text",), str, None, "The text to send.", metavar="TEXT")
_FILE = Option("file", ("--file",), Path, None, "A file with the text, `-` for stdin.", metavar="FILE")
_NO_DELIVER = Option("no_deliver", ("--no-deliver",), bool, False, "Leave delivering to the next executing run.")
_BATCH = (
    Option("numbers", (), int, None, "The items' numbers.", low=1, metavar="[ITEM]...", many=True),
    _REASON,
    Option("every", ("--all",), bool, False, "Every item that the filters name; needs --yes."),
    Option("yes", ("--yes",), bool, False, "Do it for all of them."),
    *_FILTERS,
    _NO_DELIVER,
    *_HOUSE,
)

LIST = Command(
    path=("review", "list"),
    help="List what waits, oldest first, a page at a time.",
    options=(
        *_FILTERS,
        Option("limit", ("--limit",), int, PAGE, "At most so many.", low=1, metavar="N", high=MOST),
        Option("after", ("--after",), int, 0, "Items behind this number.", metavar="ITEM"),
        *_HOUSE,
    ),
    make=ListOptions,
    target="warden.cli.review_list:list_items",
)
SHOW = Command(
    path=("review", "show"),
    help="Show all of one item: messages, exact text, why, and what happened.",
    options=(_NUMBER, *_HOUSE),
    make=ItemOptions,
    target="warden.cli.review_show:show",
)
NEXT = Command(
    path=("review", "next"),
    help="Show what should be looked at next: what expires first, then what is oldest.",
    options=_HOUSE,
    make=NextOptions,
    target="warden.cli.review_show:show_next",
)


def _batch(name: str, help_text: str, function: str) -> Command:
    return Command(("review", name), help_text, _BATCH, BatchOptions, f"warden.cli.review:{function}")


ACCEPT = _batch("accept", "Release actions exactly as they are shown; deliver again what is in doubt.", "accept")
IGNORE = _batch("ignore", "End items with a reason and send nothing; of a delivery in doubt: it was taken.", "ignore")
ACK = _batch("ack", "Take note of items, so that they are not raised again.", "acknowledge")
REOPEN = _batch("reopen", "Give items back, or open again what was decided.", "reopen")
REEVALUATE = _batch(
    "re-evaluate",
    "Judge approvals again under today's policy, and let escalations be planned again.",
    "reevaluate",
)
ASSIGN = Command(
    path=("review", "assign"),
    help="Name a declared person who handles an item.",
    options=(
        _NUMBER,
        Option("owner", (), str, None, "A name under [review.people].", metavar="NAME"),
        _REASON,
        *_HOUSE,
    ),
    make=ItemOptions,
    target="warden.cli.review:assign",
)
EDIT = Command(
    path=("review", "edit"),
    help="Release a reply with another text, which is judged anew.",
    options=(_NUMBER, _TEXT, _FILE, _REASON, NO_INPUT, _NO_DELIVER, *_HOUSE),
    make=ItemOptions,
    target="warden.cli.review:edit",
)
RESPOND = Command(
    path=("review", "respond"),
    help="Send your own text, or a catalogue entry's, to the sender, in the thread, and end the item.",
    options=(
        _NUMBER,
        _TEXT,
        _FILE,
        Option(
            "entry",
            ("--entry",),
            str,
            None,
            "Answer with this catalogue entry; `catalog learn` learns from it.",
            metavar="ID",
        ),
        _REASON,
        NO_INPUT,
        _NO_DELIVER,
        *_HOUSE,
    ),
    make=ItemOptions,
    target="warden.cli.review:respond",
)

COMMANDS = (LIST, SHOW, NEXT, ACCEPT, IGNORE, ACK, REOPEN, REEVALUATE, ASSIGN, EDIT, RESPOND)
"""What the fast path knows of `warden review`, in the order in which help names them."""
