"""`warden console user`, `link` and `token`: who may sign in, said on the command line."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from consolebed import PASSPHRASE, ConsoleBed
from warden.cli import compose
from warden.cli.main import run


def words(tmp_path: Path, text: str = PASSPHRASE) -> str:
    """A file with a passphrase."""
    file = tmp_path / "words"
    file.write_text(text + "\n", encoding="utf-8")
    return str(file)


def listed(capsys: pytest.CaptureFixture[str], what: str = "user") -> list[dict[str, object]]:
    """What `list --json` prints."""
    capsys.readouterr()
    assert run(["console", what, "list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "warden.console/1"
    return list(document[f"{what}s"])


def test_somebody_is_added_changed_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command does what it says, and the list never shows more than how somebody signs in."""
    assert run(["console", "user", "add", "ann", "--role", "viewer", "--passphrase-file", words(tmp_path)]) == 0
    assert run(["console", "user", "add", "ben", "--no-passphrase"]) == 0
    found = {row["name"]: (row["role"], row["passphrase"], row["disabled"]) for row in listed(capsys)}
    assert found == {"ann": ("viewer", True, False), "ben": ("reviewer", False, False)}
    assert run(["console", "user", "set", "ann", "--role", "admin"]) == 0
    assert run(["console", "user", "set", "ben", "--disable"]) == 0
    assert run(["console", "user", "remove", "ann"]) == 0
    assert [(row["name"], row["disabled"]) for row in listed(capsys)] == [("ben", True)]
    assert run(["console", "user", "set", "ben", "--enable"]) == 0
    assert run(["console", "user", "list"]) == 0
    assert "ben" in capsys.readouterr().out


def test_the_passphrase_comes_from_a_file_or_stdin_and_never_from_an_argument(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no option that takes it; without a terminal and a file the command says so; stdin is taken for `-`."""
    assert run(["console", "user", "add", "ann", "--passphrase", PASSPHRASE]) == 2
    assert run(["console", "user", "add", "ann", "--no-input"]) == 2
    assert "--passphrase-file" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PASSPHRASE.encode()), "utf-8"))
    assert run(["console", "user", "add", "ann", "--passphrase-file", "-"]) == 0
    assert len(listed(capsys)) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["user", "add", "ann", "--role", "root", "--no-passphrase"],
        ["user", "add", "a b", "--no-passphrase"],
        ["user", "set", "nobody", "--role", "viewer"],
        ["user", "set", "nobody"],
        ["user", "set", "nobody", "--enable", "--disable"],
        ["user", "remove", "nobody"],
        ["link", "--user", "nobody"],
        ["token", "create", "t", "--user", "nobody"],
        ["token", "remove", "t"],
        ["--host", "0.0.0.0"],
    ],
)
def test_what_cannot_be_done_is_a_persons_mistake(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong role, name or address ends with a message and a hint, never with a traceback."""
    assert run(["console", *arguments]) in (2, 10)
    told = capsys.readouterr().err
    assert "error:" in told
    assert "Traceback" not in told


def test_a_link_without_a_name_is_for_who_runs_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The user of the operating system is added as an admin on first use, and the link signs in."""
    bed = ConsoleBed()
    capsys.readouterr()
    assert run(["console", "link", "--json"]) == 0
    link = json.loads(capsys.readouterr().out)["link"]
    assert link.startswith("http://127.0.0.1:8767/sign-in?link=")
    (row,) = listed(capsys)
    assert row["role"] == "admin"
    with sqlite3.connect(bed.file) as connection:
        (uid,) = connection.execute("SELECT maker_uid FROM links").fetchone()
    connection.close()
    assert uid == os.getuid()
    bed.close()


def test_links_name_the_address_by_which_browsers_come(capsys: pytest.CaptureFixture[str]) -> None:
    """With a public address, the link has it."""
    bed = ConsoleBed()
    file = compose.load_settings().config_dir / "config.toml"
    file.write_text('[console]\npublic_url = "https://warden.example"\n', encoding="utf-8")
    assert run(["console", "link"]) == 0
    assert capsys.readouterr().out.startswith("https://warden.example/sign-in?link=")
    bed.close()


def test_a_token_is_printed_once_and_listed_without_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    """The value is on stdout when it is made; the list has names, users and ends; removing it ends it."""
    bed = ConsoleBed()
    bed.add("ann")
    capsys.readouterr()
    assert run(["console", "token", "create", "nightly", "--user", "ann", "--quiet"]) == 0
    token = capsys.readouterr().out.strip()
    bed.clock.moment = compose.build_clock().now()
    visitor = bed.accounts.bearer(token)
    assert visitor is not None
    assert (visitor.user, visitor.role.word, visitor.maker_uid) == ("ann", "viewer", os.getuid())
    (row,) = listed(capsys, "token")
    assert token not in str(row)
    assert run(["console", "token", "list"]) == 0
    assert "nightly" in capsys.readouterr().out
    assert run(["console", "token", "remove", "nightly"]) == 0
    assert bed.accounts.bearer(token) is None
    bed.close()
