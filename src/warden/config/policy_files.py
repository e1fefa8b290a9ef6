"""Whether the policies could have changed, told from bytes alone: nothing is parsed, so that an idle pass can afford it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from warden import __version__
from warden.errors import ConfigError, quote
from warden.model.digests import digest_bytes, digest_value

if TYPE_CHECKING:
    from pathlib import Path

    from warden.config.settings import Settings

FILES_LIMIT = 1024
FILE_LIMIT = 4 * 1024 * 1024


def policy_files_digest(settings: Settings, charter_digest: str) -> str:
    """Return a digest of all that the snapshot of a good set of policies follows from: charter, policy files with their
    signatures, keys, limits, and the version of warden that reads them.

    The same digest means the same snapshot; another one means that policies have to be loaded to know. Raises `ConfigError`
    for a file that cannot be read.
    """
    policy, limits = settings.policy, settings.limits
    keys = (*policy.keys, *([policy.charter_public_key] if policy.charter_public_key else ()))
    return digest_value(
        {
            "version": __version__,
            "charter": charter_digest,
            "files": [[digest_bytes(os.fsencode(name)), _digest(policy.dir / name)] for name in _names(policy.dir)],
            "keys": [_digest(key) for key in keys],
            "signatures": policy.require_signatures,
            "limits": [
                limits.replies_per_thread_hour,
                limits.replies_per_sender_hour,
                limits.actions_per_run,
                limits.hops,
            ],
        }
    )


def _names(directory: Path) -> list[str]:
    try:
        names = sorted(item.name for item in directory.iterdir() if not item.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"cannot read the policy directory {quote(directory)}", "check its permissions") from error
    if len(names) > FILES_LIMIT:
        raise ConfigError(f"{quote(directory)} holds more than {FILES_LIMIT} files", "merge or remove some")
    return names


def _digest(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return digest_bytes(file.read(FILE_LIMIT + 1))
    except OSError as error:
        raise ConfigError(f"cannot read {quote(path)}", "check its permissions") from error
