"""What the policy and charter commands, doctor and a run share: the checked charter, the layers in force, the kernel."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warden.errors import InputError, quote

if TYPE_CHECKING:
    from warden.config.policies import PolicySet, Trust
    from warden.config.policy_history import PolicyHistory
    from warden.config.settings import Settings
    from warden.policy import Bundle, Charter, Kernel, Layer

MAX_INPUT_BYTES = 4 * 1024 * 1024
STDIN = "-"
HISTORY_DIR = "policies"
CHARTER_SIGNATURE = "charter.yaml.sig"


@dataclass(frozen=True, slots=True)
class Judge:
    """The kernel of an installation, the policies that it was built with, and their alerts."""

    kernel: Kernel
    policies: PolicySet


def read_charter_files(settings: Settings) -> Mapping[str, bytes]:
    """Return the packaged charter's files once pins and, where a key is configured, the signature hold; nothing is parsed.

    The signature lies beside the configuration or in the package. Raises `CharterError`, `GateError`, `ConfigError`.
    """
    from warden.config.charter import read_packaged_charter
    from warden.config.signatures import check_charter_signature
    from warden.documents.pin import RULES_FILE, check_pin

    files, pins = read_packaged_charter()
    check_pin(files, pins)
    if settings.policy.charter_public_key is not None:
        own = settings.config_dir / CHARTER_SIGNATURE
        signature = own.read_bytes() if own.is_file() else files.get(CHARTER_SIGNATURE)
        check_charter_signature(files[RULES_FILE], signature, settings.policy.charter_public_key)
    return files


def load_checked_charter(settings: Settings) -> Charter:
    """Return the charter, checked as `read_charter_files` does and parsed."""
    from warden.documents.charter import load_charter

    return load_charter(read_charter_files(settings))


def policy_history(settings: Settings) -> PolicyHistory:
    """Return the sets of policies that were in force."""
    from warden.config.policy_history import PolicyHistory

    return PolicyHistory(settings.state_dir / HISTORY_DIR)


def policy_trust(settings: Settings) -> Trust:
    """Return whose signatures count for policy files."""
    from warden.config.policies import Trust

    return Trust(settings.policy.keys, settings.policy.require_signatures)


def load_policy_set(settings: Settings, remember: bool = True) -> PolicySet:
    """Return the layers in force, with alerts when they are not those of the policy directory."""
    from warden.config.policies import load_policies

    return load_policies(settings.policy.dir, policy_trust(settings), policy_history(settings), remember)


def lowered_limits(settings: Settings) -> dict[str, int]:
    """Return the limits that the configuration sets, under the charter's names."""
    limits = settings.limits
    return {
        "replies_per_thread_hour": limits.replies_per_thread_hour,
        "replies_per_sender_hour": limits.replies_per_sender_hour,
        "actions_per_run": limits.actions_per_run,
        "hops": limits.hops,
    }


def build_judge(settings: Settings, remember: bool = True) -> Judge:
    """Return the kernel for these settings; `remember` keeps a good set of policies as the last good one.

    Raises `CharterError` and `GateError` when the charter does not hold, `ConfigError` for a limit above the charter's.
    A bad policy file raises nothing: see the alerts.
    """
    from warden.policy import Kernel

    policies = load_policy_set(settings, remember)
    return Judge(Kernel(load_checked_charter(settings), policies.layers, lowered_limits(settings)), policies)


def load_layers_from(paths: Iterable[Path]) -> tuple[Bundle | Layer, ...]:
    """Return policy files named on a command line as layers; raises `InputError` and `DocumentError`."""
    from warden.documents.policy_file import load_policy

    return tuple(load_policy(read_input(path), path.name) for path in paths)


def read_input(path: Path) -> bytes:
    """Return a file's bytes, or standard input's for `-`; raises `InputError` when it cannot be read or is too large."""
    try:
        if str(path) == STDIN:
            data = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(MAX_INPUT_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {quote(path)}: {error.strerror}", "check the path and its permissions") from None
    if len(data) > MAX_INPUT_BYTES:
        raise InputError(f"{quote(path)} has more than {MAX_INPUT_BYTES} bytes", "split it")
    return data
