"""What happened at a source: the facts of one delivery, after its signature held and its payload was read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

INTAKE = "intake"
"""The source of messages that were made of events."""

RULE_SET = "rule-set"
"""Metadata name of the rule set that made a message of an event."""


class Trust(StrEnum):
    """What the account behind an event may do at its source, least first."""

    UNKNOWN = "unknown"
    READONLY = "readonly"
    COLLABORATOR = "collaborator"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """The place in the order: a higher one may do all that a lower one may."""
        return tuple(Trust).index(self)


class Flag(StrEnum):
    """What else our own code found in an event."""

    PULL = "pull"
    """It is about a pull request."""
    CLOSED = "closed"
    """Its issue or pull request is closed."""
    OWN = "own"
    """It was caused by an account of ours."""
    AGENT = "agent"
    """It was caused by another agent's account."""
    MARKER = "marker"
    """Its text carries the mark of what we write."""
    SIGNED = "workflow-signed"
    """A privileged workflow issue whose signature holds."""
    UNSIGNED = "workflow-unsigned"
    """A privileged workflow issue without a signature, or with one that does not hold."""
    STALE = "workflow-stale"
    """A privileged workflow issue whose signature is too old, or from the future."""


class Concurrency(StrEnum):
    """What happens to an event while an earlier one with the same key is not done."""

    NONE = "none"
    """Both go on."""
    QUEUE = "queue"
    """It waits its turn."""
    COALESCE = "coalesce"
    """It takes the place of those that nobody has begun with, and waits for the one that somebody has."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """What a rule set made of an event. `rule` is empty where no rule had a say; under one `key` tasks are told apart: within
    `window_s` a second one of the same rule is dropped. With `lock` the event's issue is held while it is worked on."""

    rule_set: str
    rule: str
    does: str
    key: str
    window_s: int = 0
    concurrency: Concurrency = Concurrency.NONE
    lock: bool = False


LOOPS = {Flag.OWN: "loop-own", Flag.AGENT: "loop-agent", Flag.MARKER: "loop-marker"}
"""Flags for which an event is never acted upon, and why."""

_NAMES = ("source", "event", "type", "action", "repository", "number", "branch", "sender", "url")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `event` is the family of a type (`issues` of `issue_label`), `action` the word of the payload; `number` is
    that of an issue or pull request, empty when there is none; `title` and `text` are what a person wrote; `revisions`
    name what the event brings in which form, so that it is known when it comes another way."""

    source: str
    delivery_id: str
    event: str
    type: str = ""
    action: str = ""
    repository: str = ""
    number: str = ""
    branch: str = ""
    labels: tuple[str, ...] = ()
    sender: str = ""
    trust: Trust = Trust.UNKNOWN
    title: str = ""
    text: str = ""
    url: str = ""
    flags: frozenset[Flag] = frozenset()
    revisions: tuple[str, ...] = ()

    @property
    def issue(self) -> str:
        """`<repository>#<number>`, empty when the event is not about one."""
        return f"{self.repository}#{self.number}" if self.number and self.repository else ""

    @property
    def thread_id(self) -> str:
        """What ties events of one issue together: `<source>:<repository>#<number>`."""
        return f"{self.source}:{self.issue or self.repository or self.event}"


def event_facts(event: Event) -> dict[str, str]:
    """Return the facts as metadata of a message: names and texts, without what is empty."""
    facts = {name: str(getattr(event, name)) for name in _NAMES}
    facts["delivery"] = event.delivery_id
    facts["sender-trust"] = event.trust.value
    facts["labels"] = "\n".join(event.labels)
    facts["flags"] = " ".join(sorted(flag.value for flag in event.flags))
    return {name: value for name, value in facts.items() if value}


def event_from_facts(facts: Mapping[str, str], title: str, text: str) -> Event:
    """Return the event that `event_facts` described; raises `ValueError` for a word that no event has."""
    named = [facts.get(name, "") for name in _NAMES]
    source, family, kind, action, repository, number, branch, sender, url = named
    return Event(
        source=source,
        event=family,
        type=kind,
        action=action,
        repository=repository,
        number=number,
        branch=branch,
        sender=sender,
        url=url,
        delivery_id=facts.get("delivery", ""),
        labels=tuple(facts["labels"].split("\n")) if facts.get("labels") else (),
        trust=Trust(facts.get("sender-trust", Trust.UNKNOWN)),
        flags=frozenset(Flag(word) for word in facts.get("flags", "").split()),
        title=title,
        text=text,
    )
