"""What a hub gives back of what was posted to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ProgressRecord:
    """A progress event as a hub gives it back."""

    id: str
    agent: str
    created_at: str
    kind: str
    summary: str
    detail: str | None = None
    message_id: str | None = None
    thread_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProgressPage:
    """One page of progress events, oldest first; `after` is the cursor of the next page, None at the end."""

    events: tuple[ProgressRecord, ...]
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A hub's answer to a POST: the id of what was made, and whether an earlier request with the same key made it."""

    id: str
    replayed: bool = False
