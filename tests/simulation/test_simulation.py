"""The engine in a world where every step may fail: nothing is lost, nothing is done twice, nothing is unnoticed."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from siminvariants import check
from simworld import WORDS, Case, Op, World
from warden.model.hub import DeliveryMeans

EVERY_KIND: tuple[Op, ...] = (
    *(("send", (word, "flex-auth", -1)) for word in WORDS),
    ("send", ("answer", "flex-auth", 0)),
    ("execute", None),
    ("send", ("answer", "flex-auth", 7)),
    ("dry", None),
    ("apply", None),
    ("execute", None),
)
"""Every kind of message, two in one thread, one that is planned again, and a plan that is applied."""


def play(case: Case, directory: Path) -> World:
    """Run a case in a directory of its own, heal it, check it; an error is one of the engine or of an invariant."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    world = World(case, directory)
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


def fails(case: Case, directory: Path) -> bool:
    """Whether the case fails."""
    try:
        play(case, directory)
    except Exception:  # noqa: BLE001 - whatever goes wrong is a failure
        return True
    return False


def smaller(case: Case, directory: Path) -> Case:
    """Return a case that still fails, with no fault and no operation that is not needed for it."""
    for step in list(case.faults):
        without = Case(case.means, case.ops, {s: f for s, f in case.faults.items() if s != step}, case.seed)
        if fails(without, directory):
            case = without
    for index in reversed(range(len(case.ops))):
        without = Case(case.means, case.ops[:index] + case.ops[index + 1 :], case.faults, case.seed)
        if fails(without, directory):
            case = without
    return case


def must_hold(case: Case, directory: Path) -> None:
    """Play a case; when it fails, fail with the smallest case that does, and its trace."""
    if not fails(case, directory):
        return
    small = smaller(case, directory)
    try:
        play(small, directory)
    except Exception as error:
        raise AssertionError(
            f"seed {case.seed}: {error!r}\nops: {small.ops}\nfaults: {dict(small.faults)}\nmeans: {small.means}\n"
            + "\n".join(getattr(error, "__notes__", []))
        ) from error
    raise AssertionError(f"seed {case.seed} failed, and did not when it was played again")


@pytest.mark.parametrize("means", list(DeliveryMeans))
def test_a_world_without_faults_handles_every_message(means: DeliveryMeans, disk: Path) -> None:
    """Without any fault every message ends as its kind asks for, on every kind of hub."""
    world = play(Case(means, EVERY_KIND), disk)
    assert world.lives == 2
    assert world.steps > 50


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize(("means", "seed"), [*((means, 0) for means in DeliveryMeans), (DeliveryMeans.NONE, 1)])
def test_a_fault_at_every_step_is_recovered_from(means: DeliveryMeans, seed: int, disk: Path) -> None:
    """Each step of a scenario goes wrong once in each way that it can: killed, refused, unanswered, torn."""
    menus = play(Case(means, EVERY_KIND, {}, seed), disk).menus
    for step, menu in enumerate(menus, start=1):
        for roll in range(menu):
            must_hold(Case(means, EVERY_KIND, {step: roll}, seed), disk)


def case_of(seed: int) -> Case:
    """The case that a seed stands for."""
    draw = random.Random(seed)
    means = draw.choice([DeliveryMeans.IDEMPOTENCY_KEY, DeliveryMeans.LOOKUP, DeliveryMeans.NONE])
    ops: list[Op] = []
    sent = 0
    for _ in range(draw.randint(4, 12)):
        roll = draw.random()
        if roll < 0.45 or not sent:
            sender = draw.choice(["flex-auth", "billing"])
            joins = draw.randrange(sent) if sent and draw.random() < 0.4 else -1
            ops.append(("send", (draw.choice(WORDS), sender, joins)))
            sent += 1
        elif roll < 0.75:
            ops.append(("execute", None))
        elif roll < 0.85:
            ops.append(("dry", None))
        elif roll < 0.92:
            ops.append(("apply", None))
        else:
            ops.append(("clock", draw.choice([1.0, 30.0, 3700.0, 86400.0, -60.0, -86400.0, 30 * 86400.0])))
    ops.append(("execute", None))
    faults = {draw.randint(1, 120): draw.randrange(60) for _ in range(draw.randint(1, 6))}
    return Case(means, tuple(ops), faults, seed)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_random_worlds_keep_the_invariants(seeds: int, disk: Path) -> None:
    """Seeded cases of mail, runs, plans, clock jumps and faults lose nothing and repeat nothing."""
    for seed in range(seeds):
        must_hold(case_of(seed), disk)
