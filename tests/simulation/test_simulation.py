"""The engine in a world where every step may fail: nothing is lost, nothing is done twice, nothing is unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from simcase import PAIRS, WORDS, Case, Op, case_of, pairs_for
from simfaults import MENUS, ForgetfulHub
from simplay import must_hold, play
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


def two_at_once(pair: str) -> tuple[Op, ...]:
    """Mail that two processes find at once, and then what one of them may have left to both."""
    second: tuple[Op, ...] = (("send_second", "answer"),) if pair == "two agents" else ()
    mail: tuple[Op, ...] = (("send", ("both", "flex-auth", -1)), ("send", ("escalate", "flex-auth", -1)))
    return (*mail, *second, ("pair", pair), ("pair", pair))


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
    every_fault(Case(means, EVERY_KIND, {}, seed), disk)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("pair", PAIRS)
def test_a_fault_at_every_step_of_two_processes_is_recovered_from(pair: str, disk: Path) -> None:
    """Two runs at once, with the lock, without it, and for two agents on one ledger: each step goes wrong in each way."""
    every_fault(Case(DeliveryMeans.IDEMPOTENCY_KEY, two_at_once(pair), {}, 5), disk)


def every_fault(case: Case, directory: Path) -> None:
    """Play a case once for each step and each thing that can go wrong at it."""
    for step, name in enumerate(play(case, directory).names, start=1):
        size = len(MENUS[name])
        for roll in range(size):
            # The disk is torn in another way at each step.
            must_hold(Case(case.means, case.ops, {step: roll + size * step}, case.seed), directory)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_random_worlds_keep_the_invariants(seeds: range, disk: Path) -> None:
    """Seeded cases of mail, runs, two runs at once, plans, clock jumps and faults lose nothing and repeat nothing."""
    for seed in seeds:
        must_hold(case_of(seed), disk)


def test_every_fault_of_the_plan_is_met_by_random_worlds() -> None:
    """What can go wrong, and every way of being two at once, comes up among the first seeds: nothing is only on paper."""
    cases = [case_of(seed) for seed in range(300)]
    pairs = {argument for case in cases for name, argument in case.ops if name == "pair"}
    assert pairs == set(PAIRS)
    assert {pair for case in cases for name, pair in case.ops if name == "pair"} >= set(pairs_for(DeliveryMeans.LOOKUP))
    rolls = {roll for case in cases for roll in case.faults.values()}
    for menu in MENUS.values():
        assert {roll % len(menu) for roll in rolls} == set(range(len(menu)))


def test_a_case_is_replayed_from_its_text(case: Case, disk: Path) -> None:
    """`--replay TEXT` plays what a failure printed; the same text always takes the same steps."""
    again = Case.from_json(case.to_json())
    first, second = play(case, disk), play(again, disk)
    assert (first.trace, first.names) == (second.trace, second.names)


def test_a_read_mark_that_was_perhaps_set_a_month_ago_is_left_to_a_person(disk: Path) -> None:
    """Its answer was lost, and nobody asked again in time: the message is held, whatever the hub shows."""
    ops: tuple[Op, ...] = (("send", ("read", "flex-auth", 0)), ("execute", None), ("clock", 30 * 86400.0))
    play(Case(DeliveryMeans.IDEMPOTENCY_KEY, ops, {7: 65}, 1540), disk)


def test_a_hub_that_breaks_its_word_is_found_out(disk: Path) -> None:
    """A hub that takes one key twice makes a reply double: the simulation says so, with a smallest case that shows it."""
    case = Case(
        DeliveryMeans.IDEMPOTENCY_KEY,
        (
            ("send", ("note", "billing", -1)),
            ("send", ("answer", "flex-auth", -1)),
            ("execute", None),
            ("execute", None),
        ),
        {9: 0, 40: 0, **dict.fromkeys(range(10, 14), 1)},
    )
    with pytest.raises(AssertionError, match="--replay") as caught:
        must_hold(case, disk, ForgetfulHub)
    text = next(line for line in str(caught.value).splitlines() if "--replay" in line)
    small = Case.from_json(text.partition("'")[2].rpartition("'")[0])
    assert len(small.ops) <= len(case.ops)
    assert len(small.faults) < len(case.faults)
    with pytest.raises(AssertionError, match="has 2 of 1"):
        play(small, disk, ForgetfulHub)
