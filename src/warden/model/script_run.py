"""One run of a script, as it was written down."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScriptRunRecord:
    """A run of a script: its number under its delivery's key, the rule that named it, when it began and ended (RFC 3339, UTC).

    `status` is `exit N`, `signal N`, `timed out` or `not started: ...`; it and `ended_at` are empty while the end is unknown.
    `output` is what it printed, capped and redacted.
    """

    key: str
    number: int
    rule: str
    began_at: str
    ended_at: str = ""
    status: str = ""
    output: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the program ended with status 0."""
        return self.status == "exit 0"
