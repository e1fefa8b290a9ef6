"""stdout and stderr with the guard in front of them: pieces, blocks, JSON, terminals, failures."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warden.cli import streams
from warden.cli.compose import load_settings
from warden.cli.guard_parts import all_forms
from warden.cli.own_credentials import fetch_own
from warden.cli.streams import (
    BLOCK,
    LINE_LIMIT,
    WITHHELD,
    Lookout,
    RedactingStream,
    finish,
    guard_streams,
    keep_back,
    unsafe_write,
)
from warden.config.credential import CredentialSource
from warden.guard import GuardScanner
from warden.guard.known import KnownSecrets
from warden.model.finding import Finding
from warden.ports import Scanner
from warden.testing.guard_samples import draw

TOKEN = draw("ghp_{w36}", Random(3))
HELD = "Zq7#vT2m/Kd90+pLw_4x"
MARK = "[redacted:known_secret]"
AGAIN = "run the command again, or look at `warden doctor`"


def scanner(held: tuple[bytes, ...] = ()) -> GuardScanner:
    """Return the guard, which knows one value."""
    return GuardScanner(KnownSecrets(b"", (), all_forms((HELD.encode(), *held))))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def guarded(
    behind: io.StringIO, by_line: bool = False, build: Callable[..., GuardScanner] = scanner
) -> RedactingStream:
    """Return a redacting stream in front of `behind`."""
    return RedactingStream(behind, Lookout(build), by_line)


def test_a_value_in_pieces_is_found() -> None:
    """A value that is written in pieces is redacted once its line is whole, even when the stream is flushed between."""
    behind = io.StringIO()
    stream = guarded(behind, by_line=True)
    for part in ("one ", HELD[:10], HELD[10:], " two\nthr", "ee"):
        assert stream.write(part) == len(part)
        stream.flush()
    assert behind.getvalue() == f"one {MARK} two\n"
    stream.finish()
    assert behind.getvalue() == f"one {MARK} two\nthree"
    assert stream.writable()
    assert not stream.isatty()


def test_a_question_is_shown_before_its_answer() -> None:
    """A prompt without a line end is there after a flush; a word that has not ended waits."""
    behind = io.StringIO()
    stream = guarded(behind)
    stream.write("go on? [y/N] ")
    stream.flush()
    assert behind.getvalue() == "go on? [y/N] "
    stream.write("sec")
    stream.flush()
    assert behind.getvalue() == "go on? [y/N] "


def test_a_pipe_gets_blocks_and_a_terminal_gets_lines() -> None:
    """On a pipe a value over two lines is found, because lines are looked at together; a terminal sees each at once."""
    pipe, terminal = io.StringIO(), Terminal()
    streams = [guarded(behind) for behind in (pipe, terminal)]
    for stream in streams:
        stream.write("first\nsecond\n")
    assert (pipe.getvalue(), terminal.getvalue()) == ("", "first\nsecond\n")
    stream = guarded(pipe)
    assert not stream.isatty()
    stream.write(f"{HELD[:9]}\n")
    stream.write(f"{HELD[9:]}\n")
    stream.write("x\n" * BLOCK)
    assert HELD[:9] not in pipe.getvalue()
    assert MARK in pipe.getvalue()
    assert guarded(terminal).isatty()


def test_a_line_without_end_is_passed_on_in_parts() -> None:
    """What is longer than the limit is not held for ever."""
    behind = io.StringIO()
    stream = guarded(behind)
    stream.write("y" * (LINE_LIMIT + 1))
    assert len(behind.getvalue()) == LINE_LIMIT + 1
    stream.write("z" * (BLOCK + 1))
    stream.flush()
    assert len(behind.getvalue()) == LINE_LIMIT + 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text('ab é\n"\\😀,:{', max_size=20), max_size=6), st.integers(0, 10**6), st.booleans())
def test_json_stays_json(words: list[str], seed: int, is_indented: bool) -> None:
    """A document with an enrolled value somewhere, written in any pieces, is still JSON and holds the value nowhere."""
    random = Random(seed)
    document = {"words": words, "odd\n": {HELD: 1, "value": f'say "{HELD}" now', "list": [HELD[::-1], 4, None]}}
    text = json.dumps(document, indent=2 if is_indented else None) + "\n"
    behind = io.StringIO()
    stream = guarded(behind)
    at = 0
    while at < len(text):
        size = random.randint(1, 40)
        stream.write(text[at : at + size])
        at += size
        if random.random() < 0.3:
            stream.flush()
    stream.finish()
    found = json.loads(behind.getvalue())
    assert found["words"] == words
    assert found["odd\n"] == {MARK: 1, "value": f'say "{MARK}" now', "list": [MARK, 4, None]}


def test_a_number_in_json_that_is_a_code_becomes_a_string() -> None:
    """What is no string and has to go leaves a string behind; escapes are not cut."""
    behind = io.StringIO()
    stream = guarded(behind)
    stream.write('{"login_code": 1, "text": "your login code is: 482913", "a": "\\u00e9' + HELD + '\\n"}\n')
    stream.finish()
    assert json.loads(behind.getvalue()) == {
        "login_code": 1,
        "text": "your login code is: [redacted:one_time_code]",
        "a": f"é{MARK}\n",
    }


class Counting:
    """The guard, and how often it was asked."""

    digest = ""

    def __init__(self) -> None:
        self.looks = 0
        self._scanner = scanner(())

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return what the guard finds."""
        self.looks += 1
        return self._scanner.scan(text)


