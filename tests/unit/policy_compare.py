"""Comparing the kernel with the naive model, pair by pair; `bench/fuzz_policy.py` uses it for long runs."""

from __future__ import annotations

import random
from typing import Any

import policy_model
from policy_random import random_bundles, random_request
from warden.documents.bundle import load_bundle
from warden.documents.emit import emit_yaml
from warden.documents.request import request_from_value
from warden.errors import DocumentError
from warden.model.request import UNCONSTRAINED, Constraints, Decision, Request
from warden.policy import UnsafeBareKernel

REQUESTS_PER_SET = 25


def to_request(fields: dict[str, Any]) -> Request:
    """The request as warden reads it."""

    def refuse(message: str, hint: str, path: tuple[str | int, ...]) -> DocumentError:
        return DocumentError(message, hint, str(path))

    return request_from_value(fields, refuse)


def flat(constraints: Constraints) -> dict[str, object]:
    """Constraints as the model writes them: flat, and only those that say something."""
    found: dict[str, object] = {}
    for name in Constraints.__slots__:
        value = getattr(constraints, name)
        if value != getattr(UNCONSTRAINED, name):
            found[name] = frozenset(value) if isinstance(value, tuple) else value
    return found


def seen(decision: Decision) -> dict[str, object]:
    """A decision in the model's terms."""
    return {
        "effect": int(decision.effect),
        "rules": set(decision.rule_ids),
        "constraints": flat(decision.constraints),
        "retry": decision.retry_after_s,
    }


def kernel_of(bundles: dict[str, dict[str, Any]]) -> UnsafeBareKernel:
    """A bare kernel of bundles that went through text: what is compared includes the loader."""
    return UnsafeBareKernel([load_bundle(emit_yaml(fields).encode(), name) for name, fields in bundles.items()])


def compare_pairs(seed: int, pairs: int) -> int:
    """Compare so many pairs and return how many were denied, so that a run that denies everything is noticed."""
    rng = random.Random(seed)
    denied = 0
    for _ in range(pairs // REQUESTS_PER_SET):
        bundles = random_bundles(rng)
        kernel = kernel_of(bundles)
        for _ in range(REQUESTS_PER_SET):
            fields = random_request(rng)
            request = to_request(fields)
            expected = policy_model.judge(bundles, fields)
            decision = kernel.evaluate(request)
            assert decision.errors == ()
            assert seen(decision) == expected, (bundles, fields)
            denied += decision.effect == 0
    return denied
