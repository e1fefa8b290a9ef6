"""What other people's schedulers need to call warden: systemd units, a cron line, Kubernetes objects.

What it does: fills the templates below with a place, a user and an interval; the files under deploy/ are these very
texts with the defaults (a test compares). What it does not: write a file, or ask whether the rollout's gate holds: every
text calls `worker run --scheduled`, which asks that itself, at each pass, and says how often it is called, so that it is
noticed when it is not. Rules: no template holds a
credential or a place for its value; every unit runs without root and writes to its state directory only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from textwrap import indent

from warden.errors import UsageError, quote
from warden.schedule.interval import parse_interval

# systemd.exec(5); `systemd-analyze security` gives a service with these an exposure below 2.
_HARDENING = """\
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=$home
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateUsers=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
"""

_IDENTITY = """\
User=$user
Group=$user
Environment=WARDEN_CONFIG=$config WARDEN_STATE_DIR=$state
$writable
# The hub's token, for `token_command = ["systemd-creds", "cat", "hub.token"]` under [hub] in config.toml:
# LoadCredential=hub.token:$secrets/hub.token
"""

_ONCE = (
    """\
[Unit]
Description=warden: one pass over the inbox of $agent
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=$program worker run --once --scheduled --every $interval --quiet --agent $agent
# 11: the cycle before is still at work, and this one leaves it in peace. 143: it was asked to stop, and did.
SuccessExitStatus=11 143
TimeoutStartSec=15min
KillSignal=SIGTERM
TimeoutStopSec=90
"""
    + _IDENTITY
    + _HARDENING
)

_TIMER = """\
[Unit]
Description=warden: every $interval

[Timer]
OnCalendar=$calendar
RandomizedDelaySec=${jitter}s
AccuracySec=1s
Persistent=true

[Install]
WantedBy=timers.target
"""

_LONG = (
    """\
[Unit]
Description=warden: a pass over the inbox of $agent every $interval
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart=$program worker run --every $interval --jitter ${jitter}s --agent $agent
ExecReload=/bin/sh -c "kill -HUP $$MAINPID"
# Asked to stop, it ends with this status.
SuccessExitStatus=143
Restart=on-failure
RestartSec=30
WatchdogSec=5min
TimeoutStopSec=90
"""
    + _IDENTITY
    + _HARDENING
    + """\

[Install]
WantedBy=multi-user.target
"""
)

_INTAKE = (
    """\
[Unit]
Description=warden: takes signed webhooks in for $agent
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=$program intake serve
Restart=on-failure
RestartSec=5
TimeoutStopSec=30
LimitNOFILE=4096
"""
    + _IDENTITY
    + """\
# The keys of sources, for `key_command = ["systemd-creds", "cat", "forge.key"]` under [intake.sources.NAME]:
# LoadCredential=forge.key:$secrets/forge.key
"""
    + _HARDENING
    + """\