@pytest.mark.parametrize(
    ("text", "looks"),
    [('{"a": "fine"}\n', 1), ("plain words\n", 1), (f"say {HELD}\n", 2), (f'{{"a": "{HELD}", "b": "{HELD}"}}\n', 2)],
)
def test_output_is_looked_at_once_and_once_more_when_something_was_taken_out(text: str, looks: int) -> None:
    """What one look has found is not looked for again, in text or in JSON."""
    counting = Counting()
    stream = RedactingStream(io.StringIO(), Lookout(lambda held: counting))
    stream.write(text)
    stream.finish()
    assert counting.looks == looks


def test_credential_that_is_held_twice_costs_no_second_guard() -> None:
    """The guard is built again for a new credential only."""
    built: list[tuple[bytes, ...]] = []

    def build(held: tuple[bytes, ...]) -> Scanner:
        built.append(held)
        return scanner(held)

    lookout = Lookout(build)
    for value in (b"0xC0ffee/Kd90", b"0xC0ffee/Kd90", b"another-Kd90+pLw"):
        lookout.hold(value)
        assert not lookout.scan("fine")
    assert built == [(b"0xC0ffee/Kd90",), (b"0xC0ffee/Kd90", b"another-Kd90+pLw")]


def test_commands_fetch_credentials_in_one_way() -> None:
    """Whatever a command fetches is held back from its output: no other module of the commands fetches by itself."""
    found = {
        path.name
        for path in Path(streams.__file__).parent.glob("*.py")
        if re.search(r"import [^\n]*fetch_credential", path.read_text(encoding="utf-8"))
    }
    # The guard of the output itself reads what is at hand while it is being built.
    assert found == {"own_credentials.py", "guard_parts.py"}


def test_fetched_credential_is_held_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A credential that a command prints is shown neither as it is nor encoded, once it was fetched."""
    monkeypatch.setenv("WARDEN_STATE_DIR", str(tmp_path))
    settings = load_settings()
    source = CredentialSource(command=("/bin/echo", "0xC0ffee/Kd90+pLw"))
    undo = guard_streams(scanner)
    try:
        value = fetch_own(source, settings)
        assert fetch_own(CredentialSource(), settings) is None
        print(f"as it is {value}, and {b'0xC0ffee/Kd90+pLw'.hex()}")
    finally:
        undo()
    assert value == "0xC0ffee/Kd90+pLw"
    assert capsys.readouterr().out == "as it is [redacted:known_secret], and [redacted:known_secret#2]\n"


class Covering:
    """A scanner that finds a secret in numbers."""

    digest = ""

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return a finding over the first 482913, half of the escape before it included."""
        at = text.find("482913")
        return (Finding("code", at - 2, at + 6, "rule"),) if at >= 0 else ()


def test_numbers_and_escapes_are_replaced_whole() -> None:
    """A finding that begins inside an escape takes all of it; a number is replaced by a string."""
    behind = io.StringIO()
    stream = RedactingStream(behind, Lookout(lambda held: Covering()))
    stream.write('{"a": "x\\u00e9482913", "b": 482913, "c": -1.5e3}\n')
    stream.finish()
    assert json.loads(behind.getvalue()) == {"a": "x[redacted:code]", "b": "[redacted:code]", "c": -1.5e3}


def test_what_cannot_be_kept_json_is_still_redacted() -> None:
    """Text that only begins like JSON is redacted like text: nothing is shown for the sake of a format."""
    behind = io.StringIO()
    stream = guarded(behind)
    stream.write("{ not json " + HELD + "\n")
    stream.finish()
    assert behind.getvalue() == "{ not json " + MARK + "\n"


def test_our_own_wording_costs_nothing() -> None:
    """`unsafe_write` builds no guard, and keeps the order of what was written before."""
    built = []

    def build(held: tuple[bytes, ...]) -> GuardScanner:
        built.append(held)
        return scanner(held)

    behind = io.StringIO()
    stream = guarded(behind, build=build)
    unsafe_write(stream, f"{HELD}\n")
    assert (behind.getvalue(), built) == (f"{HELD}\n", [])
    stream.write("before ")
    unsafe_write(stream, "after\n")
    assert behind.getvalue() == f"{HELD}\nbefore after\n"
    assert built == [()]
    plain = io.StringIO()
    unsafe_write(plain, "x")
    finish(plain)
    assert plain.getvalue() == "x"


