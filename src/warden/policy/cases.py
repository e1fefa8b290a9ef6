"""Cases: requests with the decision that is expected, and how judging them went."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from warden.model.request import Decision, Effect, Request


@dataclass(frozen=True, slots=True)
class Case:
    """A request and what is expected: the effect, rule ids that must decide, whether it must be held for later."""

    name: str
    request: Request
    effect: Effect
    rules: tuple[str, ...] = ()
    throttled: bool | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A judged case; `failures` is empty when everything was as expected."""

    case: Case
    decision: Decision
    failures: tuple[str, ...]


def run_cases(cases: Iterable[Case], judge: Callable[[Request], Decision]) -> tuple[CaseResult, ...]:
    """Return how each case went, in their order."""
    return tuple(_run(case, judge(case.request)) for case in cases)


def _run(case: Case, decision: Decision) -> CaseResult:
    failures: list[str] = []
    if decision.effect is not case.effect:
        failures.append(f"expected {case.effect.word}, got {decision.effect.word}")
    failures.extend(f"rule {rule} did not decide" for rule in case.rules if rule not in decision.rule_ids)
    if case.throttled is not None and case.throttled is (decision.retry_after_s is None):
        failures.append("expected to be held for later" if case.throttled else "expected not to be held for later")
    return CaseResult(case, decision, tuple(failures))
