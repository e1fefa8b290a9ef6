"""What the tables `[workload]`, `[script]` and `[api]` say, as frozen values; most configurations have none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.config.credential import NOWHERE, CredentialSource

if TYPE_CHECKING:
    from pathlib import Path

DROP_AFTER_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Grant:
    """What workloads with one of these actions may claim: operations of a hook, so often, for so long (in seconds)."""

    name: str
    actions: tuple[str, ...]
    hook: str
    operations: tuple[str, ...]
    max_uses: int = 10
    expires_s: float = 3_600.0


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Who may use the API, and for what; `trust` is what its events count as where rules ask for trust."""

    name: str
    token: CredentialSource = NOWHERE
    scopes: frozenset[str] = frozenset()
    trust: str = "collaborator"


@dataclass(frozen=True, slots=True)
class WorkloadSettings:
    """Where workloads are handed over, where their lifecycle is heard, and who may ask for one.

    `trigger_pipe` is None where there is no runtime; without `lifecycle_socket` a delivered line is the end of it.
    `drop_after_s` is after how long of silence a workload is given up, None for never. `instance` is the only runtime whose
    reports are taken, empty for any. `script_variables` names what scripts may find in their environment.
    """

    trigger_pipe: Path | None = None
    lifecycle_socket: Path | None = None
    drop_after_s: float | None = DROP_AFTER_S
    instance: str = ""
    grants: tuple[Grant, ...] = ()
    clients: tuple[ApiClient, ...] = ()
    script_variables: tuple[str, ...] = ("PATH", "LANG", "TZ")