def test_digests_under_a_short_name_pass() -> None:
    """Our own documents call digests and delivery keys `key`; a value with a known format there does not pass."""
    behind = io.StringIO()
    stream = guarded(behind)
    digest = draw("{x64}", Random(1))
    told = {"key": f"wk1-{digest}", "token": digest, "at": draw("{uuid}", Random(2))}
    stream.write(json.dumps({**told, "access_token": TOKEN}) + "\n")
    stream.finish()
    assert json.loads(behind.getvalue()) == {**told, "access_token": "[redacted:github_token]"}


def test_what_cannot_be_looked_at_is_withheld() -> None:
    """When the guard cannot be built, nothing of the text is shown; what it says while it is built waits."""
    behind = io.StringIO()

    def build(held: tuple[bytes, ...]) -> GuardScanner:
        stream.write("building\n")
        raise OSError(HELD)

    stream = guarded(behind, by_line=True, build=build)
    stream.write(f"{HELD}\n")
    assert behind.getvalue() == f"{WITHHELD} the guard failed with OSError; {AGAIN}\n"


@pytest.mark.parametrize("broken", ["build", "scan", "verdict"])
def test_a_guard_that_fails_once_costs_no_output(broken: str) -> None:
    """A file that was just being replaced, or a moment without memory: the guard is built anew, and all is shown."""
    behind = io.StringIO()
    failures = [MemoryError()]

    class Failing(GuardScanner):
        def scan(self, text: str) -> tuple[Finding, ...]:
            if failures and broken == "scan":
                raise failures.pop()
            if failures and broken == "verdict":
                failures.pop()
                return (Finding("unscannable", 0, len(text), "error"),)
            return super().scan(text)

    def build(held: tuple[bytes, ...]) -> GuardScanner:
        if failures and broken == "build":
            raise failures.pop()
        return Failing(KnownSecrets(b"", (), all_forms((HELD.encode(),))))

    stream = guarded(behind, by_line=True, build=build)
    stream.write(f"calls 3 of 50, {HELD}\n")
    assert behind.getvalue() == f"calls 3 of 50, {MARK}\n"


def test_a_text_that_the_guard_cannot_look_at_says_so() -> None:
    """A reader sees a mark with a sentence, not a mark alone."""
    behind = io.StringIO()

    class Blind(GuardScanner):
        def scan(self, text: str) -> tuple[Finding, ...]:
            return (Finding("unscannable", 0, len(text), "bound-exceeded"),)

    stream = guarded(behind, by_line=True, build=lambda held: Blind())
    stream.write("one\n")
    assert behind.getvalue() == f"{WITHHELD} the guard could not look at this text; {AGAIN}\n"


def test_bytes_are_refused() -> None:
    """Writers find out by a TypeError that the stream takes text."""
    stream = guarded(io.StringIO())
    with pytest.raises(TypeError):
        stream.write(b"")  # type: ignore[arg-type]


def test_both_streams_are_put_back(capsys: pytest.CaptureFixture[str]) -> None:
    """Within the block print, logging and threads are covered, and credentials that are fetched; then all is as before."""
    before = (sys.stdout, sys.stderr)
    fetched = "0xC0ffee/Kd90+pLw"
    undo = guard_streams(scanner)
    try:
        print("a", HELD)
        print("b", HELD, file=sys.stderr)
        logging.getLogger("some.server").warning("c %s", HELD)
        worker = threading.Thread(target=lambda: print(f"d {HELD[::-1]}"))
        worker.start()
        worker.join()
        keep_back(fetched)
        print(f"e {fetched.encode().hex()}")
        sys.stdout.write("no end")
    finally:
        undo()
    assert (sys.stdout, sys.stderr) == before
    out, err = capsys.readouterr()
    assert out == f"a {MARK}\nd [redacted:known_secret#2]\ne [redacted:known_secret#3]\nno end"
    assert err.splitlines()[0] == f"b {MARK}"
    assert HELD not in err
    keep_back("nothing listens")


def test_bytes_behind_come_after_what_was_written(tmp_path: object) -> None:
    """Who writes bytes gets the stream behind, after everything that was written as text."""
    raw = io.BytesIO()
    stream = RedactingStream(io.TextIOWrapper(raw, encoding="utf-8"), Lookout(scanner))
    stream.write("text\n")
    stream.buffer.write(b"bytes")
    assert raw.getvalue() == b"text\nbytes"
    assert (stream.encoding, stream.errors) == ("utf-8", "strict")
