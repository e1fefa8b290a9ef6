"""Copies of everything that a warden knows: state directory and configuration, in one file.

What it does: writes a private compressed archive that holds a consistent, verified copy of every database (made while
others write), keys and fingerprints, archived entries, saved plans, configuration and policies, with a manifest that
names each part's size and digest; and puts such an archive back. What it does not: back up locks, evidence, caches, or
any credential (those lie where the configuration says). Rules: a copy is checked before it is called one, and again
before anything of it is put back; what a restore replaces is kept as evidence, never deleted; keys are never replaced;
the ledger is put back by `store.backup`, so that the restore records itself and open deliveries are in doubt.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import zlib
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from warden import __version__
from warden.errors import InputError, StateError, quote
from warden.ledger.damage import DamagedLogError
from warden.ledger.entry import format_time
from warden.store.backup import COPY_LIMIT, Restored, restore
from warden.store.connection import check_program, connect, sqlite_errors, stored_version, transaction
from warden.store.durable import disk_errors, make_directory, place_once, replace_by_copy
from warden.store.inspection import KeptHeads, no_heads, open_snapshot, read_log_identity
from warden.store.logstate import read_state
from warden.store.migration import rederive
from warden.store.tables import SCHEMA_VERSION
from warden.store.verification import Source, verify_ledger
from warden.store.writerlock import WriterLock, hold_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from warden.ports import Clock
    from warden.store.files import LedgerFiles

SCHEMA = "warden.backup-manifest/1"
MANIFEST = "warden-backup.json"
MANIFEST_LIMIT = 16 * 1024 * 1024
PARTS_LIMIT = 100_000
LEDGER = "state/ledger.db"
KEYS = frozenset({"state/ledger.key", "state/guard.key", "state/guard.fingerprints"})
_CHUNK = 1 << 20
_LEFT_OUT = frozenset({"locks", "evidence", "backups", "scanners", "checkpoints"})
_LEFT_OUT_ENDINGS = ("-wal", "-shm", ".lock", ".part")
_CONFIGURATION = ("config.toml", "catalog.yaml", "triggers.yaml", "policies")
_HINT = "name a file that `warden backup` made"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a backup: its name in the archive, its size and digest."""

    name: str
    size_bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds, by which version it was made and when; `entries` counts the ledger's (0 without one)."""

    version: str
    made_at: str
    entries: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Returned:
    """What a restore did: how many files it put back, what it left as it was, where the replaced files lie."""

    files: int
    kept: tuple[str, ...]
    evidence: Path
    ledger: Restored | None


def back_up_state(files: LedgerFiles, target: Path, clock: Clock) -> Manifest:
    """Write a backup to the new file `target`, and return its manifest.

    Raises `InputError` when `target` exists or there is nothing to copy, `LedgerError` when the copied ledger does not
    verify, `StateError` when a file cannot be read or written.
    """
    if target.exists():
        raise InputError(f"{quote(target)} exists", "name a file that does not exist")
    place = target.with_name(f".{target.name}.{os.getpid()}.part")
    with disk_errors(target), _scratch(place) as scratch:
        copies: dict[str, Path] = {}
        for name, source in _sources(files):
            with contextlib.suppress(FileNotFoundError):  # somebody may remove what was just listed
                copies[name] = _copy(source, scratch / str(len(copies)))
        if not copies:
            raise InputError("there is nothing to back up", "a first `warden init` or `warden worker run` makes it")
        entries = _check_ledger(copies[LEDGER], files) if LEDGER in copies else 0
        parts = tuple(Part(name, copy.stat().st_size, _digest(copy)) for name, copy in copies.items())
        manifest = Manifest(__version__, format_time(clock.now()), entries, parts)
        whole = scratch / "whole"
        _write_archive(whole, manifest, copies)
        place_once(whole, target)
    return manifest


