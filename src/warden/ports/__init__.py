"""The ports: what the engine needs of the world, as Protocols.

What it does: names each capability once, as small as its one user needs it. What it does not: implement anything.
Rules: only `model` and `errors` are known here; every port has a fake or a real in-memory form in `warden.testing`, and
one contract suite there that the real thing and the fake both pass; a port's docstring says which errors may come out,
and nothing else may.
"""

from warden.ports.stores import LedgerStore, LockStore, ReviewStore, Witness
from warden.ports.world import (
    AnswerSource,
    Brain,
    Channel,
    Clock,
    Hub,
    HubReader,
    HubWriter,
    ModelBrain,
    OrderBook,
    PolicyKernel,
    Pool,
    Redactor,
    Reporter,
    Scanner,
    StopSignal,
)

__all__ = [
    "AnswerSource",
    "Brain",
    "Channel",
    "Clock",
    "Hub",
    "HubReader",
    "HubWriter",
    "LedgerStore",
    "LockStore",
    "ModelBrain",
    "OrderBook",
    "PolicyKernel",
    "Pool",
    "Redactor",
    "Reporter",
    "ReviewStore",
    "Scanner",
    "StopSignal",
    "Witness",
]
