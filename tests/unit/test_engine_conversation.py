"""The conversation that a model is shown: between one sender and us, cleaned, bounded, and the same in every run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enginebed import AGENT, SECRET, SENDER, Bed, with_content
from warden.engine.conversation import MAX_CHARACTERS, MAX_EARLIER, with_conversation
from warden.errors import HubAnswerError, HubNotFoundError, HubUnreachableError, WardenError
from warden.guard import GuardScanner
from warden.model.delivery import OutgoingMessage
from warden.model.message import BrainInput, Message, MessageFacts


class Thread:
    """A hub that has one thread, or raises."""

    def __init__(self, *messages: Message, error: WardenError | None = None) -> None:
        self._messages = messages
        self._error = error

    def get_thread(self, agent: str, thread_id: str) -> tuple[Message, ...]:
        """Return the thread."""
        if self._error is not None:
            raise self._error
        return self._messages


def exchange(bed: Bed, *said: tuple[str, str, str]) -> list[Message]:
    """Post these messages (from, to, body) into one thread and return them as the worker's inbox shows them."""
    thread = ""
    for sender, recipient, body in said:
        sent = bed.hub.post_message(OutgoingMessage(sender, recipient, "about it", body, "request", thread, ""))
        thread = thread or bed.hub.get_message(None, sent.id).content.thread_id
    return list(bed.hub.get_thread(None, thread))


def seen(message: Message) -> Message:
    """The message under the worker's key."""
    return replace(message, key=replace(message.key, agent=AGENT))


def shown(message: Message, *thread: Message, reopened: bool = False) -> list[str]:
    """The bodies that a model is shown of a thread, beside the message itself."""
    given = BrainInput(seen(message), MessageFacts())
    hub = Thread(*map(seen, thread))
    found = with_conversation(given, reopened, hub, GuardScanner())  # type: ignore[arg-type]
    return [one.content.body for one in found.thread]


def test_only_what_passed_between_the_sender_and_us() -> None:
    """INVARIANT (reply-to-sender): what others wrote to us, we to others, and others among each other in the same thread is
    shown to nobody's model."""
    said = exchange(
        Bed(),
        (SENDER, AGENT, "first question"),
        (SENDER, "eve", "a word to eve"),
        ("eve", AGENT, "eve asks too"),
        (AGENT, "eve", "our answer to eve"),
        (AGENT, SENDER, "our answer"),
        ("eve", SENDER, "eve to sender"),
        (SENDER, AGENT, "second question"),
    )
    assert shown(said[-1], *said) == ["first question", "our answer"]


def test_a_recipient_that_is_not_told_is_not_guessed() -> None:
    """A hub that does not say to whom a message went may have shown us somebody else's: it is left out."""
    said = exchange(Bed(), (SENDER, AGENT, "one"), (SENDER, AGENT, "two"))
    assert shown(said[1], replace(said[0], recipient=""), said[1]) == []


def test_another_thread_is_not_shown() -> None:
    """A hub that answers with messages of another thread shows the model nothing of them."""
    said = exchange(Bed(), (SENDER, AGENT, "one"), (SENDER, AGENT, "two"))
    assert shown(said[1], with_content(said[0], thread_id="other"), said[1]) == []


def test_what_came_later_is_not_shown() -> None:
    """A message is shown with what came before it, so that our own later answers do not make it another question."""
    said = exchange(Bed(), (SENDER, AGENT, "one"), (SENDER, AGENT, "two"), (AGENT, SENDER, "answer"))
    assert shown(said[0], *said) == []
    assert shown(said[1], *said) == ["one"]


def test_what_reopened_a_message_is_shown() -> None:
    """A message that is planned again is shown up to its sender's last word, without what we said after that."""
    said = exchange(
        Bed(),
        (SENDER, AGENT, "one"),
        (AGENT, SENDER, "a person wrote"),
        (SENDER, AGENT, "more"),
        (AGENT, SENDER, "later"),
    )
    assert shown(said[0], *said, reopened=True) == ["a person wrote", "more"]