def restore_state(
    files: LedgerFiles, source: Path, clock: Clock, by: str, kept_heads: KeptHeads = no_heads
) -> Returned:
    """Put a backup back; the caller holds the run's lock. `kept_heads` is as for `store.backup.restore`.

    Raises `InputError` when `source` is not a backup, `LedgerError` when its ledger does not verify, and `StateError`
    when a database is in use or a file cannot be written. Everything is checked before anything is replaced.
    """
    make_directory(files.state_dir)
    stamp = format_time(clock.now()).replace(":", "").replace(".", "")
    evidence = files.evidence / f"restore-state-{stamp}"
    with disk_errors(files.state_dir), _scratch(files.state_dir / f".restore-{os.getpid()}.part") as scratch:
        extracted = _extract(source, scratch)
        if LEDGER in extracted:
            _check_ledger(extracted[LEDGER], files, scratch / "state" / files.segments.name)
            _check_key(files, extracted)
        targets = {name: (_target(files, name), copy) for name, copy in extracted.items() if name != LEDGER}
        make_directory(evidence)
        with _alone(files.state_dir, [target for target, _ in targets.values()]):
            for name, (target, _) in targets.items():
                _check_unused(name, target)
            kept = tuple(name for name, (target, copy) in targets.items() if not _put(name, target, copy, evidence))
        done = restore(files, extracted[LEDGER], clock, by, kept_heads) if LEDGER in extracted else None
    return Returned(len(extracted) - len(kept), kept, evidence, done)


def _sources(files: LedgerFiles) -> Iterator[tuple[str, Path]]:
    """What is copied, the ledger first: what it names (archived entries) is never removed, and what a hub has that its copy
    does not know of is in doubt after a restore, while the contrary would be lost."""
    if files.database.is_file():
        yield LEDGER, files.database
    for path in _walk(files.state_dir):
        relative = path.relative_to(files.state_dir)
        if path != files.database and relative.parts[0] not in _LEFT_OUT and not path.name.endswith(_LEFT_OUT_ENDINGS):
            yield f"state/{relative.as_posix()}", path
    for name in _CONFIGURATION:
        place = files.config_dir / name
        for path in _walk(place) if place.is_dir() else [place] if place.is_file() else []:
            yield f"config/{path.relative_to(files.config_dir).as_posix()}", path


def _walk(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in path.parts[-2:]):
            yield path


def _copy(source: Path, target: Path) -> Path:
    """Copy a file; a database by SQLite's own means, so that the copy is one moment of it."""
    if source.suffix != ".db":
        shutil.copyfile(source, target)
        return target
    with open_snapshot(source) as connection, sqlite_errors(str(source)):
        copy = sqlite3.connect(target)
        try:
            connection.backup(copy)
            if copy.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                raise StateError(f"the copy of {quote(source)} does not hold together", "check the disk")
        finally:
            copy.close()
    return target


def _check_ledger(copy: Path, files: LedgerFiles, segments: Path | None = None) -> int:
    """Return how many entries a copied ledger has; raises `LedgerError` unless all of it verifies."""
    connection = connect(str(copy))
    try:
        with sqlite_errors(str(copy)):
            check_program(connection, str(copy))
            log = read_log_identity(connection)
            place = files.segments if segments is None else segments
            if stored_version(connection) < SCHEMA_VERSION:
                with transaction(connection):
                    rederive(connection, place)
                    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            state = read_state(connection)
            report = verify_ledger(Source(connection, place, log.origin, log.key), state.note.text)
            if report.findings:
                raise DamagedLogError(report.findings[0])
            return state.size
    finally:
        connection.close()


def _write_archive(place: Path, manifest: Manifest, copies: dict[str, Path]) -> None:
    body = {"schema": SCHEMA, **asdict(manifest)}
    data = json.dumps(body, indent=1).encode() + b"\n"
    with place.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6, format=tarfile.PAX_FORMAT) as archive:
            archive.addfile(_member(MANIFEST, len(data)), io.BytesIO(data))
            for name, copy in copies.items():
                with copy.open("rb") as content:
                    archive.addfile(_member(name, copy.stat().st_size), content)
        file.flush()
        os.fsync(file.fileno())


