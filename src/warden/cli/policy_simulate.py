"""`warden policy simulate`: what a candidate policy would change, against cases or against past decisions.

Nothing is recorded: past requests come with the counts that they had, and no count is changed by judging them again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli.flags import ConfigFlag, DetailedExitcodeFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.output import print_json, talk
from warden.cli.policy_output import decision_document, summary, table
from warden.cli.policy_parts import load_checked_charter, load_layers_from, load_policy_set, lowered_limits, read_input
from warden.errors import EXIT_DONE, EXIT_FOUND, DocumentError

if TYPE_CHECKING:
    import sqlite3

    from warden.config.settings import Settings
    from warden.model.request import Request
    from warden.policy import Bundle, Kernel, Layer
    from warden.policy.simulate import Change

DECIDED = "decided"


def simulate(
    candidate: Annotated[list[Path], typer.Argument(help="The candidate policy files.", metavar="FILE...")],
    cases: Annotated[
        Path | None,
        typer.Option(
            "--cases", help="Judge the cases of this file instead of the ledger's past decisions.", metavar="FILE"
        ),
    ] = None,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
    detailed_exitcode: DetailedExitcodeFlag = False,
) -> int:
    """Show what candidate policies would change; one that is called like a policy in force stands in its place."""
    from warden.cli.compose import load_settings
    from warden.policy.simulate import Direction, compare

    settings = load_settings(config=config, state_dir=state_dir)
    before, after = _kernels(settings, candidate)
    skipped: list[int] = []
    requests = _from_cases(cases) if cases is not None else past_requests(settings, skipped)
    changes = compare(requests, before.evaluate, after.evaluate)
    changed = [change for change in changes if change.direction is not Direction.UNCHANGED]
    if skipped:
        talk(f"warning: {len(skipped)} past decisions have no request kept any more", quiet)
    if as_json:
        print_json(simulation_document(changes, len(skipped), before.snapshot, after.snapshot))
    else:
        sys.stdout.write("\n".join(_lines(changes, changed)) + "\n")
    return EXIT_FOUND if detailed_exitcode and changed else EXIT_DONE


def _kernels(settings: Settings, candidate: list[Path]) -> tuple[Kernel, Kernel]:
    return kernels_with(settings, load_layers_from(candidate))


def kernels_with(settings: Settings, new: Sequence[Bundle | Layer]) -> tuple[Kernel, Kernel]:
    """Return the kernel in force, and one with candidate layers, each in the place of one of its name."""
    from warden.policy import Kernel

    charter, limits = load_checked_charter(settings), lowered_limits(settings)
    in_force = load_policy_set(settings, remember=False).layers
    names = {layer.name for layer in new}
    kept = [layer for layer in in_force if layer.name not in names]
    return Kernel(charter, in_force, limits), Kernel(charter, [*kept, *new], limits)


def _from_cases(path: Path) -> list[tuple[str, Request]]:
    from warden.documents.cases import load_cases

    return [(case.name, case.request) for case in load_cases(read_input(path), path.name)]


def past_requests(settings: Settings, skipped: list[int]) -> Iterator[tuple[str, Request]]:
    """Yield the request of every past decision whose request is still kept; the numbers of the others go to `skipped`."""
    from warden.cli.compose import read_ledger
    from warden.documents.request import request_from_json

    ledger = read_ledger(settings)
    try:
        for number, digest in ledger.read(_decisions):
            data = ledger.blob(digest)
            try:
                if data is None:
                    skipped.append(number)
                else:
                    yield str(number), request_from_json(data)
            except DocumentError:
                skipped.append(number)
    finally:
        ledger.close()


def _decisions(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for number, raw in connection.execute("SELECT seq, raw FROM entries ORDER BY seq"):
        entry = json.loads(raw)
        digest = entry.get("fields", {}).get("request_digest") if entry.get("kind") == DECIDED else None
        if isinstance(digest, str):
            found.append((number, digest))
    return found


def simulation_document(changes: tuple[Change, ...], skipped: int, before: str, after: str) -> dict[str, object]:
    """Return what would change as JSON values of schema `warden.policy-simulation/1`."""
    counts: dict[str, int] = {}
    for change in changes:
        counts[change.direction.value] = counts.get(change.direction.value, 0) + 1
    return {
        "schema": "warden.policy-simulation/1",
        "snapshot_before": before,
        "snapshot_after": after,
        "judged": len(changes),
        "skipped": skipped,
        "counts": counts,
        "changes": [
            {
                "request": change.name,
                "direction": change.direction.value,
                "before": decision_document(change.before),
                "after": decision_document(change.after),
            }
            for change in changes
            if change.direction.value != "unchanged"
        ],
    }


def _lines(changes: tuple[Change, ...], changed: list[Change]) -> list[str]:
    rows = [(item.name, item.direction.value, item.before.effect.word, summary(item.after)) for item in changed]
    head = [("request", "change", "before", "after")] if rows else []
    return [*table([*head, *rows]), f"{len(changes)} judged, {len(changed)} would change"]
