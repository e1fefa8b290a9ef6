"""From a config file, the environment and the command line to one frozen `Settings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warden.config.check import check_agent, check_base_url, check_document, check_url, refuse
from warden.config.credential import CredentialSource
from warden.config.environment import APPLICATION, Environment, read_environment
from warden.config.model import read_model
from warden.config.observe_keys import TABLES as OBSERVED
from warden.config.settings import (
    DEFAULT_AGENT,
    ConsoleSettings,
    GuardSettings,
    HubSettings,
    LedgerSettings,
    Limits,
    OutboxSettings,
    PolicySettings,
    ReviewSettings,
    ScheduleSettings,
    ServiceSettings,
    Settings,
)
from warden.config.workload_keys import TABLES as WORKLOADS
from warden.errors import ConfigError, quote

if TYPE_CHECKING:
    from warden.config.intake_settings import IntakeSettings
    from warden.config.observe import ObserveSettings
    from warden.config.workload_settings import WorkloadSettings

CONFIG_NAME = "config.toml"
CONFIG_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says; None leaves the setting as the file or the default has it."""

    config: Path | None = None
    state_dir: Path | None = None
    hub: str | None = None
    agent: str | None = None
    catalog: Path | None = None
    brain: str | None = None


def load(overrides: Overrides = Overrides(), environment: Environment | None = None) -> Settings:
    """Return the settings; the command line wins over the environment, that over the file, that over the defaults.

    A configuration file is needed only when `--config` or `WARDEN_CONFIG` names one. Raises `ConfigError` for a file
    that is missing, unreadable, too large, not TOML, or holds an unknown key or a value out of bounds.
    """
    environment = environment or read_environment()
    config_dir, config_file = _find(overrides.config or environment.config, environment.config_home)
    values = _read(config_file) if config_file else {}
    place = config_dir.absolute()
    state_dir = _state_dir(overrides, environment, values, place)
    return Settings(
        config_dir=place,
        config_file=config_file.absolute() if config_file else None,
        state_dir=state_dir,
        agent=check_agent(_text(overrides.agent) or _text(values.get("agent")) or DEFAULT_AGENT),
        brain=_text(overrides.brain) or _text(values.get("brain")) or "rule",
        catalog=overrides.catalog.absolute() if overrides.catalog else _placed(values.get("catalog"), place),
        concurrency=_number(values, "concurrency", 8),
        retention_days=_number(values, "retention_days", 90),
        hub=_hub(values, place, overrides.hub),
        limits=_limits(values),
        review=_review(config_file, values),
        model=read_model(values, place, environment.variables),
        outbox=_outbox(values),
        ledger=_ledger(values, place, state_dir),
        guard=GuardSettings(kingfisher=values.get("guard.kingfisher") is True),
        schedule=_schedule(values),
        service=ServiceSettings(environment.notify_socket, environment.watchdog_s),
        intake=_intake(config_file, values, place),
        policy=_policy(values, place),
        console=_console(values),
        observe=_observe(config_file, values, place),
        workload=_workload(config_file, values, place),
        no_color=environment.no_color,
        variables=environment.variables,
    )


def config_place(named: Path | None, environment: Environment | None = None) -> Path:
    """Return where the configuration file is, or would be: `named`, or by the environment; a directory may be named."""
    environment = environment or read_environment()
    place = named or environment.config or environment.config_home / APPLICATION
    is_file = (named or environment.config) is not None and not place.is_dir()
    return (place if is_file else place / CONFIG_NAME).absolute()


def _find(named: Path | None, config_home: Path) -> tuple[Path, Path | None]:
    """Return the configuration's directory, and its file if there is one. A directory may be named instead of a file."""
    if named is None:
        directory = config_home / APPLICATION
        file = directory / CONFIG_NAME
        return directory, file if file.exists() else None
    if named.is_dir():
        file = named / CONFIG_NAME
        return named, file if file.exists() else None
    if not named.exists():
        raise ConfigError(f"there is no configuration file {quote(named)}", "create it, or leave --config out")
    return named.parent, named


