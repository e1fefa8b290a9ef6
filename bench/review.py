"""The review queue at 10,000 items: listing it and deciding one, through the installed program.

Against `git log` is no fair baseline: the baseline here is reading as many JSON lines with the interpreter and printing them,
which is the least that any list could cost, and for the decision an interpreter that makes one durable SQLite commit. What the
program costs before it looks at any queue is told by `warden review --help`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.harness import Case, time_process

from warden.model.digests import digest_bytes, digest_text
from warden.model.entry import Batch, Entry
from warden.store.files import LedgerFiles
from warden.store.sqlite import NewLog
from warden.testing.engine import FixedClock

PYTHON = sys.executable
ITEMS = 10_000
STEP = 1_000
ZERO = digest_text("")
LIST = "import json,sys\nfor line in open(sys.argv[1]):\n    item = json.loads(line)\n    print(item['number'], item['sender'])"
COMMIT = (
    "import sqlite3,sys\nc = sqlite3.connect(sys.argv[1])\nc.execute('PRAGMA synchronous=FULL')\n"
    "c.execute('CREATE TABLE IF NOT EXISTS t (n INTEGER)')\nc.execute('INSERT INTO t VALUES (1)')\nc.commit()"
)


def fill(scratch: Path) -> Path:
    """Make a ledger in which 10,000 messages of distinct threads are open escalations; returns the state directory."""
    state, config = scratch / "state", scratch / "config"
    files = LedgerFiles(state, config)
    for directory in (state, config, files.head.parent):
        directory.mkdir(parents=True, mode=0o700)
    store = files.open(FixedClock(), NewLog())
    for start in range(0, ITEMS, STEP):
        entries: list[Entry] = []
        blobs: dict[str, bytes] = {}
        for number in range(start, start + STEP):
            text = json.dumps({"subject": f"question {number}", "body": "Who?", "metadata": []}).encode()
            blobs[digest_bytes(text)] = text
            ref = {"hub_id": "hub", "agent": "ops-warden", "message_id": f"m{number}"}
            seen = {"run_id": "run-1", "ref": ref, "thread_id": f"t{number}", "sender": f"agent-{number % 50}"}
            digests = {"message_digest": digest_bytes(text), "text_digest": digest_bytes(text)}
            facts = {"assurance": "token", "content_kind": "request", "size_bytes": len(text), "secret_kinds": {}}
            entries.append(Entry("message_seen", {**seen, **digests, **facts}))
            entries.append(Entry("disposed", {**seen, "disposition": "escalated", "reason": "unknown"}))
        store.commit(Batch(tuple(entries), blobs))
    store.close()
    (config / "config.toml").write_text("[review]\nallow_same_uid = true\nraise_after = 'never'\n", encoding="utf-8")
    return state


def cases(scratch: Path) -> Iterator[Case]:
    """Return the comparisons."""
    state = fill(scratch)
    lines = scratch / "items.jsonl"
    lines.write_text(
        "".join(json.dumps({"number": n, "sender": f"agent-{n % 50}", "state": "open"}) + "\n" for n in range(ITEMS)),
        encoding="utf-8",
    )
    program = str(Path(PYTHON).with_name("warden"))
    environment = {"HOME": str(scratch), "PATH": "/usr/bin:/bin", "WARDEN_STATE_DIR": str(state)}
    environment["WARDEN_CONFIG"] = str(scratch / "config")
    left = iter(range(1, ITEMS))

    def run(*arguments: str) -> float:
        return time_process([program, "review", *arguments], environment)

    def python(code: str, file: Path) -> float:
        return time_process([PYTHON, "-c", code, str(file)], environment)

    read = lambda: python(LIST, lines)  # noqa: E731
    commit = lambda: python(COMMIT, scratch / "one.db")  # noqa: E731
    yield Case("say what there is (--help)", lambda: run("--help"), read, "10,000 JSON lines", rounds=9)
    yield Case("list a page of 10,000 items (aim: 300 ms)", lambda: run("list"), read, "10,000 JSON lines", rounds=9)
    whole = lambda: run("list", "--limit", str(ITEMS))  # noqa: E731
    yield Case("list all of 10,000 items", whole, read, "10,000 JSON lines", rounds=9)
    yield Case("list of one sender", lambda: run("list", "--sender", "agent-7"), read, "10,000 JSON lines", rounds=9)
    yield Case("show one", lambda: run("show", "5000"), commit, "one SQLite commit", rounds=9)
    yield Case("take note of one", lambda: run("ack", str(next(left))), commit, "one SQLite commit", rounds=9)
    decide = lambda: run("ignore", str(next(left)), "--reason", "settled")  # noqa: E731
    yield Case("decide one (aim: 300 ms)", decide, commit, "one SQLite commit", rounds=9)
