"""Playing a case to its end, and saying of one that fails as little as shows it."""

from __future__ import annotations

import shutil
from pathlib import Path

from simcase import Case
from simfaults import FailingHub
from siminvariants import check
from simworld import World


def play(case: Case, directory: Path, hub: type[FailingHub] = FailingHub) -> World:
    """Run a case in a directory of its own, heal it, check it; an error is one of the engine or of an invariant."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    world = World(case, directory, hub)
    try:
        world.run()
        world.heal()
        check(world)
    except Exception as error:
        error.add_note("\n".join(world.trace))
        raise
    finally:
        world.store.close()
    return world


def fails(case: Case, directory: Path, hub: type[FailingHub] = FailingHub) -> bool:
    """Whether the case fails."""
    try:
        play(case, directory, hub)
    except Exception:  # noqa: BLE001 - whatever goes wrong is a failure
        return True
    return False


def smaller(case: Case, directory: Path, hub: type[FailingHub] = FailingHub) -> Case:
    """Return a case that still fails, with no fault and no operation that is not needed for it."""
    for step in list(case.faults):
        without = Case(case.means, case.ops, {s: f for s, f in case.faults.items() if s != step}, case.seed)
        if fails(without, directory, hub):
            case = without
    for index in reversed(range(len(case.ops))):
        without = Case(case.means, case.ops[:index] + case.ops[index + 1 :], case.faults, case.seed)
        if fails(without, directory, hub):
            case = without
    return case


def must_hold(case: Case, directory: Path, hub: type[FailingHub] = FailingHub) -> World:
    """Play a case; when it fails, fail with the smallest case that does, how it is replayed, and its trace."""
    try:
        return play(case, directory, hub)
    except Exception:  # noqa: BLE001 - whatever goes wrong is a failure
        raise _smallest(case, directory, hub) from None


def _smallest(case: Case, directory: Path, hub: type[FailingHub]) -> AssertionError:
    small = smaller(case, directory, hub)
    try:
        play(small, directory, hub)
    except Exception as error:  # noqa: BLE001 - as above
        trace = "\n".join(getattr(error, "__notes__", []))
        again = f"pytest tests/simulation -k replayed --replay '{small.to_json()}'"
        return AssertionError(f"seed {case.seed}: {error!r}\n{again}\n{trace}")
    return AssertionError(f"seed {case.seed} failed, and did not when it was played again: {case.to_json()}")
