"""What passes between the engine and a brain that asks a model: context, usage, and what one consultation gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warden.model.message import BrainInput
    from warden.model.plan import Plan

PER_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """What tokens cost, in millionths of the operator's currency per million tokens (0.15 a million is 150 000)."""

    prompt_microunits: int
    completion_microunits: int

    def cost(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Return the cost in millionths of the currency, rounded up."""
        total = prompt_tokens * self.prompt_microunits + completion_tokens * self.completion_microunits
        return -(-total // PER_MILLION)


@dataclass(frozen=True, slots=True)
class Usage:
    """What was, or at most will be, spent. `calls` counts requests to the model, repeated ones included.

    `cost_microunits` is None when no price is known. Tokens that the model did not report are estimated from sizes.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_microunits: int | None = None
    wall_ms: int = 0


NOTHING_USED = Usage()


@dataclass(frozen=True, slots=True)
class LayerManifest:
    """One layer of a prompt, without its text: `digest` and `size_bytes` are those of the redacted and cut text, `cut` says
    that the text was longer, `redactions` counts what the guard took out, by kind."""

    name: str
    digest: str
    size_bytes: int
    cut: bool = False
    redactions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContextManifest:
    """The layers of a prompt in their order, and a digest over all of them."""

    digest: str
    layers: tuple[LayerManifest, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message that is ready to be shown to a model.

    `input_digest` covers message, thread, brain, catalogue and charter: an answer kept under it is the answer to this very
    question (DESIGN invariant 9). `context_texts` are the redacted, cut texts of the layers, each under the digest that its
    layer names. `estimate` is what one call costs at most, for budgets; a repeated call adds to what is used. `fallback` is
    the rule brain's plan, for when the model is not asked or gives nothing.
    """

    given: BrainInput
    input_digest: str
    manifest: ContextManifest
    context_texts: Mapping[str, str]
    estimate: Usage
    fallback: Plan


@dataclass(frozen=True, slots=True)
class Consultation:
    """What one consultation gave.

    `answer` is what to keep of the model's answer: an opaque text, redacted, from which `ModelBrain.replay` makes the same
    plan; None when no answer came, so that the model may be asked again. `fallback_reason` is empty when the plan is the
    model's own; otherwise a reason code says why the model was not used or why its answer was refused. `alert` is a sentence
    for the operator when the model cannot be used until somebody acts (a refused credential), else empty.
    """

    plan: Plan
    answer: str | None
    manifest: ContextManifest
    usage: Usage
    fallback_reason: str = ""
    context_texts: Mapping[str, str] = field(default_factory=dict)
    alert: str = ""
