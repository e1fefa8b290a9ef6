"""Nothing that warden writes contains an enrolled value, in whatever encoding it was sent."""

from __future__ import annotations

import base64
import codecs
import io
import json
import quopri
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from warden.cli.clock import SystemClock
from warden.cli.guard_parts import all_forms
from warden.cli.main import run
from warden.guard import GuardScanner
from warden.guard.known import KnownSecrets
from warden.guard.scanner import KIND_KNOWN
from warden.hubs.embedded import EmbeddedHub
from warden.model.delivery import OutgoingMessage
from warden.testing.guard_samples import draw
from warden.testing.model_server import FakeModelServer, served_model

AGENT = "ops-warden"
MESSAGES = 1_000
FOLLOW_UPS = 200
_WIDE = {ord(c): chr(ord(c) + 0xFEE0) for c in map(chr, range(33, 127))}
_TAGS = {ord(c): chr(ord(c) + 0xE0000) for c in map(chr, range(33, 127))}
ENCODINGS: tuple[Callable[[str], str], ...] = (
    str,
    lambda v: v[::-1],
    lambda v: codecs.encode(v, "rot13"),
    lambda v: base64.b64encode(v.encode()).decode(),
    lambda v: base64.b64encode(b"x" + v.encode() + b"\xff\x00").decode(),
    lambda v: base64.urlsafe_b64encode(v.encode()).decode(),
    lambda v: base64.b32encode(v.encode()).decode(),
    lambda v: v.encode().hex(),
    lambda v: v.encode().hex(":"),
    lambda v: "".join(f"%{byte:02x}" for byte in v.encode()),
    lambda v: "".join(f"&#{ord(c)};" for c in v),
    lambda v: "".join(f"\\u{ord(c):04x}" for c in v),
    lambda v: "\u200b".join(v),
    lambda v: v.translate(_WIDE),
    lambda v: v.translate(_TAGS),
    lambda v: quopri.encodestring(v.encode(), quotetabs=True).decode(),
    lambda v: "".join(f"={byte:02X}" for byte in v.encode()),
    " ".join,
    lambda v: f"{v[:7]}\n{v[7:]}",
    lambda v: f'"{v[:7]}" + "{v[7:]}"',
    lambda v: f"- {v[:7]}\n- {v[7:]}",
    lambda v: f"{v[:9]}-\n{v[9:]}",
)
NESTED = ENCODINGS[:1] + ENCODINGS[3:4] + ENCODINGS[7:8] + ENCODINGS[9:11]
WORDS = (
    *("who", "issues", "SSH", "certificates", "please", "rotate", "the", "token", "where", "do", "I", "get", "an"),
    *("OpenRouter", "key", "thanks", "done", "build"),
)


class Home(NamedTuple):
    """Where a run happens, and what must not turn up there."""

    state: Path
    config: Path
    values: list[str]
    key: str


def text_of(random: Random) -> list[str]:
    """Return some words."""
    return random.choices(WORDS, k=random.randint(3, 30))


def carriers(values: list[str], random: Random) -> Iterator[OutgoingMessage]:
    """Yield messages that carry one of `values` in body, subject or metadata, encoded once or twice."""
    for number in range(MESSAGES - FOLLOW_UPS):
        words = text_of(random)
        carried = random.choice(ENCODINGS)(random.choice(values))
        if number % 3 == 0 and carried.isascii():
            carried = random.choice(NESTED)(carried)
        words.insert(random.randrange(len(words)), carried)
        line = carried.replace("\n", " ")
        subject = line if number % 9 == 0 else "a question"
        metadata = {"note": line} if number % 7 == 0 else {}
        yield OutgoingMessage(f"agent-{number}", AGENT, subject, " ".join(words), "request", "", "", metadata)


