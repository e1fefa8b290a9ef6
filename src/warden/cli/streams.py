"""stdout and stderr, looked at: what a command prints, logs or fails with passes the guard before it leaves the process.

What it does: puts a redacting stream in front of stdout and stderr for the length of one command. Everything is covered
that ends up there: `print`, a rich console, log handlers, the interpreter's own warnings and tracebacks. What it does
not: look at what a command writes to files (those are written from values that were cleaned before), or at
`sys.stdout.buffer`, which only the ledger's own bytes take.

Rules:

- Nothing is loaded before there is something to look at: an idle run prints wording of ours by `unsafe_write`.
- A value may come in pieces. Text is looked at in whole lines, on a pipe in blocks of lines; a word that is still being
  written waits even when the stream is flushed.
- A JSON document stays one: in output that begins like JSON, only the inside of strings is replaced.
- What cannot be looked at is withheld, after a second try with a guard built anew, and the reader is told why: files of
  an installation that is being replaced, or memory that ran out for a moment, must not cost the output.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from warden.model.finding import Finding
    from warden.ports import Scanner

LINE_LIMIT = 65_536
BLOCK = 32_768
DELIVERY_KEY = "wk1-"
UNSCANNABLE = "unscannable"
WITHHELD = f"[redacted:{UNSCANNABLE}]"
TRIES = 2


class Lookout:
    """Builds the guard when there is first something to look at. Shared by both streams of a process.

    While it is being built (which may have something to say itself) it is not ready, and streams keep what they have.
    """

    def __init__(self, build: Callable[[tuple[bytes, ...]], Scanner]) -> None:
        self._build = build
        self._held: tuple[bytes, ...] = ()
        self._scanner: Scanner | None = None
        self.is_building = False
        self.lock = threading.RLock()

    def hold(self, value: bytes) -> None:
        """Look for `value` from now on: a credential that the process has just fetched."""
        with self.lock:
            if value not in self._held:
                self._held, self._scanner = (*self._held, value), None

    def rebuild(self) -> None:
        """Let the guard be built anew."""
        with self.lock:
            self._scanner = None

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return all findings in `text`; raises whatever building the guard raises."""
        if self._scanner is None:
            self.is_building = True
            try:
                self._scanner = self._build(self._held)
            finally:
                self.is_building = False
        return tuple(found for found in self._scanner.scan(text) if not _is_own_name(text, found))


def _is_own_name(text: str, found: Finding) -> bool:
    """Return whether a finding is only a guess by the name of a digest or id, as our own documents are full of.

    Texts from outside were looked at with all rules when they came in; here they cannot be told from `"key": <digest>`.
    """
    if not found.rule_id.startswith("generic-"):
        return False
    value = text[found.start : found.end]
    return not value.removeprefix(DELIVERY_KEY).strip("0123456789abcdef-")


class RedactingStream(io.TextIOBase):
    """A text stream that passes on whole lines, redacted.

    On a terminal, and with `by_line`, each line is passed on as soon as it is whole; otherwise lines are gathered up to
    `BLOCK` characters. `flush` passes on all but a word that has not ended yet, `finish` everything.
    """

    def __init__(self, stream: TextIO, lookout: Lookout, by_line: bool = False) -> None:
        self._stream = stream
        self.lookout = lookout
        self._by_line = by_line or stream.isatty()
        self._waiting: list[str] = []
        self._size = 0
        self._is_json: bool | None = None

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether the stream behind is a terminal, so that a console may colour."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream behind."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream behind."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """What the stream behind does with characters that its encoding does not have."""
        return self._stream.errors

    @property
    def buffer(self) -> io.BufferedIOBase:
        """The bytes behind, not looked at; what was written as text before comes out before."""
        self.finish()
        return self._stream.buffer  # type: ignore[return-value]

    def write(self, text: str) -> int:
        """Take text; return how much was taken. Raises `TypeError` for bytes, by which writers are told apart."""
        if not isinstance(text, str):
            raise TypeError("write() takes a string")
        with self.lookout.lock:
            self._waiting.append(text)
            self._size += len(text)
            if self._size > BLOCK or (self._by_line and "\n" in text):
                held = "".join(self._waiting)
                whole = held.rfind("\n") + 1
                self._pass_on(held, whole if len(held) - whole <= LINE_LIMIT else len(held))
        return len(text)

    def unsafe_write(self, text: str) -> None:
        """Write text without a look at it; what waits goes first. See the function of this name."""
        with self.lookout.lock:
            if self._size:
                self.finish()
            self._stream.write(text)

    def flush(self) -> None:
        """Pass on everything but a word that has not ended yet; of JSON, a line that has not."""
        with self.lookout.lock:
            held = "".join(self._waiting)
            tail = len(held) - held.rfind("\n") - 1 if self._looks_like_json(held) else _last_word(held)
            self._pass_on(held, len(held) if tail > LINE_LIMIT else len(held) - tail)
            self._stream.flush()

    def finish(self) -> None:
        """Pass on everything."""
        with self.lookout.lock:
            held = "".join(self._waiting)
            self._pass_on(held, len(held))
            self._stream.flush()

    def _pass_on(self, held: str, size: int) -> None:
        if self.lookout.is_building:
            return
        self._waiting, self._size = [held[size:]], len(held) - size
        if size:
            self._stream.write(_without_secrets(self.lookout, held[:size], self._looks_like_json(held)))

    def _looks_like_json(self, held: str) -> bool:
        """Return whether what was written first is the start of a JSON document."""
        if self._is_json is None and held.strip():
            self._is_json = held.lstrip()[0] in "{["
        return bool(self._is_json)


def _last_word(held: str) -> int:
    """Return how long the word is that `held` ends with."""
    return 0 if not held or held[-1].isspace() else len(held.split()[-1])


def unsafe_write(stream: TextIO | RedactingStream, text: str) -> None:
    """Write `text` to `stream` without a look at it: wording of ours, or the one value that was asked for.

    For what no message, file or error is part of (an idle run must not pay for the guard), and for a credential that
    a person had made and is shown once.
    """
    if isinstance(stream, RedactingStream):
        stream.unsafe_write(text)
    else:
        stream.write(text)


def keep_back(value: str) -> None:
    """Let `value`, a credential that was just fetched, never be shown by a guarded stderr or stdout."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, RedactingStream):
            stream.lookout.hold(value.encode("utf-8", "surrogateescape"))
            return