def test_a_thread_without_the_message_is_not_shown() -> None:
    """A hub whose thread does not hold the message itself tells nothing about what came before it."""
    said = exchange(Bed(), (SENDER, AGENT, "one"), (SENDER, AGENT, "two"))
    assert shown(said[1], said[0]) == []


def test_the_newest_of_many_are_shown() -> None:
    """INVARIANT (bounded): of a long conversation the newest messages are shown, and none that is very long."""
    said = exchange(Bed(), *((SENDER, AGENT, f"number {number}") for number in range(MAX_EARLIER + 3)))
    assert shown(said[-1], *said) == [f"number {number}" for number in range(2, MAX_EARLIER + 2)]
    long = with_content(said[0], body="x" * (MAX_CHARACTERS + 1))
    assert shown(said[1], long, said[1]) == []
    longest = with_content(said[0], body="x" * MAX_CHARACTERS)
    assert shown(said[1], longest, said[1]) == ["x" * MAX_CHARACTERS]


def test_a_value_found_anywhere_is_taken_out_everywhere() -> None:
    """INVARIANT (no-secret): a value that one message gives away is taken out of all of them, the present message too."""
    said = exchange(
        Bed(), (SENDER, AGENT, "the password is hunter2-Rakete77"), (SENDER, AGENT, "hunter2-Rakete77 fails, why?")
    )
    given = BrainInput(seen(said[1]), MessageFacts())
    found = with_conversation(given, False, Thread(*map(seen, said)), GuardScanner())  # type: ignore[arg-type]
    texts = [found.message.content.body, *(one.content.body for one in found.thread)]
    assert len(texts) == 2
    assert not any("Rakete77" in text for text in texts)


def test_metadata_and_names_are_cleaned_too() -> None:
    """Secret values in metadata are taken out; a message whose ids hold one is not shown at all."""
    said = exchange(Bed(), (SENDER, AGENT, "one"), (SENDER, AGENT, "two"))
    noted = with_content(said[0], metadata={"note": SECRET})
    found = with_conversation(
        BrainInput(seen(said[1]), MessageFacts()),
        False,
        Thread(seen(noted), seen(said[1])),  # type: ignore[arg-type]
        GuardScanner(),
    )
    assert SECRET not in str(found.thread)
    assert len(found.thread) == 1
    assert shown(said[1], with_content(said[0], in_reply_to=SECRET), said[1]) == []


def test_what_cannot_be_written_down_is_not_shown() -> None:
    """Half a surrogate pair in an earlier message leaves that message out."""
    said = exchange(Bed(), (SENDER, AGENT, "one"), (SENDER, AGENT, "two"))
    assert shown(said[1], with_content(said[0], body="half \ud83d"), said[1]) == []


@pytest.mark.parametrize("error", [HubNotFoundError("no thread"), HubAnswerError("garbage")])
def test_a_thread_that_cannot_be_told_leaves_the_message_alone(error: WardenError) -> None:
    """A hub without that thread, or whose answer cannot be read, costs the conversation and nothing else."""
    (message,) = exchange(Bed(), (SENDER, AGENT, "one"))
    given = BrainInput(seen(message), MessageFacts())
    assert with_conversation(given, False, Thread(error=error), GuardScanner()) is given  # type: ignore[arg-type]


def test_a_hub_that_is_away_is_told() -> None:
    """A hub that is away is no reason to ask without the conversation: the message waits for the next run."""
    (message,) = exchange(Bed(), (SENDER, AGENT, "one"))
    given = BrainInput(seen(message), MessageFacts())
    with pytest.raises(HubUnreachableError):
        with_conversation(given, False, Thread(error=HubUnreachableError("away")), GuardScanner())  # type: ignore[arg-type]
