"""How fast the policy kernel judges, against cedarpy and casbin on an equivalent set of rules, in the same run.

    python bench/policy.py [--json]

Four sizes of rule set; each rule names one topic and one actor, as the rules of a fleet do. The request matches the last
rule, so nothing is won by stopping early. `kernel` is the charter with the bundle above it, `bundle` the bundle alone,
`scan` the bundle with rules that no index can tell apart (labels only, so that every one is tried). One process, one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

SIZES = (1, 20, 100, 1_000)
TOPIC = "job.warden.reply"


def measure(judge: Callable[[], object], seconds: float = 1.0) -> dict[str, float]:
    """Return the median and 99th percentile in microseconds, and judgements per second."""
    for _ in range(20):
        judge()
    taken: list[int] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter_ns()
        judge()
        taken.append(time.perf_counter_ns() - started)
    taken.sort()
    return {
        "p50_us": round(taken[len(taken) // 2] / 1_000, 2),
        "p99_us": round(taken[len(taken) * 99 // 100] / 1_000, 2),
        "per_second": round(len(taken) / sum(taken) * 1e9),
    }


def topic(number: int, size: int) -> str:
    """The topic of rule `number`: the last one is the request's."""
    return TOPIC if number == size - 1 else f"job.other.{number}"


def bundle_text(size: int, indexed: bool) -> str:
    """A bundle of so many rules; without `indexed`, they differ by a label only."""
    rules = []
    for number in range(size):
        actor = "ops-warden" if number == size - 1 else f"actor-{number}"
        match = f"topics: [{topic(number, size)}], actor_ids: [{actor}], labels: {{trust: token}}"
        if not indexed:
            match = f"labels: {{trust: {'token' if number == size - 1 else f'level-{number}'}}}"
        rules.append(f"  - {{id: r{number}, decision: allow, match: {{{match}}}}}")
    return "version: v1\nrules:\n" + "\n".join(rules) + "\n"


def warden_results(size: int) -> dict[str, dict[str, float]]:
    """Loading and judging with warden."""
    from charter_files import charter, charter_kernel
    from policy_matrix import base
    from warden.documents.bundle import load_bundle
    from warden.policy import Kernel, UnsafeBareKernel

    request = base("reply")
    text = bundle_text(size, indexed=True).encode()
    load_bundle(text, "p.yaml")
    started = time.perf_counter()
    bundle = load_bundle(text, "p.yaml")
    kernel = Kernel(charter(), [bundle])
    loaded = time.perf_counter() - started
    bare, scan = (
        UnsafeBareKernel([bundle]),
        UnsafeBareKernel([load_bundle(bundle_text(size, False).encode(), "p.yaml")]),
    )
    for judge in (kernel, bare, scan):
        assert judge.evaluate(request).effect.word == "allow"
    return {
        "kernel": {**measure(lambda: kernel.evaluate(request)), "load_ms": round(loaded * 1_000, 2)},
        "charter alone": measure(lambda: charter_kernel().evaluate(request)),
        "bundle": measure(lambda: bare.evaluate(request)),
        "scan": measure(lambda: scan.evaluate(request)),
    }


def cedar_results(size: int) -> dict[str, float] | None:
    """The same rules in Cedar, policies and schema parsed before; None without cedarpy."""
    try:
        import cedarpy
    except ImportError:
        return None
    text = "\n".join(
        f'permit(principal == Actor::"{"ops-warden" if number == size - 1 else f"actor-{number}"}", action, '
        f'resource == Topic::"{topic(number, size)}") when {{ context.trust == "token" }};'
        for number in range(size)
    )
    policies = cedarpy.PolicySet.from_str(text)
    asked = {
        "principal": 'Actor::"ops-warden"',
        "action": 'Action::"perform"',
        "resource": f'Topic::"{TOPIC}"',
        "context": {"trust": "token"},
    }
    entities = cedarpy.Entities.from_json_str("[]")
    assert cedarpy.is_authorized(asked, policies, entities).decision is cedarpy.Decision.Allow
    return measure(lambda: cedarpy.is_authorized(asked, policies, entities))


def casbin_results(size: int) -> dict[str, float] | None:
    """The same rules in casbin; None without it."""
    try:
        casbin: Any = import_module("casbin")
    except ImportError:
        return None
    model = casbin.Enforcer.new_model(
        text="""
[request_definition]
r = sub, obj, trust
[policy_definition]
p = sub, obj, trust
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.trust == p.trust
"""
    )
    enforcer = casbin.Enforcer(model)
    for number in range(size):
        enforcer.add_policy("ops-warden" if number == size - 1 else f"actor-{number}", topic(number, size), "token")
    assert enforcer.enforce("ops-warden", TOPIC, "token")
    return measure(lambda: enforcer.enforce("ops-warden", TOPIC, "token"))


def run() -> dict[str, Any]:
    """All results by size."""
    results: dict[str, Any] = {}
    for size in SIZES:
        results[str(size)] = {**warden_results(size), "cedarpy": cedar_results(size), "casbin": casbin_results(size)}
    return results


def main() -> int:
    """Print the table or JSON and return the exit status."""
    parser = argparse.ArgumentParser(description="measure the policy kernel")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit"))
    results = run()
    if options.json:
        print(json.dumps(results, indent=2))
        return 0
    print(
        f"{'rules':>6}  {'judge':<14}{'p50 us':>10}{'p99 us':>10}{'per second':>12}{'load ms':>9}{'p50 / kernel':>14}"
    )
    for size, judges in results.items():
        reference = judges["kernel"]["p50_us"]
        for name, found in judges.items():
            if found is None:
                print(f"{size:>6}  {name:<14}{'not installed':>20}")
                continue
            load = f"{found['load_ms']:>9.2f}" if "load_ms" in found else " " * 9
            numbers = f"{found['p50_us']:>10.2f}{found['p99_us']:>10.2f}{found['per_second']:>12.0f}"
            print(f"{size:>6}  {name:<14}{numbers}{load}{found['p50_us'] / reference:>14.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