def finish(stream: TextIO | RedactingStream) -> None:
    """Pass on everything that was written to `stream`; raises `OSError` as writing does."""
    if isinstance(stream, RedactingStream):
        stream.finish()
    else:
        stream.flush()


def guard_streams(build: Callable[[tuple[bytes, ...]], Scanner]) -> Callable[[], None]:
    """Put a redacting stream in front of stdout and stderr; return what passes on the rest and undoes that."""
    before = (sys.stdout, sys.stderr)
    lookout = Lookout(build)
    out, err = RedactingStream(before[0], lookout), RedactingStream(before[1], lookout, by_line=True)
    sys.stdout, sys.stderr = out, err

    def undo() -> None:
        sys.stdout, sys.stderr = before
        for stream in (out, err):
            with suppress(OSError):  # a reader that went away was told of already
                stream.finish()

    return undo


def scanner_of(argv: Sequence[str], held: tuple[bytes, ...]) -> Scanner:
    """Return the guard for the command line `argv`: the rules, what is enrolled, `held`, and own credentials at hand.

    Commands that fetch a credential are not run for it: printing must not ask for a passphrase. Where the settings
    cannot be read the rules alone are left: there is nothing to name what was enrolled, and the error must be told.
    """
    from pathlib import Path

    from warden.errors import WardenError

    try:
        from warden.cli.compose import load_settings
        from warden.cli.guard_parts import build_output_guard

        places = {name: Path(value) for name in ("config", "state_dir") if (value := _value_of(argv, name))}
        settings = load_settings(config=places.get("config"), state_dir=places.get("state_dir"))
        return build_output_guard(settings, held)
    except (WardenError, OSError, ValueError):
        from warden.cli.guard_parts import all_forms
        from warden.guard import GuardScanner
        from warden.guard.known import KnownSecrets

        return GuardScanner(KnownSecrets(b"", (), all_forms(held)))


def _value_of(argv: Sequence[str], name: str) -> str:
    """Return the value of a flag, decided from the words alone, because parsing may be what failed."""
    flag = "--" + name.replace("_", "-")
    words = list(argv)
    for index, word in enumerate(words):
        if word == flag and index + 1 < len(words):
            return words[index + 1]
        if word.startswith(flag + "="):
            return word[len(flag) + 1 :]
    return ""


def _without_secrets(lookout: Lookout, text: str, is_json: bool) -> str:
    """Return `text` without secret values, or a mark in its place when it cannot be looked at."""
    failed = ""
    for _ in range(TRIES):
        # INVARIANT (no-secret): a guard that cannot be built, or fails, says nothing about the text.
        try:
            findings = lookout.scan(text)
            if not any(_is_failure(found, text) for found in findings):
                return _cleaned(lookout, text, findings, is_json)
            failed = "the guard could not look at this text"
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - what is written here is often told of another error already
            failed = f"the guard failed with {type(error).__name__}"
        lookout.rebuild()
    return f"{WITHHELD} {failed}; run the command again, or look at `warden doctor`\n"


def _is_failure(found: Finding, text: str) -> bool:
    return found.kind == UNSCANNABLE and found.start == 0 and found.end >= len(text)


def _cleaned(lookout: Lookout, text: str, findings: tuple[Finding, ...], is_json: bool) -> str:
    if not findings:
        return text
    from warden.guard import clean

    if is_json:
        from warden.cli.json_redaction import redact_strings

        text, findings = redact_strings(lookout, text, findings)
    return clean(lookout, text, findings).text