def _member(name: str, size_bytes: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size_bytes, 0o600
    return member


def _extract(source: Path, scratch: Path) -> dict[str, Path]:
    """Write every part below `scratch` and return where it lies; raises `InputError` unless all are what they should be."""
    try:
        with tarfile.open(source, mode="r:gz") as archive:
            members = iter(archive)
            manifest = _read_manifest(archive, next(members, None))
            extracted = {}
            for part, member in zip(manifest.parts, members, strict=True):
                content = archive.extractfile(member) if member.isreg() and member.name == part.name else None
                if content is None or member.size != part.size_bytes:
                    raise InputError(f"the backup holds another file in the place of {quote(part.name)}", _HINT)
                extracted[part.name] = _write_part(scratch, part, content)
            return extracted
    except (OSError, EOFError, tarfile.TarError, zlib.error, ValueError) as error:
        raise InputError(f"{quote(source)} is not a backup, or it is damaged", _HINT) from error


def _read_manifest(archive: tarfile.TarFile, member: tarfile.TarInfo | None) -> Manifest:
    if member is None or member.name != MANIFEST or not member.isreg() or member.size > MANIFEST_LIMIT:
        raise ValueError("no manifest")
    content = archive.extractfile(member)
    body = json.loads(content.read() if content else b"")
    if not isinstance(body, dict) or body.pop("schema", None) != SCHEMA:
        raise ValueError("another format")
    try:
        parts = tuple(Part(**part) for part in body.pop("parts"))
        manifest = Manifest(parts=parts, **body)
    except (TypeError, KeyError) as error:
        raise ValueError("a manifest of another form") from error
    if len(parts) > PARTS_LIMIT or len({part.name for part in parts}) != len(parts):
        raise ValueError("too many parts, or one twice")
    return manifest


def _write_part(scratch: Path, part: Part, content: IO[bytes]) -> Path:
    """Write one part in its place below `scratch`: its name may only lead downwards, its bytes must be the recorded ones."""
    name = PurePosixPath(part.name)
    inside = name.parts[:1] in (("state",), ("config",)) and len(name.parts) > 1
    if not inside or ".." in name.parts or name.as_posix() != part.name or not 0 <= part.size_bytes <= COPY_LIMIT:
        raise InputError(f"the backup names a file {quote(part.name)}, which has no place here", _HINT)
    path = scratch / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        shutil.copyfileobj(content, file, _CHUNK)
    if _digest(path) != part.digest:
        raise InputError(f"{quote(part.name)} in the backup is not what its manifest says", "take another backup")
    return path


def _check_key(files: LedgerFiles, extracted: dict[str, Path]) -> None:
    """Raise `StateError` when the directory has another ledger's key: the copy could never be continued with it."""
    copy = extracted.get("state/ledger.key")
    key = files.keys.key
    if copy is not None and key.exists() and key.read_bytes() != copy.read_bytes():
        raise StateError(
            f"the backup's ledger was signed with another key than {quote(key)}",
            "restore into an empty state directory with --state-dir",
        )


def _check_unused(name: str, target: Path) -> None:
    """Raise `StateError` when another process has the database open: leaving the write-ahead log is refused then."""
    if not name.endswith(".db") or not target.exists():
        return
    connection = sqlite3.connect(target, timeout=0.5, isolation_level=None)
    try:
        mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    except sqlite3.DatabaseError as error:
        mode = "locked" if "locked" in str(error) else "damaged"  # a damaged one is what a restore is for
    finally:
        connection.close()
    if mode in ("wal", "locked"):
        raise StateError(
            f"{quote(target)} is in use", "stop what uses it (`warden hub serve`, a console), then restore"
        )


@contextlib.contextmanager
def _alone(directory: Path, targets: Iterable[Path]) -> Iterator[None]:
    """Keep everybody from opening one of the databases while they are exchanged."""
    with contextlib.ExitStack() as stack:
        for target in targets:
            if target.suffix == ".db":
                make_directory(target.parent)
                lock = WriterLock(target.with_name(f"{target.name}.lock"))
                stack.callback(lock.close)
                stack.enter_context(lock.held())
        stack.enter_context(hold_directory(directory, alone=True))
        yield


def _target(files: LedgerFiles, name: str) -> Path:
    room, _, rest = name.partition("/")
    return (files.state_dir if room == "state" else files.config_dir) / rest


def _put(name: str, target: Path, copy: Path, evidence: Path) -> bool:
    """Put one file in its place and return True; False when what is there stays: keys, and configuration."""
    if target.exists():
        if name in KEYS or name.startswith("config/"):
            return False
        if target.suffix != ".db" and target.read_bytes() == copy.read_bytes():
            return True
        place = evidence / name
        make_directory(place.parent)
        for ending in ("", "-wal", "-shm"):
            beside = target.with_name(target.name + ending)
            if beside.exists():
                shutil.move(beside, place.with_name(place.name + ending))
    make_directory(target.parent)
    replace_by_copy(target, copy)
    return True


def _digest(path: Path) -> str:
    found = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return f"sha256:{found.hexdigest()}"


@contextlib.contextmanager
def _scratch(place: Path) -> Iterator[Path]:
    place.mkdir(mode=0o700)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