[Install]
WantedBy=multi-user.target
"""
)

_CRON = """\
# warden: a pass over the inbox of $agent every $interval. Prints nothing when nothing happened, so that cron's mail is
# worth reading; executes only while the rollout's gate holds (`warden schedule status`).
WARDEN_CONFIG=$config
WARDEN_STATE_DIR=$state
$cron $program worker run --once --scheduled --every $interval --quiet --agent $agent
"""

_SECURITY = """\
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
"""

_CONTAINER = """\
image: $image
env:
  - {name: WARDEN_CONFIG, value: /etc/ops-warden/config.toml}
  - {name: WARDEN_STATE_DIR, value: /var/lib/ops-warden}
  # For `token_variable = "HUB_TOKEN"` under [hub] in config.toml. Files of a secret can be read by a group: refused.
  - name: HUB_TOKEN
    valueFrom: {secretKeyRef: {name: warden-credentials, key: hub-token, optional: true}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources:
  requests: {cpu: 50m, memory: 96Mi}
  limits: {memory: 384Mi}
volumeMounts:
  - {name: state, mountPath: /var/lib/ops-warden}
  - {name: configuration, mountPath: /etc/ops-warden, readOnly: true}
  - {name: scratch, mountPath: /tmp}
"""

_VOLUMES = """\
volumes:
  - {name: state, persistentVolumeClaim: {claimName: warden-state}}
  - {name: configuration, configMap: {name: warden-configuration}}
  - {name: scratch, emptyDir: {sizeLimit: 64Mi}}
"""

_CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: warden-state, labels: {app.kubernetes.io/name: warden}}
spec:
  accessModes: [ReadWriteOncePod]
  resources: {requests: {storage: 2Gi}}
"""

_CRON_JOB = (
    """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: warden, labels: {app.kubernetes.io/name: warden}}
spec:
  schedule: "$cron"
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 200
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      backoffLimit: 0
      activeDeadlineSeconds: 900
      template:
        metadata: {labels: {app.kubernetes.io/name: warden}}
        spec:
          restartPolicy: Never
          automountServiceAccountToken: false
          terminationGracePeriodSeconds: 90
"""
    + indent(_SECURITY, " " * 10)
    + """\
          containers:
            - name: warden
              args: [worker, run, --once, --scheduled, --every, "$interval", --agent, "$agent"]
"""
    + indent(_CONTAINER, " " * 14)
    + indent(_VOLUMES, " " * 10)
)

_DEPLOYMENT = (
    """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: warden, labels: {app.kubernetes.io/name: warden}}
spec:
  # One: the state directory is one worker's. A second would wait for the lock and do nothing.
  replicas: 1
  strategy: {type: Recreate}
  selector: {matchLabels: {app.kubernetes.io/name: warden}}
  template:
    metadata: {labels: {app.kubernetes.io/name: warden}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 90
"""
    + indent(_SECURITY, " " * 6)
    + """\
      containers:
        - name: warden
          args: [worker, run, --every, "$interval", --jitter, "${jitter}s", --agent, "$agent"]
          livenessProbe:
            exec: {command: [warden, status, --quiet]}
            initialDelaySeconds: 120
            periodSeconds: 120
            timeoutSeconds: 20
            failureThreshold: 5
"""
    + indent(_CONTAINER, " " * 10)
    + indent(_VOLUMES, " " * 6)
)

_WORD = re.compile(r"[A-Za-z0-9@+:./_-]+\Z")
USUAL_STATE = "/var/lib/ops-warden"
USUAL_INTERVAL = "5m"
HOMES = frozenset({"home", "root"})
"""First parts of the places that `ProtectHome=yes` would hide."""
_OWN_STATE = "StateDirectory=ops-warden\nStateDirectoryMode=0700"
JITTER_SHARE = 6
"""The interval divided by this is the longest random delay, at most a minute."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and as whom warden runs. Every text is one word without quotes or blanks; raises `UsageError` otherwise."""

    program: str = "/usr/local/bin/warden"
    agent: str = "ops-warden"
    user: str = "warden"
    config: str = "/etc/ops-warden/config.toml"
    state: str = USUAL_STATE
    interval: str = USUAL_INTERVAL
    image: str = "ops-warden:latest"

    def __post_init__(self) -> None:
        for name in ("program", "agent", "user", "config", "state", "image"):
            value = getattr(self, name)
            if not _WORD.match(value):
                raise UsageError(f"{name} {quote(value)} cannot stand in a unit", "use letters, digits and `./_-@`")
        parse_interval(self.interval)


def systemd_units(placement: Placement) -> Mapping[str, str]:
    """Return a service for one pass and, last, the timer that starts it, by file name; raises `UsageError` as `cron_table`."""
    values = _values(placement) | {"calendar": calendar_expression(placement.interval)}
    return {"warden.service": _fill(_ONCE, values), "warden.timer": _fill(_TIMER, values)}


def systemd_worker(placement: Placement) -> Mapping[str, str]:
    """Return the service of a worker that keeps going and looks at the clock itself, by file name."""
    return {"warden-worker.service": _fill(_LONG, _values(placement))}


def systemd_intake(placement: Placement) -> Mapping[str, str]:
    """Return the service that takes webhooks in, by file name."""
    return {"warden-intake.service": _fill(_INTAKE, _values(placement))}


def cron_table(placement: Placement) -> str:
    """Return lines for crontab(5); raises `UsageError` for an interval that a calendar cannot say evenly."""
    return _fill(_CRON, _values(placement) | {"cron": cron_expression(placement.interval)})


def kubernetes_job(placement: Placement) -> str:
    """Return a CronJob and its volume claim; raises `UsageError` as `cron_table`."""
    values = _values(placement) | {"cron": cron_expression(placement.interval)}
    return _fill(_CRON_JOB, values) + "---\n" + _CLAIM


def kubernetes_worker(placement: Placement) -> str:
    """Return a Deployment of a worker that keeps going, and its volume claim."""
    return _fill(_DEPLOYMENT, _values(placement)) + "---\n" + _CLAIM


def cron_expression(interval: str) -> str:
    """Return the five fields of crontab(5) that come round in each interval; raises `UsageError` when none do evenly."""
    minutes, hours = _even(interval)
    if hours:
        return "0 0 * * *" if hours == 24 else "0 * * * *" if hours == 1 else f"0 */{hours} * * *"
    return "* * * * *" if minutes == 1 else f"*/{minutes} * * * *"


def calendar_expression(interval: str) -> str:
    """Return the same for systemd.time(7)."""
    minutes, hours = _even(interval)
    if hours:
        return "*-*-* 00:00:00" if hours == 24 else f"*-*-* 0/{hours}:00:00"
    return f"*-*-* *:0/{minutes}:00"


def _even(interval: str) -> tuple[int, int]:
    """Return the interval as a whole part of an hour in minutes, or of a day in hours; the other number is 0."""
    minutes, seconds = divmod(parse_interval(interval), 60)
    if not seconds and minutes < 60 and 60 % minutes == 0:
        return minutes, 0
    hours, minutes = divmod(minutes, 60)
    if not seconds and not minutes and hours <= 24 and 24 % hours == 0:
        return 0, hours
    raise UsageError(
        f"a calendar cannot say {quote(interval)} evenly",
        "take a whole part of an hour or of a day: 5m, 15m, 1h, 6h, 1d; `warden worker run --every` takes any",
    )


def _values(placement: Placement) -> dict[str, str]:
    seconds = parse_interval(placement.interval)
    own = placement.state == USUAL_STATE
    places = (placement.program, placement.config, placement.state)
    homes = any(place.strip("/").partition("/")[0] in HOMES for place in places)
    return {
        "home": "read-only" if homes else "yes",
        "writable": _OWN_STATE if own else f"ReadWritePaths={placement.state}",
        "program": placement.program,
        "agent": placement.agent,
        "user": placement.user,
        "config": placement.config,
        "secrets": placement.config.rpartition("/")[0] or "/",
        "state": placement.state,
        "interval": placement.interval,
        "image": placement.image,
        "jitter": str(min(60, seconds // JITTER_SHARE)),
    }


def _fill(template: str, values: Mapping[str, str]) -> str:
    return Template(template).substitute(values)
