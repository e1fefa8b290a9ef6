"""What was said before: the messages of a thread that passed between one sender and us, with no secret value in them.

Fetched only for a message that a model is asked about. What it adds to the message is data for the model, no ground for any
decision of our own code.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from warden.engine.cleaning import Cleaner
from warden.engine.pull import readable_problem
from warden.errors import HubAnswerError, HubNotFoundError
from warden.model.digests import canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warden.model.message import BrainInput, Message
    from warden.ports import HubReader, Scanner

MAX_EARLIER = 24
MAX_CHARACTERS = 64 * 1024
"""INVARIANT (bounded): messages of a conversation that are shown, the newest ones, and characters of one that is."""


def with_conversation(given: BrainInput, reopened: bool, hub: HubReader, scanner: Scanner) -> BrainInput:
    """Return the input with the conversation that the message belongs to, oldest first.

    A message is shown with what came before it; one that was planned before and is planned again because its sender added to
    the thread (`reopened`), with what came up to the sender's last message. So our own answers of this run change nothing.
    A thread that the hub does not have or cannot tell leaves the message alone. Raises the other `HubError` of `get_thread`.
    """
    message = given.message
    try:
        thread = hub.get_thread(message.key.agent, message.content.thread_id)
    except (HubNotFoundError, HubAnswerError):
        return given
    earlier = [
        one
        for one in _up_to(message, thread, reopened)
        if is_between(one, message) and one.key != message.key and _is_shown(one, scanner)
    ]
    return _cleaned(given, earlier[-MAX_EARLIER:], scanner) if earlier else given


def _up_to(message: Message, thread: Sequence[Message], reopened: bool) -> Sequence[Message]:
    sender = message.sender.name
    for number in range(len(thread) - 1, -1, -1):
        one = thread[number]
        if one.key == message.key or (reopened and one.sender.name == sender):
            return thread[: number + 1]
    return ()


def is_between(one: Message, message: Message) -> bool:
    """Return whether `one` went from the sender of `message` to us, or from us to that sender.

    INVARIANT (reply-to-sender): a message whose recipient the hub does not tell is not shown: it may be another sender's.
    """
    ends = {one.sender.name, one.recipient}
    return ends == {message.sender.name, message.key.agent} and one.content.thread_id == message.content.thread_id


def _is_shown(one: Message, scanner: Scanner) -> bool:
    return len(one.content.body) <= MAX_CHARACTERS and not readable_problem(one, scanner)


def _cleaned(given: BrainInput, earlier: Sequence[Message], scanner: Scanner) -> BrainInput:
    """INVARIANT (no-secret): a value that was found anywhere in the conversation is taken out of all of it, the message too."""
    cleaner = Cleaner(scanner, [text for one in (*earlier, given.message) for text in _texts(one)])
    shown = [_redacted(one, cleaner) for one in (*earlier, given.message)]
    *before, message = shown
    return replace(given, message=message, thread=tuple(one for one in before if _is_text(one)))


def _texts(message: Message) -> list[str]:
    metadata = message.content.metadata
    return [message.content.subject, message.content.body, *metadata, *metadata.values()]


def _redacted(message: Message, cleaner: Cleaner) -> Message:
    content, clean = message.content, cleaner.redacted
    metadata = {clean(name): clean(value) for name, value in content.metadata.items()}
    return replace(
        message,
        content=replace(content, subject=clean(content.subject), body=clean(content.body), metadata=metadata),
    )


def _is_text(message: Message) -> bool:
    """Return whether the message can be written down at all: half a surrogate pair cannot."""
    try:
        canonical_bytes([message.content.subject, message.content.body, message.received_at])
    except ValueError:
        return False
    return True