def _read(file: Path) -> Mapping[str, object]:
    import tomllib  # only when there is something to read

    if not file.is_file():
        # A pipe without a writer would be waited for, and no signal ends that wait.
        raise refuse(file, "not an ordinary file", "name a file")
    try:
        with file.open("rb") as handle:
            data = handle.read(CONFIG_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read {quote(file)}: {error.strerror or type(error).__name__}",
            "make it readable by the user that runs warden",
        ) from error
    if len(data) > CONFIG_BYTES:
        raise refuse(file, f"the file is larger than {CONFIG_BYTES} bytes", "keep lists in files of their own")
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise refuse(file, f"the file is not UTF-8 at byte {error.start}", "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise refuse(file, f"not TOML: {_without_content(error)}", "correct it there") from error
    except RecursionError as error:
        raise refuse(file, "nested too deeply", "flatten it") from error
    return check_document(file, document)


def _without_content(error: Exception) -> str:
    """Return the parser's message from its fixed words only: what it quotes could be a secret."""
    text = str(error)
    where = text[text.rfind("(") :] if "(at " in text else ""
    return f"syntax error {where}".strip()


def _state_dir(overrides: Overrides, environment: Environment, values: Mapping[str, object], config_dir: Path) -> Path:
    named = overrides.state_dir or environment.state_dir
    if named is not None:
        return named.absolute()
    return _placed(values.get("state_dir"), config_dir) or (environment.state_home / APPLICATION).absolute()


def _hub(values: Mapping[str, object], config_dir: Path, url: str | None) -> HubSettings:
    defaults = HubSettings()
    command = values.get("hub.token_command")
    profile = values.get("hub.profile", defaults.profile)
    named = url if url is not None else values.get("hub.url")
    return HubSettings(
        url=None if named in (None, "", "embedded") else check_url(str(named)),
        profile=profile if isinstance(profile, Mapping) else str(profile),
        hub_id=_text(values.get("hub.id")),
        token=CredentialSource(
            file=_placed(values.get("hub.token_file"), config_dir),
            command=tuple(command) if isinstance(command, list) else (),
            variable=_text(values.get("hub.token_variable")) or "",
        ),
        connect_timeout_s=_seconds(values, "hub.connect_timeout_s", defaults.connect_timeout_s),
        timeout_s=_seconds(values, "hub.timeout_s", defaults.timeout_s),
        retries=_number(values, "hub.retries", defaults.retries),
    )


def _review(file: Path | None, values: Mapping[str, object]) -> ReviewSettings:
    if file is None or not any(name.startswith("review.") for name in values):
        return ReviewSettings()
    from warden.config.review import read_review  # most configurations have no such table

    return read_review(file, values)


def _intake(file: Path | None, values: Mapping[str, object], place: Path) -> IntakeSettings | None:
    if file is None or not any(name.startswith("intake.") for name in values):
        return None
    from warden.config.intake import read_intake  # most configurations have no such table

    return read_intake(file, values, place)


def _workload(file: Path | None, values: Mapping[str, object], place: Path) -> WorkloadSettings | None:
    if file is None or not any(name.startswith(WORKLOADS) for name in values):
        return None
    from warden.config.workload import read_workload  # most configurations have no such table

    return read_workload(file, values, place)


def _observe(file: Path | None, values: Mapping[str, object], place: Path) -> ObserveSettings | None:
    if file is None or not any(name.startswith(OBSERVED) for name in values):
        return None
    from warden.config.observe import read_observe  # most configurations have no such table

    return read_observe(file, values, place)


def _limits(values: Mapping[str, object]) -> Limits:
    names = ("replies_per_thread_hour", "replies_per_sender_hour", "actions_per_run", "hops")
    return Limits(**{name: _number(values, f"limits.{name}", getattr(Limits(), name)) for name in names})


def _schedule(values: Mapping[str, object]) -> ScheduleSettings:
    defaults = ScheduleSettings()
    numbers = ("jitter_s", "misfire_grace_s", "deadline_s", "drain_s", "clean_passes")
    return ScheduleSettings(
        every=_text(values.get("schedule.every")),
        cron=_text(values.get("schedule.cron")),
        timezone=_text(values.get("schedule.timezone")) or defaults.timezone,
        quiet_hours=_texts(values.get("schedule.quiet_hours")),
        blackouts=_texts(values.get("schedule.blackouts")),
        **{name: _number(values, f"schedule.{name}", getattr(defaults, name)) for name in numbers},
    )


def _console(values: Mapping[str, object]) -> ConsoleSettings:
    defaults = ConsoleSettings()
    url = _text(values.get("console.public_url"))
    return ConsoleSettings(
        allow_remote=values.get("console.allow_remote") is True,
        public_url="" if url is None else check_base_url(url, "console", "console"),
        idle_m=_number(values, "console.idle_m", defaults.idle_m),
        session_h=_number(values, "console.session_h", defaults.session_h),
    )


def _outbox(values: Mapping[str, object]) -> OutboxSettings:
    defaults = OutboxSettings()
    return OutboxSettings(
        attempts=_number(values, "outbox.attempts", defaults.attempts),
        max_age_h=_number(values, "outbox.max_age_h", defaults.max_age_h),
    )


def _ledger(values: Mapping[str, object], config_dir: Path, state_dir: Path) -> LedgerSettings:
    named = _texts(values.get("ledger.witness_files"))
    files = tuple((config_dir / Path(name).expanduser()).absolute() for name in named)
    inside = next((file for file in files if file.resolve().is_relative_to(state_dir.resolve())), None)
    if inside is not None:
        raise ConfigError(
            f"witness file {quote(inside)} lies in the state directory, and would be rolled back with it",
            "name a place on another disk or host in `ledger.witness_files`",
        )
    return LedgerSettings(
        witness_files=files,
        witness_command=_texts(values.get("ledger.witness_command")),
        witness_read_command=_texts(values.get("ledger.witness_read_command")),
        witness_timeout_s=_seconds(values, "ledger.witness_timeout_s", LedgerSettings().witness_timeout_s),
    )


def _policy(values: Mapping[str, object], config_dir: Path) -> PolicySettings:
    keys = values.get("policy.keys")
    return PolicySettings(
        dir=_placed(values.get("policy.dir"), config_dir) or config_dir / "policies",
        charter_public_key=_placed(values.get("policy.charter_public_key"), config_dir),
        require_signatures=values.get("policy.require_signatures") is True,
        keys=tuple(config_dir / str(key) for key in keys) if isinstance(keys, list) else (),
    )


def _placed(value: object, directory: Path) -> Path | None:
    """Return the path, a relative one taken from the configuration's directory; `~` is expanded."""
    return directory / Path(str(value)).expanduser() if value is not None else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _number(values: Mapping[str, object], name: str, default: int) -> int:
    value = values.get(name, default)
    return value if isinstance(value, int) else default


def _seconds(values: Mapping[str, object], name: str, default: float) -> float:
    value = values.get(name, default)
    return float(value) if isinstance(value, int | float) else default
