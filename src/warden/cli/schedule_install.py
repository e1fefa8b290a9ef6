"""`warden schedule install`: what systemd, cron or Kubernetes need to call warden, for this machine's places."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from warden.cli import compose
from warden.cli.flags import AgentFlag, ConfigFlag, StateDirFlag
from warden.cli.identity import user_name
from warden.cli.output import talk
from warden.cli.render import visible
from warden.config.load import config_place
from warden.config.settings import Settings
from warden.errors import InputError, StateError, UsageError, quote
from warden.schedule import units

SYSTEM_UNITS = Path("/etc/systemd/system")
MODE = 0o644

SystemdFlag = Annotated[bool, typer.Option("--systemd", help="A service and its timer.")]
CronFlag = Annotated[bool, typer.Option("--cron", help="A line for crontab(5).")]
KubernetesFlag = Annotated[bool, typer.Option("--k8s", help="A CronJob and its volume claim.")]
KeepGoingFlag = Annotated[
    bool, typer.Option("--keep-going", help="One process that looks at the clock itself, instead of one a pass.")
]
EveryFlag = Annotated[
    str | None, typer.Option("--every", metavar="INTERVAL", help="How often: 1m, 5m, 1h; as configured, else 5m.")
]
UserFlag = Annotated[str | None, typer.Option("--user", metavar="NAME", help="Who runs it; you, by default.")]
ImageFlag = Annotated[str, typer.Option("--image", metavar="NAME", help="The container image, for --k8s.")]
DirectoryFlag = Annotated[Path, typer.Option("--directory", metavar="DIR", help="Where units go.")]
PrintFlag = Annotated[bool, typer.Option("--print", help="Print instead of writing files.")]


def install(
    systemd: SystemdFlag = False,
    cron: CronFlag = False,
    k8s: KubernetesFlag = False,
    keep_going: KeepGoingFlag = False,
    every: EveryFlag = None,
    user: UserFlag = None,
    image: ImageFlag = "ops-warden:latest",
    directory: DirectoryFlag = SYSTEM_UNITS,
    print_only: PrintFlag = False,
    agent: AgentFlag = None,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Write or print what starts warden: units for systemd, a line for cron, or objects for Kubernetes.

    All of them call `warden worker run --scheduled`, which executes only while the rollout's gate holds. Units are written
    to --directory and never over a file with another content; nothing is enabled or started. A crontab and a cluster are
    yours: for those the text is printed.
    """
    if systemd + cron + k8s != 1:
        raise UsageError("say for what: one of --systemd, --cron and --k8s", "see `warden schedule install --help`")
    settings = compose.load_settings(config, state_dir, agent=agent)
    interval = every or settings.schedule.every or units.USUAL_INTERVAL
    files = _texts(_placement(settings, config, interval, user, image), systemd, k8s, keep_going)
    if print_only or not systemd:
        for name, text in files.items():
            if len(files) > 1:
                typer.echo(f"# {name}")
            typer.echo(text, nl=False)
        return
    for name, text in files.items():
        talk(f"{_write(directory / name, text)}  {visible(str(directory / name))}")
    talk(f"next: systemctl daemon-reload && systemctl enable --now {list(files)[-1]}")


def _texts(placement: units.Placement, systemd: bool, k8s: bool, keep_going: bool) -> Mapping[str, str]:
    if systemd:
        return units.systemd_worker(placement) if keep_going else units.systemd_units(placement)
    if k8s:
        text = units.kubernetes_worker(placement) if keep_going else units.kubernetes_job(placement)
        return {"warden.yaml": text}
    if keep_going:
        raise UsageError("cron starts one process a pass", "leave --keep-going out, or use --systemd")
    return {"crontab": units.cron_table(placement)}


def _placement(settings: Settings, config: Path | None, every: str, user: str | None, image: str) -> units.Placement:
    program = shutil.which("warden") or sys.argv[0]
    return units.Placement(
        program=str(Path(program).absolute()),
        agent=settings.agent,
        user=user or user_name(),
        config=str(settings.config_file or config_place(config)),
        state=str(settings.state_dir),
        interval=every,
        image=image,
    )


def _write(path: Path, text: str) -> str:
    """Write the file unless it is there; raises `InputError` when it says something else."""
    try:
        if path.exists():
            if path.read_text("utf-8", "replace") == text:
                return "kept"
            raise InputError(f"{quote(path)} exists and says something else", "compare with --print, or remove it")
        path.write_text(text, "utf-8")
        path.chmod(MODE)
    except OSError as error:
        hint = "run it as root, name another place with --directory, or use --print"
        raise StateError(f"cannot write {quote(path)}: {(error.strerror or '').lower()}", hint) from error
    return "made"
