"""What the guard's commands read: texts, lines of JSON, and values to enrol."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from warden.errors import InputError, UsageError, quote

if TYPE_CHECKING:
    from warden.config.settings import Settings

TEXT_LIMIT = 64 * 1024 * 1024
LINE_LIMIT = 256 * 1024 * 1024
NAME_CHARACTERS = 100
VALUE_LIMIT = 1024 * 1024


def read_text(source: str) -> str:
    """Return the text of a file, or of standard input for `-`; bytes that are no UTF-8 stay as surrogates.

    Raises `InputError` when it cannot be read or is larger than `TEXT_LIMIT`.
    """
    return read_bytes(source, TEXT_LIMIT).decode("utf-8", "surrogateescape")


def read_bytes(source: str, limit: int) -> bytes:
    """Return the bytes of a file, or of standard input for `-`; raises `InputError`, also above `limit`."""
    try:
        if source == "-":
            data = _stdin().read(limit + 1)
        else:
            with open(source, "rb") as file:
                data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or type(error).__name__).lower()
        raise InputError(f"cannot read {quote(source)}: {reason}", "name a file that can be read, or `-`") from error
    if len(data) > limit:
        raise InputError(f"{quote(source)} is larger than {limit} bytes", "split it and look at the parts")
    return data


def _stdin() -> BinaryIO:
    if sys.stdin is None:  # the process was started without (`<&-`)
        raise InputError("there is no standard input", "name a file, or give something on standard input")
    return sys.stdin.buffer


def check_name(name: str) -> str:
    """Return the name of an enrolled value; raises `InputError` when it would not fit on one line of a list."""
    if not name.strip() or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise InputError(
            f"{quote(name)} is no name for a value", f"use 1 to {NAME_CHARACTERS} characters that can be printed"
        )
    return name


def read_jsonl(path: Path) -> Iterator[tuple[object, str]]:
    """Yield (id, text) for each line of JSON; raises `InputError` that names the line, never its content."""
    if str(path) == "-":
        yield from _jsonl_lines(_stdin(), "-")
        return
    try:
        with path.open("rb") as file:
            yield from _jsonl_lines(file, str(path))
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise InputError(f"cannot read {quote(path)}: {reason}", "name a file that can be read, or `-`") from error


def _jsonl_lines(file: BinaryIO, name: str) -> Iterator[tuple[object, str]]:
    number = 0
    while line := file.readline(LINE_LIMIT + 1):
        number += 1
        if not line.strip():
            continue
        if len(line) > LINE_LIMIT:
            raise InputError(f"line {number} of {quote(name)} is longer than {LINE_LIMIT} bytes", "split its text")
        try:
            found = json.loads(line, parse_constant=_refuse_constant, object_pairs_hook=_read_object)
            identity, text = found["id"], found["text"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            found = None
            raise InputError(
                f"line {number} of {quote(name)} is not an object with id and text", _JSONL_HINT
            ) from error
        if not isinstance(text, str):
            raise InputError(f"the text of line {number} of {quote(name)} is no string", _JSONL_HINT)
        yield identity, text


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _read_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object; raises `ValueError` for a name that comes twice: a text must not hide behind another."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


_JSONL_HINT = 'each line is {"id": ..., "text": "..."}'


def read_values(
    settings: Settings, file: Path | None, command: str | None, variable: str | None, each_line: bool
) -> list[bytes]:
    """Return the values to enrol from the one source that is named, standard input when none is.

    Raises `UsageError` for more than one source and `InputError` when there is no value; neither quotes one.
    """
    if sum(source is not None for source in (file, command, variable)) > 1:
        raise UsageError("enroll takes one of --file, --command and --env", "see `warden guard enroll --help`")
    if command is not None:
        data = _run(command)
    elif variable is not None:
        data = _variable(settings, variable)
    else:
        data = read_bytes(str(file) if file else "-", VALUE_LIMIT)
    values = _lines(data) if each_line else [data.strip(b"\r\n")]
    values = [value for value in values if value]
    if not values:
        raise InputError("there is no value to enrol", "the source was empty")
    return values


def _lines(data: bytes) -> list[bytes]:
    """Return the value of each line: what follows `NAME=`, without quotes; comments and blank lines are left out."""
    values = []
    for line in data.splitlines():
        text = line.strip().removeprefix(b"export ")
        if not text or text.startswith(b"#"):
            continue
        name, equals, value = text.partition(b"=")
        is_named = bool(equals) and name.replace(b"_", b"").isalnum() and value.strip() != b""
        values.append((value if is_named else text).strip().strip(b"\"'"))
    return values


def _run(command: str) -> bytes:
    import subprocess

    try:
        done = subprocess.run(
            shlex.split(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise InputError(f"the command cannot be run: {type(error).__name__}", "it is run without a shell") from error
    if done.returncode:
        raise InputError(f"the command ended with status {done.returncode}", "run it by hand to see why")
    return done.stdout[:VALUE_LIMIT]


def _variable(settings: Settings, name: str) -> bytes:
    value = settings.variables.get(name)
    if value is None:
        raise InputError(f"the variable {quote(name)} is not set", "export it, or use --file")
    return value.encode("utf-8", "surrogateescape")
