"""Scripts that an operator's rule names, run for real."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from warden.channels.script import OUTPUT_BYTES, ScriptChannel, ScriptTerms, run_program
from warden.errors import HubBusyError, HubRejectedError, HubUncertainError, StateError
from warden.model.delivery import Intent, Payload, ReadMark, ScriptRun
from warden.model.ids import MessageKey
from warden.store.script_runs import ScriptRuns
from warden.testing.engine import FixedClock

SHELL = "/bin/sh"


def script(*argv: str, stdin: str = "{}") -> ScriptRun:
    """Return the payload of a rule called `deploy`."""
    return ScriptRun("deploy", json.dumps(argv), stdin)


def intent(payload: Payload, key: str = "key-1") -> Intent:
    """Return an intent that carries this payload."""
    return Intent(key, MessageKey("intake-1", "ops", "e-1"), "t-1", "run_script", "script", payload)


@pytest.fixture
def terms(tmp_path: Path) -> ScriptTerms:
    """Return terms with a directory of their own."""
    return ScriptTerms(tmp_path, {"PATH": "/usr/bin:/bin"}, timeout_s=20.0)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[ScriptRuns]:
    """Return where runs are written down."""
    store = ScriptRuns(tmp_path / "scripts.db", FixedClock())
    yield store
    store.close()


def channel(terms: ScriptTerms | None, runs: ScriptRuns) -> ScriptChannel:
    """Return a channel whose every rule has these terms."""
    return ScriptChannel(lambda rule: terms, runs, lambda text: text.replace("hunter2", "[redacted:test]"))


def test_a_script_reads_its_document_and_finds_only_what_it_is_given(
    terms: ScriptTerms, runs: ScriptRuns, tmp_path: Path
) -> None:
    """The document is on stdin, the directory is the rule's, and the environment holds the allowed names only."""
    payload = script(SHELL, "-c", "cat; pwd; env", stdin='{"number": 7}')
    receipt = channel(replace(terms, environment={"PATH": "/bin", "STAGE": "test"}), runs).deliver(intent(payload))
    assert receipt.remote_id == "run 1"
    (record,) = runs.newest(10)
    assert record.status == "exit 0"
    assert '{"number": 7}' in record.output
    assert str(tmp_path) in record.output
    names = {line.partition("=")[0] for line in record.output.splitlines() if "=" in line}
    assert names <= {"PATH", "STAGE", "PWD", "OLDPWD", "SHLVL", "_"}
    assert "STAGE" in names


def test_no_shell_looks_at_the_arguments(terms: ScriptTerms) -> None:
    """Blanks, quotes and dollar signs of an argument arrive as they are."""
    status, output = run_program(["/bin/echo", "$(id) `id` ; exit 3 'x'"], b"", terms)
    assert (status, output) == ("exit 0", "$(id) `id` ; exit 3 'x'\n")


def test_a_failing_script_is_refused_after_its_last_run(terms: ScriptTerms, runs: ScriptRuns) -> None:
    """A rule with one retry runs it twice: the first failure is to be tried again, the second is for good."""
    own = channel(replace(terms, retries=1, retry_after_s=7.0), runs)
    payload = script(SHELL, "-c", "exit 3")
    with pytest.raises(HubBusyError) as busy:
        own.deliver(intent(payload))
    assert busy.value.retry_after_s == 7.0
    assert own.find(intent(payload)) is None
    with pytest.raises(HubRejectedError, match="run 2: exit 3"):
        own.deliver(intent(payload))
    assert [record.status for record in runs.newest(10)] == ["exit 3", "exit 3"]


def test_a_run_that_succeeded_is_found_again(terms: ScriptTerms, runs: ScriptRuns) -> None:
    """After a crash between the run and its receipt the run is not made again."""
    own = channel(terms, runs)
    own.deliver(intent(script("/bin/true")))
    found = own.find(intent(script("/bin/true")))
    assert found is not None
    assert found.replayed
    assert own.find(intent(script("/bin/true"), key="another")) is None


def test_a_run_whose_end_is_unknown_is_not_repeated(terms: ScriptTerms, runs: ScriptRuns) -> None:
    """After a crash during a run only a person, or a rule that says so, repeats it."""
    runs.begin("key-1", "deploy", 1)
    with pytest.raises(HubUncertainError):
        channel(terms, runs).find(intent(script("/bin/true")))
    assert channel(replace(terms, repeatable=True), runs).find(intent(script("/bin/true"))) is None


