"""Every error that warden raises on purpose, its code and its exit status.

One root, `WardenError`: a stable `code` for machines, a `message` and a `hint` for people, an `exit_status` for the
shell (DESIGN section 7). Messages are lower case, without a full stop, with user data in backticks; the hint says what
to do next. Text that came from outside is put in by the raiser only after `quote`, so that no error carries a control
character, and never a secret value: raisers name fields, files and kinds, not contents.

Nothing here imports anything of warden.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARTIAL = 3
EXIT_REFUSED = 4
EXIT_FOUND = 5
EXIT_LEDGER = 6
EXIT_CREDENTIAL = 7
EXIT_NOT_CONFIGURED = 10
EXIT_LOCKED = 11
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

QUOTED_LIMIT = 120


def quote(text: object) -> str:
    """Return `text` in backticks, on one line, without control characters, at most `QUOTED_LIMIT` characters long."""
    raw = str(text)
    shown = "".join(c if c.isprintable() and c != "`" else "?" for c in raw[:QUOTED_LIMIT])
    return f"`{shown}…`" if len(raw) > QUOTED_LIMIT else f"`{shown}`"


class WardenError(Exception):
    """Root of all: `message` says what is wrong, `hint` what to do next (may be empty)."""

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = EXIT_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(WardenError):
    """The command line or an argument of it cannot be used."""

    code = "usage"
    exit_status = EXIT_USAGE


class InputError(WardenError):
    """A file or value that a person handed in is not acceptable; `field` names the offending part, if known."""

    code = "input"
    exit_status = EXIT_USAGE

    def __init__(self, message: str, hint: str = "", field: str | None = None) -> None:
        super().__init__(message, hint)
        self.field = field


class DocumentError(InputError):
    """A YAML, JSON or TOML document is not acceptable; `place` is `file:line` or a dotted path."""

    code = "document"

    def __init__(self, message: str, hint: str = "", place: str | None = None) -> None:
        super().__init__(f"{place}: {message}" if place else message, hint, place)


class ConfigError(WardenError):
    """warden is not configured, or its configuration does not hold."""

    code = "config"
    exit_status = EXIT_NOT_CONFIGURED


class StateError(WardenError):
    """The state directory or a file in it cannot be used (missing, read-only, full, of a newer version)."""

    code = "state"


class CharterError(WardenError):
    """The charter is missing, changed, unsigned or unreadable: nothing runs."""

    code = "charter"
    exit_status = EXIT_REFUSED


class GateError(WardenError):
    """A gate or a required signature does not hold."""

    code = "gate"
    exit_status = EXIT_REFUSED


class ReviewStateError(GateError):
    """An item of the review queue is not what it was when a person looked: decided by somebody else, expired, or stale."""

    code = "review-state"


class PlanOriginError(WardenError):
    """A saved plan is not one that this ledger knows, is too old, was used, or was edited."""

    code = "plan-origin"
    exit_status = EXIT_REFUSED


class LedgerError(WardenError):
    """The ledger does not verify, or refuses an entry; nothing is executed until it is repaired."""

    code = "ledger"
    exit_status = EXIT_LEDGER


class TransitionError(LedgerError):
    """An entry asks for an edge that the state machine of intents or dispositions does not have."""

    code = "transition"
    exit_status = EXIT_FAILED


class LockHeldError(WardenError):
    """Another cycle holds the lock; `holder` says who, in words."""

    code = "locked"
    exit_status = EXIT_LOCKED

    def __init__(self, message: str, hint: str = "", holder: str = "") -> None:
        super().__init__(message, hint)
        self.holder = holder


class InterruptedRunError(WardenError):
    """The run was asked to stop by a signal and ended between two steps."""

    code = "interrupted"
    exit_status = EXIT_INTERRUPTED


class TerminatedRunError(InterruptedRunError):
    """As `InterruptedRunError`, for SIGTERM."""

    code = "terminated"
    exit_status = EXIT_TERMINATED


class HubError(WardenError):
    """The hub cannot be used: unreachable, answering nonsense, or refusing."""

    code = "hub"


class HubCredentialError(HubError):
    """The hub refused our credential (401 or 403)."""

    code = "hub-credential"
    exit_status = EXIT_CREDENTIAL


class HubNotFoundError(HubError):
    """The hub has no such message, thread or agent, or we take no part in it (404)."""

    code = "hub-not-found"


class HubRejectedError(HubError):
    """The hub refused what we sent (another 4xx); sending it again would be refused again. `field` names the part."""

    code = "hub-rejected"

    def __init__(self, message: str, hint: str = "", field: str | None = None) -> None:
        super().__init__(message, hint)
        self.field = field


class HubConflictError(HubError):
    """Something else was sent before under the same idempotency key (409)."""

    code = "hub-conflict"


class HubBusyError(HubError):
    """The hub asks to come back later (429 or 503); `retry_after_s` says when, if it said so."""

    code = "hub-busy"

    def __init__(self, message: str, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after_s = retry_after_s


class HubUnreachableError(HubError):
    """No connection: what we wanted to send was certainly not taken."""

    code = "hub-unreachable"


class HubUncertainError(HubError):
    """The request may have been taken, but no usable answer came (time-out after send, reset, 5xx, malformed)."""

    code = "hub-uncertain"


class HubAnswerError(HubUncertainError):
    """The hub answered something that is too large or not of the expected shape."""

    code = "hub-answer"


class BrainError(WardenError):
    """A brain could not be asked or answered nothing usable; the message is escalated."""

    code = "brain"


class ModelCredentialError(BrainError):
    """The model's server refused our credential (401 or 403), or there is none where there should be one."""

    code = "model-credential"
    exit_status = EXIT_CREDENTIAL


class ScannerError(WardenError):
    """A secret scanner failed or exceeded a bound: the text counts as holding a secret (fail closed)."""

    code = "scanner"


class NotifyError(WardenError):
    """A target of notifications did not take one, or cannot be reached."""

    code = "notify"