def post(hub: EmbeddedHub, values: list[str], random: Random) -> None:
    """Post the carriers, and in some of their threads a message without a value, for which the first is context."""
    found = hub.post_messages(list(carriers(values, random)), [None] * (MESSAGES - FOLLOW_UPS))
    later = [
        OutgoingMessage(f"agent-{number}", AGENT, "a question", " ".join(text_of(random)), "request", "", first.id)
        for number, first in enumerate(found[:FOLLOW_UPS])
    ]
    hub.post_messages(later, [None] * FOLLOW_UPS)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with five enrolled values and a thousand messages that carry them, unread."""
    state = tmp_path / "state"
    monkeypatch.setenv("WARDEN_STATE_DIR", str(state))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    random = Random(17)
    values = [draw("{w12}", random) + "#" + draw("{w9}", random) for _ in range(5)]
    for number, value in enumerate(values):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(value.encode())))
        assert run(["guard", "enroll", f"value-{number}"]) == 0
    hub = EmbeddedHub(state / "hub.db", SystemClock())
    post(hub, values, random)
    hub.close()
    config = tmp_path / "config" / "ops-warden" / "config.toml"
    config.parent.mkdir(parents=True, mode=0o700)
    return Home(state, config, values, draw("{w40}", random))


def rows_of(file: Path, left_out: str = "") -> Iterator[str]:
    """Yield every row of a database as text, values whole, but those of table `messages` that `left_out` says."""
    with sqlite3.connect(file) as store:
        names = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            where = f" WHERE NOT ({left_out})" if left_out and name == "messages" else ""
            for row in store.execute(f'SELECT * FROM "{name}"{where}'):
                yield "\n".join(
                    cell.decode("utf-8", "surrogateescape") if isinstance(cell, bytes) else str(cell) for cell in row
                )
    store.close()


def written(home: Home) -> Iterator[str]:
    """Yield all texts that warden left behind: databases row by row, other files, what it posted, and an export."""
    for path in home.state.rglob("*"):
        if path.is_file() and not path.name.startswith("hub.db"):
            yield path.read_bytes().decode("utf-8", "surrogateescape")
    yield from rows_of(home.state / "ledger.db")
    yield from rows_of(home.state / "hub.db", f"from_agent <> '{AGENT}'")
    export = home.state.parent / "export.jsonl"
    assert run(["ledger", "export", "--out", str(export)]) == 0
    yield export.read_text("utf-8")


def check(home: Home, texts: list[str]) -> None:
    """Fail when a text holds an enrolled value or a credential of ours, as one of the forms sent or as the guard sees it."""
    values = [*home.values, home.key]
    forms = {form(value) for value in values for form in ENCODINGS}
    forms |= {outer(inner(value)) for value in values for inner in ENCODINGS for outer in NESTED}
    everything = "\n\0\n".join(texts)
    assert [form for form in forms if form in everything] == []
    known = GuardScanner(KnownSecrets(b"", (), all_forms(value.encode() for value in values)))
    for text in dict.fromkeys(texts):
        for start in range(0, len(text), 100_000):
            assert KIND_KNOWN not in {found.kind for found in known.scan(text[start : start + 110_000])}


@pytest.mark.slow
@pytest.mark.acceptance
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", ["--dry-run", "--execute"])
def test_no_enrolled_value_is_written_anywhere(mode: str, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """1,000 messages carry enrolled values in random encodings; none is in the ledger, its blobs and export, a plan, any
    other file, the output for people or programs, or anything posted to the hub."""
    plan = home.state.parent / "plan.json"
    saved = ["--out", str(plan)] if mode == "--dry-run" else []
    capsys.readouterr()
    assert run(["worker", "run", mode, "--once", *saved]) in (0, 3)
    assert run(["worker", "run", "--dry-run", "--once", "--json"]) in (0, 3)
    assert run(["ledger", "log"]) == 0
    out, err = capsys.readouterr()
    texts = [out, err, *written(home), *([plan.read_text("utf-8")] if plan.exists() else [])]
    assert "[redacted:known_secret" in "".join(texts)
    check(home, texts)


@pytest.mark.slow
@pytest.mark.acceptance
@pytest.mark.timeout(900)
def test_no_enrolled_value_reaches_a_model(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """The prompts of 1,000 messages, threads included, hold no enrolled value; our own key is in its header only."""
    key = home.config.with_name("model.key")
    key.touch(0o600)
    key.write_text(home.key)
    with served_model() as model:
        model.key = home.key
        home.config.write_text(
            f'brain = "llm"\n[model]\nprovider = "openai"\nname = "m"\nurl = "{model.url}"\nkey_file = "{key}"\n'
        )
        assert run(["worker", "run", "--execute", "--once"]) in (0, 3)
        prompts = prompts_of(model)
    out, err = capsys.readouterr()
    assert len(prompts) >= MESSAGES // 10
    check(home, [out, err, *prompts, *written(home)])


def prompts_of(model: FakeModelServer) -> list[str]:
    """Return what the model was told, in every request."""
    return [json.dumps(request.body, ensure_ascii=False) for request in model.requests]
