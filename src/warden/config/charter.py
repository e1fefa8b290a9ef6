"""Reads the charter that was packaged with warden: bytes and pins, no parsing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import warden
from warden.errors import CharterError

if TYPE_CHECKING:
    from collections.abc import Mapping

DIRECTORY = "_charter"
PIN_FILE = "pin.json"
SIGNATURE_SUFFIX = ".sig"


def read_packaged_charter(directory: Path | None = None) -> tuple[Mapping[str, bytes], Mapping[str, str]]:
    """Return the packaged files by name and the pins by name; `directory` replaces the package's own (for `verify`).

    Raises `CharterError` when the directory or its pin is missing or unreadable: no charter, no run.
    """
    place = directory if directory is not None else Path(warden.__file__).parent / DIRECTORY
    try:
        files = {item.name: item.read_bytes() for item in sorted(place.iterdir()) if item.is_file()}
        pins = json.loads(files.pop(PIN_FILE))
    except (OSError, KeyError, ValueError):
        raise CharterError(
            "the packaged charter is missing or its pin cannot be read", "install warden again from a trusted package"
        ) from None
    if not isinstance(pins, dict) or not all(isinstance(pin, str) for pin in pins.values()):
        raise CharterError("the packaged charter's pin cannot be read", "install warden again from a trusted package")
    return files, pins
