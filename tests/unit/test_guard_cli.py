"""`warden guard` as a person and a program use it: the real command line over real files, never " "a value in the output."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from warden.cli.guard_input import read_jsonl, read_text
from warden.cli.main import run
from warden.errors import InputError
from warden.testing.guard_samples import draw

TOKEN = draw("ghp_{w36}", Random(5))
VALUE = "Zq7#vT2m/Kd90+pLw_4x"


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run `warden guard` with its own state, optionally with standard input."""
    monkeypatch.setenv("WARDEN_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def call(*words: str, given: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        status = run(["guard", *words])
        out, err = capsys.readouterr()
        assert TOKEN not in out + err
        assert VALUE not in out + err
        return Ended(status, out, err)

    return call


def test_scan_says_place_and_kind(guard: Callable[..., Ended], tmp_path: Path) -> None:
    """A finding is one line: line and column, kind, length, rule and form; the status is 0 unless details " "are asked for."""
    file = tmp_path / "mail.txt"
    file.write_text(f"hello\n  see {TOKEN}\n")
    assert guard("scan", str(file)) == (0, "2:7\tgithub_token\t40 characters\tgithub\tplain\n", "1 found\n")
    assert guard("scan", str(file), "--detailed-exitcode").status == 5
    assert guard("scan", "-", "--detailed-exitcode", given=b"nothing here") == (0, "", "nothing found\n")


def test_scan_as_json(guard: Callable[..., Ended]) -> None:
    """With --json the findings come as one versioned document."""
    document = json.loads(guard("scan", "-", "--json", given=TOKEN.encode()).out)
    assert document == {
        "schema": "warden.guard-scan/1",
        "counts": {"github_token": 1},
        "findings": [{"kind": "github_token", "start": 0, "end": 40, "rule_id": "github", "form": "plain"}],
    }


def test_scan_lines_of_json(guard: Callable[..., Ended], tmp_path: Path) -> None:
    """With --jsonl each line gives a line: the id as it was, and kind, start and end of each finding."""
    file = tmp_path / "set.jsonl"
    rows = [{"id": 7, "text": f"x {TOKEN}"}, {"id": "b", "text": ""}, {"id": None, "text": "\ud800 fine"}]
    file.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    ended = guard("scan", "--jsonl", str(file), "--detailed-exitcode")
    assert ended.status == 5
    assert [json.loads(line) for line in ended.out.splitlines()] == [
        {"id": 7, "findings": [{"kind": "github_token", "start": 2, "end": 42}]},
        {"id": "b", "findings": []},
        {"id": None, "findings": []},
    ]


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "{",
        '{"id": 1}',
        '{"id": 1, "text": 2}',
        "7",
        "[" * 100_000,
        '{"id": NaN, "text": "a"}',
        '{"id": 1, "text": "b", "text": "a"}',
        '\xff{"id": 1, "text": "a"}',
    ],
)
def test_scan_names_a_bad_line(guard: Callable[..., Ended], line: str) -> None:
    """A line that is not as expected is a mistake of the caller, told by its number."""
    ended = guard("scan", "--jsonl", "-", given=f'{{"id": 1, "text": "a"}}\n{line}\n'.encode())
    assert ended.status == 2
    assert "line 2" in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ("scan",),
        ("scan", "a", "--jsonl", "b"),
        ("scan", "/nonexistent"),
        ("redact", "/"),
        ("scan", "--jsonl", "/nonexistent"),
    ],
)
def test_usage_errors(guard: Callable[..., Ended], words: tuple[str, ...]) -> None:
    """What cannot be read or is contradictory ends with status 2 and a hint."""
    ended = guard(*words)
    assert ended.status == 2
    assert "hint: " in ended.err


def test_a_long_line_is_a_finding(guard: Callable[..., Ended]) -> None:
    """A text beyond the bound of a look is a finding over all of it, and the lines after it are looked at."""
    given = json.dumps({"id": 1, "text": "y" * 17_000_000}) + "\n" + json.dumps({"id": 2, "text": TOKEN})
    found = [json.loads(line) for line in guard("scan", "--jsonl", "-", given=given.encode()).out.splitlines()]
    assert found[0]["findings"] == [{"kind": "unscannable", "start": 0, "end": 17_000_000}]
    assert found[1]["findings"][0]["kind"] == "github_token"


