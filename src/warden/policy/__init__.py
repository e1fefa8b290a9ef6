"""The kernel: a pure function from (charter, bundles, request) to a decision that can only be tightened.

What it does: judges one request against the charter and every loaded bundle, combines the answers with the meet of
DESIGN section 5, and explains, lints, compares and remediates such judgements. What it does not: read files, parse
documents, know the time, count anything, deliver anything; rates and other numbers arrive as facts in the request.

Rules:

1. Each layer answers alone; the kernel's answer is the meet of all answers. The meet is associative, commutative and
   idempotent, so adding a layer can only shrink what is allowed, and the order of loading means nothing.
2. Every error while judging is a deny that names the layer.
3. A fact that is missing makes a restricting rule match and an allowing rule not match.
4. `explain` and `evaluate` run the same checks: there is one definition of what a rule means.
"""

from warden.model.request import VelocityKey
from warden.policy.bundle import ABSTAIN, Bundle, Match, McpMatch, Rule, TenantPolicy, Velocity
from warden.policy.charter import Charter, CharterMatch, CharterRule, Kind, Limits, Tier
from warden.policy.kernel import Kernel, UnsafeBareKernel
from warden.policy.layer import Layer

__all__ = [
    "ABSTAIN",
    "Bundle",
    "Charter",
    "CharterMatch",
    "CharterRule",
    "Kernel",
    "Kind",
    "Layer",
    "Limits",
    "Match",
    "McpMatch",
    "Rule",
    "TenantPolicy",
    "Tier",
    "UnsafeBareKernel",
    "Velocity",
    "VelocityKey",
]