@pytest.mark.slow
def test_a_script_over_its_time_ends_with_all_that_it_started(terms: ScriptTerms, tmp_path: Path) -> None:
    """The whole process group is ended, also children that were put into the background."""
    mark = tmp_path / "child"
    program = f"(echo $$ > {mark}; sleep 60; echo late >> {mark}) & wait"
    status, _ = run_program([SHELL, "-c", program], b"", replace(terms, timeout_s=0.5))
    assert status == "timed out"
    assert not _alive_with(str(mark))


def test_what_a_script_leaves_in_the_background_ends_with_it(terms: ScriptTerms, tmp_path: Path) -> None:
    """A script that ends and leaves a child behind does not hold the channel up."""
    mark = tmp_path / "left-behind"
    status, output = run_program([SHELL, "-c", f"(sleep 60; echo {mark}) & echo done"], b"", terms)
    assert (status, output) == ("exit 0", "done\n")
    assert not _alive_with(str(mark))


def _alive_with(text: str) -> bool:
    """Return whether a process that is not ours has this text on its command line."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if text in (entry / "cmdline").read_text("utf-8", "replace"):
                    return True
            except OSError:
                continue
    return False


def test_output_is_capped_and_redacted(terms: ScriptTerms, runs: ScriptRuns) -> None:
    """However much a script prints, little is kept, and no known value of it."""
    program = f"print('hunter2'); print('x' * {20 * OUTPUT_BYTES})"
    channel(terms, runs).deliver(intent(script(sys.executable, "-c", program)))
    (record,) = runs.newest(1)
    assert len(record.output) <= OUTPUT_BYTES + 100
    assert record.output.startswith("[redacted:test]\n")


def test_limits_hold(terms: ScriptTerms) -> None:
    """A program that wants more memory than it may have fails, and the limit on files is what it sees."""
    few = replace(terms, memory_bytes=256 << 20, open_files=32)
    assert run_program([sys.executable, "-c", "x = bytearray(1 << 30)"], b"", few)[0] == "exit 1"
    assert run_program([SHELL, "-c", "ulimit -n"], b"", few)[1] == "32\n"


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (["/nowhere/program"], "exit 127"),
        (["/etc/passwd"], "exit 126"),
        ([SHELL, "-c", "kill -9 $$"], "signal 9"),
    ],
)
def test_how_a_program_ended_is_said(terms: ScriptTerms, argv: list[str], status: str) -> None:
    """Programs that are not there, cannot be run or die of a signal are told apart."""
    assert run_program(argv, b"", terms)[0] == status


def test_a_directory_that_is_not_there_starts_nothing(terms: ScriptTerms, tmp_path: Path) -> None:
    """The program is not started elsewhere."""
    assert run_program(["/bin/true"], b"", replace(terms, directory=tmp_path / "none"))[0].startswith("not started")


@pytest.mark.parametrize(
    "payload",
    [
        script(),
        script("true"),
        script("/bin/true", "a\0b"),
        ScriptRun("deploy", "[1]", ""),
        ScriptRun("deploy", "{", ""),
        ScriptRun("deploy", '["/bin/true"]', "x" * (1 << 21)),
        ReadMark("m1"),
    ],
)
def test_what_is_no_argument_list_is_refused_for_good(terms: ScriptTerms, runs: ScriptRuns, payload: Payload) -> None:
    """Nothing begins, and nothing is written down."""
    with pytest.raises(HubRejectedError):
        channel(terms, runs).deliver(intent(payload))
    assert runs.newest(1) == ()


def test_a_rule_that_is_gone_runs_nothing(runs: ScriptRuns) -> None:
    """An intent of a rule that was taken out meanwhile is for a person."""
    with pytest.raises(HubRejectedError, match="no rule"):
        channel(None, runs).deliver(intent(script("/bin/true")))


def test_runs_of_a_newer_warden_are_refused(tmp_path: Path) -> None:
    """A file of a later form is left alone."""
    import sqlite3

    ScriptRuns(tmp_path / "scripts.db", FixedClock()).close()
    connection = sqlite3.connect(tmp_path / "scripts.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateError, match="newer"):
        ScriptRuns(tmp_path / "scripts.db", FixedClock())
