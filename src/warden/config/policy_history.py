"""Sets of policy files that were in force: kept by digest in the state directory, to fall back on and to go back to.

`policies/<digest>.json` holds the files and signatures of one set, `policies/last-good` the digest of the newest. Each
file is written beside its place, flushed and renamed, so that a reader sees the old one or the new one.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warden.errors import InputError, StateError, quote
from warden.model.digests import digest_bytes, digest_value

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "warden.policy-set/1"
POINTER = "last-good"
KEPT = 50
"""How many sets are kept; the oldest go first, the last good one never."""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy file's name, bytes and detached signature (None when there is none)."""

    name: str
    data: bytes
    signature: bytes | None = None


@dataclass(frozen=True, slots=True)
class KeptSet:
    """A set in the history: its digest, when it was last kept (seconds since 1970), its files' names, and whether it
    is the last good one."""

    digest: str
    kept_at: float
    names: tuple[str, ...]
    last_good: bool


def set_digest(files: Iterable[PolicyFile]) -> str:
    """Return the digest of a set: over the sorted names and contents."""
    return digest_value([[file.name, digest_bytes(file.data)] for file in sorted(files, key=lambda file: file.name)])


class PolicyHistory:
    """The history in one directory. Safe for several processes: every write is a rename of a complete file."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def _path(self, digest: str) -> Path:
        return self.directory / f"{digest.removeprefix('sha256:')}.json"

    def keep(self, files: tuple[PolicyFile, ...], good: bool = True) -> str:
        """Keep this set, as the last good one unless `good` is false, and return its digest; raises `StateError`."""
        digest = set_digest(files)
        try:
            if good and self._pointer() == digest and self._load(digest) == files:
                return digest
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(self._path(digest), json.dumps(_fields(digest, files)).encode())
            if good:
                self._write(self.directory / POINTER, digest.encode() + b"\n")
            self._prune()
        except OSError as error:
            raise StateError(f"cannot keep the policy set: {error.strerror}", "check the state directory") from None
        return digest

    def _write(self, path: Path, data: bytes) -> None:
        handle, name = tempfile.mkstemp(dir=self.directory, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def _pointer(self) -> str | None:
        try:
            return (self.directory / POINTER).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None

    def _prune(self) -> None:
        kept = sorted(self.directory.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        current = self._pointer()
        for path in kept[KEPT:]:
            if current is None or path != self._path(current):
                path.unlink(missing_ok=True)

    def last_good(self) -> tuple[PolicyFile, ...] | None:
        """Return the files of the last good set, None when there never was one; raises `StateError` for a damaged one."""
        digest = self._pointer()
        if digest is None:
            return None
        files = self._load(digest)
        if files is None:
            raise StateError("the last good policy set is damaged", "repair the policy files; a good set replaces it")
        return files

    def _load(self, digest: str) -> tuple[PolicyFile, ...] | None:
        """Return the set when its file is there and its contents have the digest that names it."""
        try:
            value = json.loads(self._path(digest).read_bytes())
            files = tuple(_file(item) for item in value["files"])
        except (OSError, ValueError, KeyError, TypeError, binascii.Error):
            return None
        return files if set_digest(files) == digest else None

    def sets(self) -> tuple[KeptSet, ...]:
        """Return all kept sets that are whole, newest first."""
        pointer = self._pointer()
        found: list[KeptSet] = []
        for path in self.directory.glob("*.json") if self.directory.exists() else ():
            digest = f"sha256:{path.stem}"
            files = self._load(digest)
            if files is not None:
                names = tuple(file.name for file in files)
                found.append(KeptSet(digest, path.stat().st_mtime, names, digest == pointer))
        return tuple(sorted(found, key=lambda kept: (-kept.kept_at, kept.digest)))

    def find(self, wanted: str) -> tuple[PolicyFile, ...]:
        """Return the set whose digest begins with `wanted`; raises `InputError` when none or several do."""
        prefix = wanted.rpartition(":")[2]
        found = [kept.digest for kept in self.sets() if kept.digest.removeprefix("sha256:").startswith(prefix)]
        if len(found) != 1 or not prefix:
            problem = "is not the beginning of any kept set's digest" if not found else "fits several kept sets"
            raise InputError(f"{quote(wanted)} {problem}", "list them with `warden policy snapshots`")
        return self._load(found[0]) or ()


def restore(directory: Path, files: tuple[PolicyFile, ...], suffix: str) -> None:
    """Make the policy directory hold exactly these files and signatures; raises `StateError`.

    New files are complete before old ones go. Files whose names begin with a dot stay.
    """
    wanted = {file.name: file.data for file in files}
    wanted.update({file.name + suffix: file.signature for file in files if file.signature is not None})
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, data in wanted.items():
            temporary = directory / f".{name}.new"
            temporary.write_bytes(data)
            os.replace(temporary, directory / name)
        for path in directory.iterdir():
            if path.is_file() and not path.name.startswith(".") and path.name not in wanted:
                path.unlink()
    except OSError as error:
        raise StateError(f"cannot write the policy directory: {error.strerror}", "check its permissions") from None


def _fields(digest: str, files: Iterable[PolicyFile]) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "digest": digest,
        "files": [
            {
                "name": file.name,
                "data": base64.b64encode(file.data).decode("ascii"),
                "signature": None if file.signature is None else base64.b64encode(file.signature).decode("ascii"),
            }
            for file in files
        ],
    }


def _file(item: dict[str, str | None]) -> PolicyFile:
    name, data, signature = item["name"], item["data"], item["signature"]
    if not isinstance(name, str) or not isinstance(data, str) or "/" in name or name.startswith("."):
        raise ValueError("not a policy file")
    decoded = None if signature is None else base64.b64decode(signature, validate=True)
    return PolicyFile(name, base64.b64decode(data, validate=True), decoded)
