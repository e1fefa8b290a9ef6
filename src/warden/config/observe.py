"""The tables `[log]`, `[metrics]`, `[trace]` and `[notify]`. Read strictly, when the file has one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from warden.config.check import check_base_url, refuse
from warden.config.credential import NOWHERE, CredentialSource
from warden.errors import quote

FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")
NEVER = "never"
_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNIT_S = {"m": 60, "h": 3600, "d": 86_400}
_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
_CODE = re.compile(r"[a-z][a-z-]{0,63}")
URGENT = ("ledger-damaged", "gate-drift")


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Who is notified, and how often. `remind_after_s` is None for never."""

    webhook_url: str = ""
    webhook_secret: CredentialSource = NOWHERE
    apprise: CredentialSource = NOWHERE
    remind_after_s: float | None = 86_400.0
    per_hour: int = 20
    digest_over: int = 5
    quiet_hours: tuple[str, ...] = ()
    urgent: tuple[str, ...] = URGENT

    @property
    def is_set(self) -> bool:
        """Whether anybody is notified at all."""
        return bool(self.webhook_url) or self.apprise.is_set


@dataclass(frozen=True, slots=True)
class ObserveSettings:
    """How one looks at warden from outside. `listen` is a host and a port (0 for any free one), None for nowhere."""

    log_format: str = "text"
    log_level: str = ""
    listen: tuple[str, int] | None = None
    textfile: Path | None = None
    trace_endpoint: str = ""
    notify: NotifySettings = NotifySettings()


def read_observe(file: Path, values: Mapping[str, object], place: Path) -> ObserveSettings:
    """Return what the tables say; raises `ConfigError` for a value that does not hold."""
    log_format = _choice(file, values, "log.format", FORMATS)
    textfile = values.get("metrics.textfile")
    endpoint = values.get("trace.endpoint")
    if textfile is not None and not str(textfile).endswith(".prom"):
        raise refuse(file, "`metrics.textfile` does not end in `.prom`", "node_exporter reads no other files")
    return ObserveSettings(
        log_format=log_format or "text",
        log_level=_choice(file, values, "log.level", LEVELS),
        listen=_listen(file, values.get("metrics.listen")),
        textfile=_placed(textfile, place),
        trace_endpoint="" if endpoint is None else check_base_url(str(endpoint), "trace collector", "trace.endpoint"),
        notify=_notify(file, values, place),
    )


def _notify(file: Path, values: Mapping[str, object], place: Path) -> NotifySettings:
    url = values.get("notify.webhook_url")
    secret = _credential(values, "notify.webhook_secret", place)
    urgent = values.get("notify.urgent")
    codes = tuple(str(code) for code in urgent) if isinstance(urgent, list) else URGENT
    for code in codes:
        if not _CODE.fullmatch(code):
            raise refuse(file, f"`notify.urgent` names {quote(code)}, which is no code", "see docs/how-to/observe.md")
    quiet = values.get("notify.quiet_hours")
    defaults = NotifySettings()
    return NotifySettings(
        webhook_url="" if url is None else check_base_url(str(url), "webhook", "notify.webhook_secret_file"),
        webhook_secret=secret,
        apprise=_credential(values, "notify.apprise", place),
        remind_after_s=_span(file, values.get("notify.remind_after"), defaults.remind_after_s),
        per_hour=_number(values.get("notify.per_hour"), defaults.per_hour),
        digest_over=_number(values.get("notify.digest_over"), defaults.digest_over),
        quiet_hours=tuple(str(text) for text in quiet) if isinstance(quiet, list) else (),
        urgent=codes,
    )


def _choice(file: Path, values: Mapping[str, object], name: str, choices: tuple[str, ...]) -> str:
    value = values.get(name)
    if value is not None and value not in choices:
        raise refuse(file, f"{quote(name)} cannot be {quote(value)}", "one of: " + ", ".join(choices))
    return "" if value is None else str(value)


def _listen(file: Path, value: object) -> tuple[str, int] | None:
    if value is None:
        return None
    found = _LISTEN.fullmatch(str(value))
    if found is None or int(found[2]) > 65_535:
        raise refuse(file, f"`metrics.listen` cannot be {quote(value)}", "write host:port, such as 127.0.0.1:9464")
    return found[1].strip("[]"), int(found[2])


def _span(file: Path, value: object, default: float | None) -> float | None:
    if value is None:
        return default
    if value == NEVER:
        return None
    found = _SPAN.fullmatch(str(value))
    if found is None:
        raise refuse(file, f"`notify.remind_after` cannot be {quote(value)}", "write `90m`, `4h`, `1d` or `never`")
    return float(int(found[1]) * _UNIT_S[found[2]])


def _credential(values: Mapping[str, object], name: str, place: Path) -> CredentialSource:
    command = values.get(f"{name}_command")
    return CredentialSource(
        file=_placed(values.get(f"{name}_file"), place),
        command=tuple(str(word) for word in command) if isinstance(command, list) else (),
        variable=str(values.get(f"{name}_variable") or ""),
    )


def _placed(value: object, place: Path) -> Path | None:
    return None if value is None else place / Path(str(value)).expanduser()


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) else default
