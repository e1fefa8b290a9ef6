"""Logs: levels by flags and configuration, one line an event, nothing of a message but ids, codes and digests."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from warden.cli.logs import EventLog, build_log
from warden.config.observe import ObserveSettings
from warden.config.settings import PolicySettings, Settings
from warden.model.disposition import Disposition
from warden.model.report import ActionReport, MessageReport, RunReport
from warden.model.request import Effect

SETTINGS = Settings(Path("/c"), Path("/s"), PolicySettings(Path("/p")))
JSON = replace(SETTINGS, observe=ObserveSettings(log_format="json"))
REPORT = MessageReport(
    "m1", "t1", "the-sender", "the-subject", "sha256:0", Disposition.ANSWERED, "routing-question", "the-detail",
    actions=(ActionReport("route_answer", 0, Effect.ALLOW, ("charter/tier-auto",), ("the-reason",), body="the-body"),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "verbose", "quiet", "shown"),
    [
        (SETTINGS, False, False, ["w", "e"]),
        (SETTINGS, True, False, ["i", "w", "e"]),
        (SETTINGS, True, True, ["e"]),
        (JSON, False, False, ["i", "w", "e"]),
        (JSON, False, True, ["e"]),
        (replace(SETTINGS, observe=ObserveSettings(log_level="debug")), False, False, ["d", "i", "w", "e"]),
        (replace(SETTINGS, observe=ObserveSettings(log_level="debug")), True, False, ["d", "i", "w", "e"]),
        (replace(SETTINGS, observe=ObserveSettings(log_level="error")), False, False, ["e"]),
    ],
)
def test_levels(
    capsys: pytest.CaptureFixture[str], settings: Settings, verbose: bool, quiet: bool, shown: list[str]
) -> None:
    """--quiet leaves errors, --verbose adds events, the configuration says the rest."""
    log = build_log(settings, verbose, quiet)
    log.debug("d")
    log.info("i")
    log.warning("w")
    log.error("e")
    said = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["event"] if settings is JSON else line.split()[2] for line in said] == shown


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a field holds, an event is one line of ASCII that reads back."""
    EventLog("info", as_json=True).info("x", text="a\nb\u2028\x00ü\ud800", number=3)
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert line.isascii()
    assert (found["level"], found["event"], found["text"], found["number"]) == ("info", "x", "a\nb\u2028\x00ü\ud800", 3)


def test_text_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A value with blanks, quotes or control characters is quoted, so that no value looks like another field."""
    EventLog("info", as_json=False).info("x", plain="m1", odd='a b="c"\n', listed=["p", "q"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(' info x plain=m1 odd="a b=\\"c\\"\\n" listed=["p","q"]')


@pytest.mark.parametrize("as_json", [True, False])
def test_a_message_is_logged_without_its_words(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    """Ids, digest, disposition, reason code, kinds, effects and rule ids are logged; sender, subject and texts are not."""
    log = EventLog("debug", as_json)
    log.message(REPORT)
    log.finished(RunReport("r1", "execute", "ops-warden", 3, {"answered": 1}), 12)
    said = capsys.readouterr().err
    for word in ("m1", "sha256:0", "answered", "routing-question", "route_answer", "charter/tier-auto", "r1", "12"):
        assert word in said
    assert "the-" not in said


def test_no_global_logger_is_touched(capsys: pytest.CaptureFixture[str]) -> None:
    """A library that logs to the root, or configures it, neither adds to our lines nor takes them."""
    before = list(logging.getLogger().handlers), set(logging.Logger.manager.loggerDict)
    EventLog("info", as_json=True).info("x")
    assert (list(logging.getLogger().handlers), set(logging.Logger.manager.loggerDict)) == before
