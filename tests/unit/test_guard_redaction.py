"""Taking findings out of texts, logs, tracebacks and streams."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator
from random import Random

import pytest

from warden.cli.redaction import RedactingFilter, format_error, install
from warden.cli.run_parts import LazyScanner
from warden.cli.streams import WITHHELD
from warden.guard import GuardScanner, clean, count_kinds, redact, scan_union
from warden.guard.union import UnionScanner
from warden.model.finding import Finding
from warden.testing.guard_samples import draw

SCANNER = GuardScanner()
TOKEN = draw("ghp_{w36}", Random(5))


class Fixed:
    """A scanner that finds given places in every text."""

    def __init__(self, *findings: Finding, digest: str = "d") -> None:
        self.findings, self.digest = findings, digest

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return the given findings."""
        return self.findings


@pytest.mark.parametrize(
    ("spans", "shown"),
    [
        ([], "0123456789"),
        ([("a", 2, 4)], "01[redacted:a]456789"),
        ([("a", 0, 10)], "[redacted:a]"),
        ([("a", 2, 6), ("b", 4, 8)], "01[redacted:a]89"),
        ([("b", 4, 5), ("a", 2, 8)], "01[redacted:a]89"),
        ([("a", 2, 4), ("a", 4, 6)], "01[redacted:a][redacted:a#2]6789"),
        ([("a", -3, 2), ("a", 8, 99)], "[redacted:a]234567[redacted:a#2]"),
        ([("a", 5, 5), ("a", 7, 3)], "0123456789"),
    ],
)
def test_replaces_spans(spans: list[tuple[str, int, int]], shown: str) -> None:
    """Spans are replaced in any order, overlaps once, and what lies outside of the text is ignored."""
    findings = [Finding(kind, start, end, "rule") for kind, start, end in spans]
    assert redact("0123456789", findings) == shown


class Peeling:
    """A scanner that finds the last x before a mark or the end of a line, until `looks` times something was found."""

    digest = ""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return a finding, or none any more."""
        match = re.search(r"x(?=\[|\n|$)", text)
        if match is None or not self.left:
            return ()
        self.left -= 1
        return (Finding("k", match.start(), match.end(), "rule"),)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("top\nab xxxx\nend", "top\nab [redacted:k][redacted:k][redacted:k][redacted:k]\nend"),
        ("top\nab xxxxx\nend", "top\n[redacted:k]\nend"),
        ("xxxxx\nend", "[redacted:k]\nend"),
        ("top\nab xxxxx", "top\n[redacted:k]"),
        ("xxxxx\nxxxxx\nend", "[redacted:k]\nxxxxx\nend"),
    ],
)
def test_what_forms_a_secret_again_and_again_is_taken_out_by_lines(text: str, shown: str) -> None:
    """After four looks the whole line goes, and nothing else of the text."""
    assert clean(Peeling(4 if shown.count("[") == 4 else 5), text).text == shown


def test_lines_are_taken_out_twice_at_most() -> None:
    """A text in which even then something is found is given up."""
    text = "".join("xxxxx\n" for _ in range(4))
    assert clean(Peeling(6), text).text != "[redacted:unscannable]"
    assert clean(Peeling(7), text).text == "[redacted:unscannable]"


def test_gives_up_a_text_that_cannot_be_cleaned() -> None:
    """When every look finds something again, the whole text goes."""
    assert clean(Fixed(Finding("a", 0, 1, "rule")), "text").text == "[redacted:unscannable]"


def test_counts_by_kind() -> None:
    """The manifest counts kinds and nothing else."""
    found = [Finding("b", 0, 1, "r"), Finding("a", 1, 2, "r"), Finding("b", 5, 6, "r")]
    assert count_kinds(found) == {"a": 1, "b": 2}


def test_joins_scanners() -> None:
    """What any scanner finds is found, each place and kind once, by start."""
    one, two = Finding("a", 5, 9, "one"), Finding("a", 5, 9, "two")
    first = Finding("b", 1, 3, "two")
    assert scan_union([Fixed(one), Fixed(two, first)], "text") == (first, one)
    union = UnionScanner((Fixed(one, digest="x"), Fixed(first, digest="y")))
    assert union.scan("text") == (first, one)
    assert union.digest != UnionScanner((Fixed(one, digest="x"),)).digest


@pytest.fixture
def logged() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger whose one handler redacts."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter(SCANNER))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    yield logger, stream
    handler.close()


def test_redacts_log_records(logged: tuple[logging.Logger, io.StringIO]) -> None:
    """Message, arguments, exception, cause and stack of a record are all looked at."""
    logger, stream = logged
    logger.warning("token %s and %d", TOKEN, 7)
    try:
        try:
            raise ValueError(f"bad {TOKEN}")
        except ValueError as error:
            raise RuntimeError(TOKEN) from error
    except RuntimeError:
        logger.exception("failed", stack_info=True)
    written = stream.getvalue()
    assert TOKEN not in written
    assert "token [redacted:github_token] and 7" in written
    assert "RuntimeError: [redacted:github_token]" in written


def test_withholds_what_cannot_be_formatted(logged: tuple[logging.Logger, io.StringIO]) -> None:
    """A record whose arguments do not fit its message is withheld and raises nothing."""
    logger, stream = logged
    logger.warning("%d " + TOKEN, TOKEN)
    assert stream.getvalue() == WITHHELD + "\n"


def test_redacts_extra_fields() -> None:
    """Fields that a formatter may write beside the message are looked at too."""
    record = logging.makeLogRecord({"msg": "x", "detail": f"got {TOKEN}", "nested": {"token": TOKEN}, "count": 3})
    assert RedactingFilter(SCANNER).filter(record)
    assert TOKEN not in repr(vars(record))
    assert vars(record)["count"] == 3


def test_redacts_tracebacks() -> None:
    """The text of an error and of its causes is looked at before it is shown."""
    try:
        raise ValueError(f"bad {TOKEN}")
    except ValueError as error:
        shown = format_error(error, SCANNER)
    assert "ValueError: bad [redacted:github_token]" in shown
    assert TOKEN not in shown


def test_uncaught_errors_are_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    """Once installed, an uncaught error is shown without secret values, until that is undone."""
    before = sys.excepthook
    undo = install(SCANNER)
    try:
        sys.excepthook(ValueError, ValueError(TOKEN), None)
    finally:
        undo()
    assert sys.excepthook is before
    assert "[redacted:github_token]" in capsys.readouterr().err


def test_what_no_handler_was_set_up_for_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    """Without any handler, logging writes warnings to stderr by itself; that is redacted as well."""
    root = logging.getLogger()
    kept, root.handlers = root.handlers, []
    undo = install(SCANNER)
    try:
        logging.getLogger("some.server").warning("bad header %s", TOKEN)
    finally:
        undo()
        root.handlers = kept
    err = capsys.readouterr().err
    assert "bad header [redacted:github_token]" in err
    assert TOKEN not in err


def test_what_cannot_be_looked_at_is_withheld() -> None:
    """When the guard cannot be built, a log line and a traceback are withheld, and nobody is told by an error."""

    def build() -> GuardScanner:
        raise ValueError(TOKEN)

    scanner = LazyScanner(build)
    record = logging.makeLogRecord({"msg": "got %s", "args": (TOKEN,), "exc_text": TOKEN})
    assert RedactingFilter(scanner).filter(record)
    assert (record.getMessage(), record.exc_text) == (WITHHELD, WITHHELD)
    assert format_error(ValueError(TOKEN), scanner) == WITHHELD
