"""Nothing that warden writes contains an enrolled value, in whatever encoding it was sent."""

from __future__ import annotations

import base64
import codecs
import io
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from warden.cli.clock import SystemClock
from warden.cli.main import run
from warden.hubs.embedded import EmbeddedHub
from warden.model.delivery import OutgoingMessage
from warden.testing.guard_samples import draw

AGENT = "ops-warden"
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
    " ".join,
    lambda v: f"{v[:7]}\n{v[7:]}",
    lambda v: f'"{v[:7]}" + "{v[7:]}"',
)
WORDS = (
    *("who", "issues", "SSH", "certificates", "please", "rotate", "the", "token", "where", "do", "I", "get", "an"),
    *("OpenRouter", "key", "thanks", "done", "build"),
)


def letter(number: int, values: list[str], random: Random) -> OutgoingMessage:
    """Return a message that carries one of `values` somewhere, in some encoding."""
    carried = random.choice(ENCODINGS)(random.choice(values))
    words = random.choices(WORDS, k=random.randint(3, 30))
    words.insert(random.randrange(len(words)), carried)
    subject = carried if number % 9 == 0 and "\n" not in carried else "a question"
    return OutgoingMessage(f"agent-{number}", AGENT, subject, " ".join(words), "request", "", "")


@pytest.mark.slow
@pytest.mark.acceptance
@pytest.mark.parametrize("mode", ["--dry-run", "--execute"])
def test_no_enrolled_value_is_written_anywhere(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """1,000 messages carry enrolled values in random encodings; no form of one is in any file, output or message of ours."""
    state = tmp_path / "state"
    monkeypatch.setenv("WARDEN_STATE_DIR", str(state))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    random = Random(17)
    values = [draw("{w12}", random) + "#" + draw("{w9}", random) for _ in range(5)]
    for number, value in enumerate(values):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(value.encode())))
        assert run(["guard", "enroll", f"value-{number}"]) == 0
    hub = EmbeddedHub(state / "hub.db", SystemClock())
    hub.post_messages([letter(number, values, random) for number in range(1_000)], [None] * 1_000)
    hub.close()

    plan = tmp_path / "plan.json"
    saved = ["--out", str(plan)] if mode == "--dry-run" else []
    assert run(["worker", "run", mode, "--once", *saved]) in (0, 3)
    out, err = capsys.readouterr()

    written = [out.encode(), err.encode()]
    written += [path.read_bytes() for path in state.rglob("*") if path.is_file() and not path.name.startswith("hub.db")]
    written += [plan.read_bytes()] if plan.exists() else []
    with sqlite3.connect(state / "hub.db") as store:
        written += [
            repr(row).encode() for row in store.execute("SELECT * FROM messages WHERE from_agent = ?", (AGENT,))
        ]
    store.close()
    everything = b"\n".join(written)
    assert b"redacted:known_secret" in everything or mode == "--dry-run"
    forms = {form(value).encode() for value in values for form in ENCODINGS}
    assert [form for form in forms if form in everything] == []
