"""What a simulated world is told: a case, the text that it is replayed from, and the case that a seed stands for."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from warden.model.hub import DeliveryMeans

WORDS = ("answer", "reply", "note", "read", "escalate", "both", "garbage", "later")
"""What a message begins with: what the brain will make of it."""
PAIRS = ("one agent, locked", "one agent, not locked", "two agents")
"""How two processes run at once: the lock keeps one out; the lock fails; each has an agent of its own."""

Op = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """What happens (`ops`), and at which steps something goes wrong (`faults`: step to a number that picks what and how)."""

    means: DeliveryMeans
    ops: tuple[Op, ...]
    faults: Mapping[int, int] = field(default_factory=dict)
    seed: int = 0

    def to_json(self) -> str:
        """Return the case as one line, to be replayed."""
        faults = {str(step): roll for step, roll in sorted(self.faults.items())}
        return json.dumps({"means": self.means.value, "seed": self.seed, "faults": faults, "ops": self.ops})

    @classmethod
    def from_json(cls, text: str) -> Case:
        """Return the case that `to_json` wrote."""
        given = json.loads(text)
        ops = tuple((name, tuple(item) if isinstance(item, list) else item) for name, item in given["ops"])
        faults = {int(step): roll for step, roll in given["faults"].items()}
        return cls(DeliveryMeans(given["means"]), ops, faults, given["seed"])


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
        elif roll < 0.65:
            ops.append(("execute", None))
        elif roll < 0.77:
            ops += _pair(draw, means)
        elif roll < 0.80:
            ops.append(("full", draw.randrange(150_000)))
        elif roll < 0.87:
            ops.append(("dry", None))
        elif roll < 0.92:
            ops.append(("apply", None))
        else:
            ops.append(("clock", draw.choice([1.0, 30.0, 3700.0, 86400.0, -60.0, -86400.0, 30 * 86400.0])))
    ops.append(("execute", None))
    faults = {draw.randint(1, 120): draw.randrange(600) for _ in range(draw.randint(1, 6))}
    return Case(means, tuple(ops), faults, seed)


def pairs_for(means: DeliveryMeans) -> tuple[str, ...]:
    """Return the ways in which two processes may run at once on such a hub.

    Where an earlier attempt can only be looked up, two runs that nothing keeps apart may both look before either has
    delivered: there the lock is needed, and its failure is not promised to be harmless.
    """
    return tuple(pair for pair in PAIRS if means is not DeliveryMeans.LOOKUP or pair != "one agent, not locked")


def _pair(draw: random.Random, means: DeliveryMeans) -> list[Op]:
    pair = draw.choice(pairs_for(means))
    second: list[Op] = [("send_second", draw.choice(WORDS))] if pair == "two agents" else []
    return [*second, ("pair", pair)]
