"""`warden policy snapshots|diff|rollback`: the sets of policies that were in force, and going back to one."""

from __future__ import annotations

import difflib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli.flags import ConfigFlag, DetailedExitcodeFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.output import print_json, talk
from warden.cli.policy_output import table
from warden.cli.policy_parts import policy_history, policy_trust
from warden.cli.render import visible
from warden.errors import EXIT_DONE, EXIT_FOUND, WardenError

if TYPE_CHECKING:
    from warden.config.policy_history import PolicyFile
    from warden.config.settings import Settings

CURRENT = "current"


def snapshots(as_json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None) -> int:
    """List the sets of policies that were in force, newest first."""
    from warden.cli.compose import load_settings

    settings = load_settings(config=config, state_dir=state_dir)
    kept = policy_history(settings).sets()
    if as_json:
        rows = [
            {
                "digest": item.digest,
                "kept_at": _moment(item.kept_at),
                "last_good": item.last_good,
                "files": list(item.names),
            }
            for item in kept
        ]
        print_json({"schema": "warden.policy-snapshots/1", "snapshots": rows})
    else:
        lines = table(
            (
                item.digest.removeprefix("sha256:")[:16],
                _moment(item.kept_at),
                "last good" if item.last_good else "",
                ", ".join(item.names) or "(no files)",
            )
            for item in kept
        )
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    return EXIT_DONE


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _resolve(settings: Settings, name: str) -> tuple[PolicyFile, ...]:
    """Return the set that a person names: `current`, a file or directory, or the beginning of a kept set's digest."""
    from warden.config.policies import read_policy_dir, read_policy_file

    if name == CURRENT:
        return read_policy_dir(settings.policy.dir)
    path = Path(name)
    if path.is_dir():
        return read_policy_dir(path)
    return (read_policy_file(path),) if path.is_file() else policy_history(settings).find(name)


def _meaning(file: PolicyFile) -> list[str]:
    """Return what a file says in canonical form; for one that cannot be read as a bundle, its own lines."""
    from warden.documents.bundle import dump_bundle
    from warden.documents.policy_file import load_policy
    from warden.policy import Bundle

    try:
        layer = load_policy(file.data, file.name)
    except WardenError:
        layer = None
    text = dump_bundle(layer) if isinstance(layer, Bundle) else file.data.decode("utf-8", "replace")
    return text.splitlines()


def _differences(before: tuple[PolicyFile, ...], after: tuple[PolicyFile, ...]) -> dict[str, list[str]]:
    old = {file.name: file for file in before}
    new = {file.name: file for file in after}
    if len(old) == len(new) == 1:  # two single files are compared whatever they are called
        name = next(iter(new))
        old = {name: next(iter(old.values()))}
    found: dict[str, list[str]] = {}
    for name in sorted({*old, *new}):
        one, other = (_meaning(side[name]) if name in side else [] for side in (old, new))
        changed = list(difflib.unified_diff(one, other, f"a/{name}", f"b/{name}", lineterm=""))
        if changed:
            found[name] = changed
    return found


def diff(
    a: Annotated[str, typer.Argument(help="A snapshot, a file, a directory, or `current`.", metavar="A")],
    b: Annotated[str, typer.Argument(help="What to compare it with.", metavar="B")] = CURRENT,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    detailed_exitcode: DetailedExitcodeFlag = False,
) -> int:
    """Show how two sets of policies differ in meaning: comments, order of keys and spelling do not count."""
    from warden.cli.compose import load_settings

    settings = load_settings(config=config, state_dir=state_dir)
    found = _differences(_resolve(settings, a), _resolve(settings, b))
    if as_json:
        print_json({"schema": "warden.policy-diff/1", "files": found})
    else:
        sys.stdout.write("".join(f"{visible(line)}\n" for lines in found.values() for line in lines))
    return EXIT_FOUND if detailed_exitcode and found else EXIT_DONE


def rollback(
    snapshot: Annotated[str, typer.Argument(help="Beginning of the digest of a kept set.", metavar="SNAPSHOT")],
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Put a kept set of policies back into the policy directory; what was there is kept as a snapshot first."""
    from warden.cli.compose import load_settings
    from warden.config.policies import load_files, read_policy_dir
    from warden.config.policy_history import restore, set_digest
    from warden.config.signatures import SIGNATURE_SUFFIX

    settings = load_settings(config=config, state_dir=state_dir)
    history = policy_history(settings)
    files = history.find(snapshot)
    load_files(files, policy_trust(settings))
    replaced = history.keep(read_policy_dir(settings.policy.dir), good=False)
    restore(settings.policy.dir, files, SIGNATURE_SUFFIX)
    history.keep(files)
    if as_json:
        print_json({"schema": "warden.policy-rollback/1", "restored": set_digest(files), "replaced": replaced})
    else:
        talk(f"the replaced set is kept as {replaced.removeprefix('sha256:')[:16]}", quiet)
        sys.stdout.write("".join(f"{visible(file.name)}\n" for file in files))
    return EXIT_DONE
