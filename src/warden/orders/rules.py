"""Trigger rules as values: what an event must be, and what is done then."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from warden.model.event import Concurrency, Event, Flag, Trust

if TYPE_CHECKING:
    from collections.abc import Mapping


class Does(StrEnum):
    """What a rule does about an event."""

    IGNORE = "ignore"
    MESSAGE = "message"
    SCRIPT = "script"
    WORKLOAD = "workload"
    TRIGGER = "trigger"


MAX_SUBJECT = 512
"""INVARIANT (bounded): characters of a value that a glob is tried on."""


def split_glob(pattern: str) -> tuple[str, ...]:
    """Return the parts of a pattern: `*` stands for any characters but `/`, `**` for any at all, the rest for itself."""
    return tuple(part for part in re.split(r"(\*\*|\*)", pattern) if part)


def match_glob(parts: tuple[str, ...], value: str) -> bool:
    """Return whether the parts of a pattern match `value` as a whole; takes steps in proportion to both lengths."""
    reached = {0}
    for part in parts:
        if part == "**":
            reached = set(range(min(reached), len(value) + 1))
        elif part == "*":
            reached = _over_names(reached, value)
        else:
            reached = {at + len(part) for at in reached if value.startswith(part, at)}
        if not reached:
            return False
    return len(value) in reached


def _over_names(reached: set[int], value: str) -> set[int]:
    """Return what can be reached from any of these places without going over a `/`."""
    found: set[int] = set()
    for at in sorted(reached):
        if at not in found:
            end = value.find("/", at)
            found.update(range(at, (len(value) if end < 0 else end) + 1))
    return found


@dataclass(frozen=True)
class Globs:
    """Patterns of which one must match; none at all match everything."""

    patterns: tuple[str, ...] = ()

    @cached_property
    def _parts(self) -> tuple[tuple[str, ...], ...]:
        return tuple(split_glob(pattern) for pattern in self.patterns)

    def match(self, value: str) -> bool:
        """Return whether `value` is matched; one that is too long is not."""
        if not self.patterns:
            return True
        return len(value) <= MAX_SUBJECT and any(match_glob(parts, value) for parts in self._parts)


ANY = Globs()


@dataclass(frozen=True, slots=True)
class When:
    """What an event must be: every condition holds. `labels` are met by one label; `trust` is the least that is enough;
    `pull` and `signed` are None when they do not matter."""

    source: Globs = ANY
    event: Globs = ANY
    type: Globs = ANY
    action: Globs = ANY
    repository: Globs = ANY
    branch: Globs = ANY
    sender: Globs = ANY
    label: Globs = ANY
    trust: Trust = Trust.UNKNOWN
    pull: bool | None = None
    signed: bool | None = None

    def objection(self, event: Event) -> str:
        """Return the name of the first condition that does not hold, empty when all do."""
        for name in ("source", "event", "type", "action", "repository", "branch", "sender"):
            if not getattr(self, name).match(getattr(event, name)):
                return name
        if self.label.patterns and not any(self.label.match(label) for label in event.labels):
            return "label"
        if event.trust.rank < self.trust.rank:
            return "trust"
        for name, wanted, flag in (("pull", self.pull, Flag.PULL), ("signed", self.signed, Flag.SIGNED)):
            if wanted is not None and wanted is not (flag in event.flags):
                return name
        return ""


@dataclass(frozen=True, slots=True)
class ScriptPlan:
    """The program that a rule names, and the terms under which it runs."""

    argv: tuple[str, ...]
    directory: str
    environment: tuple[str, ...] = ()
    timeout_s: int = 60
    cpu_s: int = 60
    memory_bytes: int = 1 << 30
    open_files: int = 256
    retries: int = 0
    retry_after_s: int = 60
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class WorkloadPlan:
    """The action that a runtime is asked to execute."""

    action: str
    response_policy: str | None = None


@dataclass(frozen=True, slots=True)
class TriggerPlan:
    """A word and named values for a runtime that listens for triggers."""

    kind: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Under one `key` events are told apart: within `window_s` a second one of the same rule is dropped, and
    `concurrency` says what happens while an earlier one is not done; with `lock` the
    event's issue is held for as long as it is worked on."""

    id: str
    when: When
    does: Does
    script: ScriptPlan | None = None
    workload: WorkloadPlan | None = None
    trigger: TriggerPlan | None = None
    key: str = "{source}:{repository}#{number}"
    window_s: int = 0
    concurrency: Concurrency = Concurrency.NONE
    lock: bool = False


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules that are tried in order; the first that matches is the set's answer."""

    name: str
    rules: tuple[Rule, ...]

    def first(self, event: Event) -> Rule | None:
        """Return the first rule that matches, None when none does."""
        return next((rule for rule in self.rules if not rule.when.objection(event)), None)
