"""What the `warden ledger` commands share: opening, reading arguments, and showing entries on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from warden.cli import compose
from warden.config.settings import Settings
from warden.errors import InputError, LedgerError, quote
from warden.ledger.checkpoint import Note, parse_note
from warden.ledger.entry import StoredEntry
from warden.ledger.signature import Verifier
from warden.store.sqlite import SqliteLedgerStore

FILE_LIMIT = 1024 * 1024
_FORMS = "a date (2026-01-31), a moment (2026-01-31T23:59:59Z) or an age (90d, 12h)"
_UNITS = {"d": 86_400, "h": 3_600, "m": 60}


@contextmanager
def reading(config: Path | None, state_dir: Path | None) -> Iterator[tuple[Settings, SqliteLedgerStore]]:
    """Open the configured ledger for reading."""
    settings = compose.load_settings(config, state_dir)
    store = compose.read_ledger(settings)
    try:
        yield settings, store
    finally:
        store.close()


@contextmanager
def writing(config: Path | None, state_dir: Path | None) -> Iterator[tuple[Settings, SqliteLedgerStore]]:
    """Open the configured ledger for maintenance, while no cycle runs; there must be one."""
    settings = compose.load_settings(config, state_dir)
    with holding(settings):
        store = compose.ledger_files(settings).open(compose.build_clock())
        try:
            yield settings, store
        finally:
            store.close()


@contextmanager
def holding(settings: Settings) -> Iterator[None]:
    """Keep cycles of the configured agent out."""
    with compose.build_locks(settings).hold(f"cycle-{settings.agent}", {"command": "warden ledger"}):
        yield


def parse_moment(text: str, now: datetime) -> datetime:
    """Return the moment that a person wrote; raises `InputError`."""
    try:
        if text[-1:] in _UNITS and text[:-1].isdigit() and len(text) < 9:
            return now - timedelta(seconds=int(text[:-1]) * _UNITS[text[-1]])
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{quote(text)} is not a moment", f"write {_FORMS}") from error


def read_small_file(path: Path) -> bytes:
    """Return a file's bytes, stdin for `-`; raises `InputError` when it cannot be read or is too large."""
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(FILE_LIMIT + 1)
        else:
            with path.open("rb") as file:
                data = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise InputError(f"{quote(path)} cannot be read: {(error.strerror or '').lower()}") from error
    if len(data) > FILE_LIMIT:
        raise InputError(f"{quote(path)} is larger than {FILE_LIMIT} bytes")
    return data


def read_note(path: Path) -> Note:
    """Return the checkpoint in a file; raises `InputError`."""
    try:
        return parse_note(read_small_file(path).decode("utf-8"))
    except (LedgerError, ValueError) as error:
        raise InputError(f"{quote(path)} is not a checkpoint", "make one with `warden ledger checkpoint`") from error


def read_key(text: str) -> Verifier:
    """Return the public key that is written out, or lies in the file of that name; raises `InputError`."""
    try:
        if "+" not in text or Path(text).is_file():
            text = read_small_file(Path(text)).decode("utf-8").strip()
        return Verifier.from_text(text)
    except (LedgerError, ValueError, OSError) as error:
        raise InputError(
            f"{quote(text)} is not a public key", "name it as `warden ledger key` prints it, or a file that holds that"
        ) from error


def write_out(chunks: Iterator[bytes], out: Path | None) -> None:
    """Write bytes to a new or replaced file, or to stdout; raises `InputError` when the file cannot be written."""
    if out is None:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    try:
        with out.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
    except OSError as error:
        raise InputError(f"{quote(out)} cannot be written: {(error.strerror or '').lower()}") from error


def print_signed(text: str) -> None:
    """Print keys and signatures of the log as they are: to a scanner of secrets they look like one, and a checkpoint in which
    something was replaced is none."""
    write_out(iter([text.encode()]), None)


def show_value(value: object) -> str:
    """Return a field's value on one line, without anything that a terminal would act on."""
    if isinstance(value, Mapping):
        if set(value) == {"hub_id", "agent", "message_id"}:
            return show_value(value["message_id"])
        if "name" in value and "size_bytes" in value:  # a layer of a prompt
            return f"{show_value(value['name'])}:{value['size_bytes']}"
        return ",".join(f"{name}={number}" for name, number in value.items()) or "-"
    if isinstance(value, list):
        return ",".join(show_value(item) for item in value) or "-"
    if value is None or value == "":
        return "-"
    text = str(value)
    if text.startswith("sha256:") and len(text) == 71:
        return text[7:19]
    return "".join(c if c.isprintable() else "?" for c in text)


def show_entry(entry: StoredEntry) -> str:
    """Return an entry as one line."""
    fields = " ".join(f"{name}={show_value(value)}" for name, value in entry.fields.items())
    return f"{entry.seq:>7}  {entry.at}  {entry.kind:<16} {fields}"


def entry_document(entry: StoredEntry) -> dict[str, object]:
    """Return an entry for `--json`."""
    return {
        "seq": entry.seq,
        "at": entry.at,
        "kind": entry.kind,
        "prev": entry.prev,
        "digest": entry.digest,
        "fields": dict(entry.fields),
    }