def test_a_line_beyond_the_limit_is_named(guard: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is too long to be read is said to be, by its number."""
    monkeypatch.setattr("warden.cli.guard_input.LINE_LIMIT", 40)
    ended = guard("scan", "--jsonl", "-", given=json.dumps({"id": 1, "text": "y" * 50}).encode())
    assert (ended.status, "line 1 of `-` is longer than 40 bytes" in ended.err) == (2, True)


def test_without_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was started without standard input says so."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="no standard input"):
        read_text("-")
    with pytest.raises(InputError, match="no standard input"):
        list(read_jsonl(Path("-")))


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101, "\x1b[31m"])
def test_refuses_names_that_no_list_can_show(guard: Callable[..., Ended], name: str) -> None:
    """A name is one printable line."""
    assert guard("enroll", name, given=VALUE.encode()).status == 2
    assert guard("list").out == ""


def test_redact_prints_the_rest(guard: Callable[..., Ended]) -> None:
    """The text comes back byte for byte except for the marks."""
    ended = guard("redact", given=f"a\t{TOKEN}\r\nb\x00".encode())
    assert ended.out == "a\t[redacted:github_token]\r\nb\x00"
    document = json.loads(guard("redact", "-", "--json", given=TOKEN.encode()).out)
    assert document["counts"] == {"github_token": 1}


def test_enrolled_values_are_found_until_forgotten(guard: Callable[..., Ended], tmp_path: Path) -> None:
    """Enrol, find in another encoding, list, forget, find no more."""
    assert guard("enroll", "db", given=VALUE.encode() + b"\n") == (0, "", "enrolled `db`: 1 value\n")
    text = f"look: {VALUE.encode().hex()}".encode()
    assert guard("scan", "-", given=text).out.split("\t")[1] == "known_secret"
    assert guard("list").out.startswith("db\t20")
    assert json.loads(guard("list", "--json").out)["enrolled"][0]["name"] == "db"
    everything = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    assert VALUE.encode() not in everything
    assert guard("forget", "db").status == 0
    assert guard("forget", "db").status == 2
    assert guard("scan", "-", given=text).out == ""
    assert "nothing is enrolled" in guard("list").err


def test_enrols_from_each_source(guard: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, a command, a variable and the lines of a .env file are sources."""
    file = tmp_path / "value"
    file.write_bytes(VALUE.encode())
    monkeypatch.setenv("WARDEN_TEST_VALUE", VALUE[::-1])
    assert guard("enroll", "a", "--file", str(file)).status == 0
    assert guard("enroll", "b", "--command", f"cat {file}").status == 0
    assert guard("enroll", "c", "--env", "WARDEN_TEST_VALUE").status == 0
    lines = f"# comment\nexport ONE='{VALUE}x1'\nTWO={VALUE}y2\n\n{VALUE}z3\n"
    assert guard("enroll", "d", "--each-line", given=lines.encode()).err == "enrolled `d`: 3 values\n"
    assert guard("scan", "-", given=f"{VALUE}y2".encode()).out


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (("enroll", "a"), b""),
        (("enroll", "a"), b"short"),
        (("enroll", "a"), b"aaaaaaaaaaaaaaaa"),
        (("enroll", "a", "--file", "x", "--env", "Y"), b""),
        (("enroll", "a", "--file", "/nonexistent"), b""),
        (("enroll", "a", "--env", "WARDEN_NO_SUCH_VARIABLE"), b""),
        (("enroll", "a", "--command", "false"), b""),
        (("enroll", "a", "--command", "/nonexistent/program"), b""),
        (("enroll", "a", "--command", "'unbalanced"), b""),
    ],
)
def test_refuses_to_enrol(guard: Callable[..., Ended], words: tuple[str, ...], given: bytes) -> None:
    """No value, a weak one, two sources or one that fails: status 2, and nothing is enrolled."""
    assert guard(*words, given=given).status == 2
    assert guard("list").out == ""


def test_a_model_key_that_is_not_there_is_left_out(guard: Callable[..., Ended], tmp_path: Path) -> None:
    """No model is asked without its key, so there is nothing to look for; every other credential is looked for all the same."""
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(VALUE)
    config = tmp_path / "config.toml"
    config.write_text(
        f'[hub]\nurl = "https://hub.example.org"\ntoken_file = "{token}"\n'
        '[model]\nprovider = "openai"\nname = "m"\nurl = "http://127.0.0.1:9"\nkey_file = "gone"\n'
    )
    ended = guard("scan", "-", "--config", str(config), given=VALUE.encode())
    assert "known_secret" in ended.out
    assert "without warden's own credentials" not in ended.err


def test_rules_and_explain(guard: Callable[..., Ended]) -> None:
    """Rules are listed with kind and provider; one, or all of a kind, can be explained."""
    listed = [line.split("\t") for line in guard("rules").out.splitlines()]
    assert ["github", "github_token", "github"] in listed
    assert len(json.loads(guard("rules", "--json").out)["rules"]) == len(listed)
    assert "ghp_{w36}" in guard("explain", "github").out
    assert guard("explain", "private_key").out.count("kind:") > 1
    assert json.loads(guard("explain", "github", "--json").out)["rules"][0]["id"] == "github"
    assert guard("explain", "no-such-rule").status == 2


def test_own_credentials_enrol_themselves(guard: Callable[..., Ended], tmp_path: Path) -> None:
    """The hub's token is found wherever it turns up, without being enrolled; a missing one is said and " "does not stop."""
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(VALUE)
    config = tmp_path / "config.toml"
    config.write_text(f'[hub]\nurl = "https://hub.example.org"\ntoken_file = "{token}"\n')
    assert "known_secret" in guard("scan", "-", "--config", str(config), given=VALUE[::-1].encode()).out
    token.unlink()
    ended = guard("scan", "-", "--config", str(config), given=TOKEN.encode())
    assert "github_token" in ended.out
    assert "without warden's own credentials" in ended.err
