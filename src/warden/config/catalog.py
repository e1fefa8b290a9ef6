"""Reads the bytes of the routing catalogue: the configured file, or the one that was packaged."""

from __future__ import annotations

from pathlib import Path

import warden
from warden.errors import ConfigError, quote

CATALOG_BYTES = 4 * 2**20
PACKAGED = "_charter/catalog.yaml"


def read_catalog_file(path: Path | None) -> tuple[bytes, str]:
    """Return the catalogue's bytes and the name that errors call it by; None means the packaged one.

    Raises `ConfigError` when it cannot be read or is larger than `CATALOG_BYTES`.
    """
    place = path if path is not None else Path(warden.__file__).parent / PACKAGED
    try:
        with place.open("rb") as handle:
            data = handle.read(CATALOG_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read the catalogue {quote(place)}: {error.strerror or type(error).__name__}",
            "name another one with --catalog, or install warden again",
        ) from error
    if len(data) > CATALOG_BYTES:
        raise ConfigError(f"the catalogue {quote(place)} is larger than {CATALOG_BYTES} bytes", "split it")
    return data, place.name if path is None else str(place)
