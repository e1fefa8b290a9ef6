"""Everything that can be set, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from warden.config.credential import NOWHERE, CredentialSource
from warden.config.model import ModelSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from warden.config.intake_settings import IntakeSettings
    from warden.config.observe import ObserveSettings
    from warden.config.workload_settings import WorkloadSettings

DEFAULT_AGENT = "ops-warden"

REPLIES_PER_THREAD_HOUR = 3
REPLIES_PER_SENDER_HOUR = 60
ACTIONS_PER_RUN = 5_000
HOPS = 5


@dataclass(frozen=True, slots=True)
class HubSettings:
    """Which hub, and how it is spoken to.

    `url` is None for the embedded hub. `profile` is the name of a built-in profile, or a table that describes one.
    `hub_id` overrides the identity that the hub states (None: ask the hub, or derive it). Time-outs are in seconds.
    """

    url: str | None = None
    profile: str | Mapping[str, object] = "default"
    hub_id: str | None = None
    token: CredentialSource = NOWHERE
    connect_timeout_s: float = 5.0
    timeout_s: float = 30.0
    retries: int = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that our own ledger counts; the built-in values are the highest that can be had."""

    replies_per_thread_hour: int = REPLIES_PER_THREAD_HOUR
    replies_per_sender_hour: int = REPLIES_PER_SENDER_HOUR
    actions_per_run: int = ACTIONS_PER_RUN
    hops: int = HOPS


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """Where overlays are, and what must be signed by whom.

    `charter_public_key` and `keys` are paths of files that hold an Ed25519 public key each.
    """

    dir: Path
    charter_public_key: Path | None = None
    require_signatures: bool = False
    keys: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """When unattended passes are made, and what opens their gate. The texts are read by the room `schedule`.

    Of `every` and `cron` at most one is set. `deadline_s` 0 means none.
    """

    every: str | None = None
    cron: str | None = None
    timezone: str = "UTC"
    jitter_s: int = 0
    misfire_grace_s: int = 3600
    deadline_s: int = 0
    drain_s: int = 30
    clean_passes: int = 3
    quiet_hours: tuple[str, ...] = ()
    blackouts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What the service manager that started us asks for: where it listens, and how often it wants to hear of us."""

    notify_socket: str = ""
    watchdog_s: float | None = None


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """When a delivery is given up: after how many attempts that the hub may have seen, and at which age in hours."""

    attempts: int = 12
    max_age_h: int = 72


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """Where heads of the ledger are kept beside the hub.

    `witness_files` are written at the end of each executing cycle; `witness_command` is given the head on stdin, and
    `witness_read_command` prints the newest one that was kept (empty: what the command keeps is not compared). Both are
    argument lists and may take `witness_timeout_s` seconds.
    """

    witness_files: tuple[Path, ...] = ()
    witness_command: tuple[str, ...] = ()
    witness_read_command: tuple[str, ...] = ()
    witness_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Who looks for secret values beside the guard itself: with `kingfisher`, the scanner of the extra `secrets`."""

    kingfisher: bool = False


@dataclass(frozen=True, slots=True)
class ReviewPerson:
    """Somebody who reviews: a name, the uid by which the system knows them (None for the console only), and the names under
    which they write on the hub."""

    name: str
    uid: int | None = None
    agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """What an approval takes, who owns what waits, and who people are. Times are in seconds, None for never;
    `approval_rate_warning` is the percentage of approvals from which `warden stats` asks whether anybody reads them."""

    approval_expiry_s: float | None = 3 * 86_400.0
    allow_same_uid: bool = False
    two_persons: tuple[str, ...] = ()
    owner: str = ""
    owners: tuple[tuple[str, str], ...] = ()
    people: tuple[ReviewPerson, ...] = ()
    raise_after_s: float | None = 86_400.0
    approval_rate_warning: int = 95


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """Where the review console may listen, the address by which browsers reach it (empty: the one that it listens on), and
    how long sessions hold: in minutes when idle, in hours in any case."""

    allow_remote: bool = False
    public_url: str = ""
    idle_m: int = 30
    session_h: int = 12


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run needs to know before it starts. No credential's value is ever in here.

    `config_file` is None when there is none. `catalog` is None for the catalogue that ships inside the package.
    `intake` is None where no events are
    taken in. `concurrency` is how many deliveries and brain calls run at once. `retention_days` is how long texts are kept in
    the ledger's blobs; entries are kept for ever.
    """

    config_dir: Path
    state_dir: Path
    policy: PolicySettings
    config_file: Path | None = None
    agent: str = DEFAULT_AGENT
    brain: str = "rule"
    catalog: Path | None = None
    concurrency: int = 8
    retention_days: int = 90
    hub: HubSettings = HubSettings()
    limits: Limits = Limits()
    review: ReviewSettings = ReviewSettings()
    model: ModelSettings = field(default_factory=ModelSettings)
    outbox: OutboxSettings = OutboxSettings()
    ledger: LedgerSettings = LedgerSettings()
    guard: GuardSettings = GuardSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    service: ServiceSettings = ServiceSettings()
    console: ConsoleSettings = ConsoleSettings()
    intake: IntakeSettings | None = None
    observe: ObserveSettings | None = None
    workload: WorkloadSettings | None = None
    no_color: bool = False
    variables: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def hub_file(self) -> Path:
        """The embedded hub's database."""
        return self.state_dir / "hub.db"

    @property
    def intake_file(self) -> Path:
        """The database of events that were taken in."""
        return self.state_dir / "intake.db"

    @property
    def script_runs_file(self) -> Path:
        """The database of runs of scripts."""
        return self.state_dir / "scripts.db"

    @property
    def scanner_cache_dir(self) -> Path:
        """Where a second scanner keeps its compiled rules."""
        return self.state_dir / "scanners"

    @property
    def shakedowns_dir(self) -> Path:
        """Where the reports of shakedowns lie."""
        return self.state_dir / "shakedowns"

    @property
    def locks_dir(self) -> Path:
        """Where locks lie."""
        return self.state_dir / "locks"
