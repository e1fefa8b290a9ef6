"""Writes the policy matrix: for each kind of action and each combination of facts, what the charter decides and by which
rules. `python tests/unit/policy_matrix.py` rewrites `tests/golden/policy_matrix.txt`; a person reads the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from charter_files import charter, charter_kernel
from warden.model.request import Decision, Request

FILE = Path(__file__).parents[1] / "golden" / "policy_matrix.txt"
HEADER = "# kind | facts | decision | rules that decided\n"
LABELS = {
    "recipient": "asker",
    "sender": "asker",
    "recipient_is_sender": "true",
    "hub_authenticated": "true",
    "trust": "token",
    "text_source": "catalog",
}
COUNTS = dict.fromkeys(
    ("body_bytes", "actions_in_message", "actions_in_run", "replies_in_thread_hour", "replies_to_sender_hour", "hops"),
    0,
)
TAGS = ("asks_secret", "asks_change", "instructs_worker", "secret_received", "automatic", "from_self", "over_hops")
UNKNOWN_KIND = "delete_branch"


def base(kind: str) -> Request:
    """A request of this kind with every fact in order."""
    known = charter().kinds.get(kind)
    return Request(
        topic=f"job.warden.{kind}",
        capability=known.capability if known else "unknown",
        actor_id="ops-warden",
        actor_type="agent",
        labels=LABELS,
        counts=COUNTS,
        secrets_present=False,
    )


def labelled(request: Request, **labels: str) -> Request:
    """The request with these labels changed."""
    return replace(request, labels={**request.labels, **labels})


def counted(request: Request, **counts: int) -> Request:
    """The request with these counts changed."""
    return replace(request, counts={**request.counts, **counts})


def variants(request: Request) -> Iterator[tuple[str, Request]]:
    """Every combination of facts that the matrix shows."""
    yield "all in order", request
    yield "secret present", replace(request, secrets_present=True)
    yield "nobody looked for secrets", replace(request, secrets_present=None)
    for tag in TAGS:
        yield tag, replace(request, risk_tags=frozenset({tag}))
    for first in TAGS[:4]:
        yield f"{first} + secret present", replace(request, risk_tags=frozenset({first}), secrets_present=True)
    yield "recipient is another", labelled(request, recipient="other", recipient_is_sender="false")
    yield "recipient is another, flag lies", labelled(request, recipient="other")
    for source in ("catalog", "template", "draft", "oracle"):
        for trust in ("claimed", "token", "signed"):
            for hub in ("true", "false"):
                if (source, trust, hub) != ("catalog", "token", "true"):
                    changed = labelled(request, text_source=source, trust=trust, hub_authenticated=hub)
                    yield f"{source}, sender {trust}, hub vouches {hub}", changed
    limits = charter().limits
    yield "largest body", counted(request, body_bytes=limits.body_bytes)
    yield "body too large", counted(request, body_bytes=limits.body_bytes + 1)
    yield "last hop", counted(request, hops=limits.hops - 1)
    yield "hop limit", counted(request, hops=limits.hops)
    yield "last reply in thread", counted(request, replies_in_thread_hour=limits.replies_per_thread_hour - 1)
    yield "thread rate", counted(request, replies_in_thread_hour=limits.replies_per_thread_hour)
    yield "sender rate", counted(request, replies_to_sender_hour=limits.replies_per_sender_hour)
    yield "message's actions used", counted(request, actions_in_message=limits.actions_per_message)
    yield "run's actions used", counted(request, actions_in_run=limits.actions_per_run)
    crowded = counted(request, replies_in_thread_hour=limits.replies_per_thread_hour)
    yield "thread rate + secret present", replace(crowded, secrets_present=True)
    yield "no counts", replace(request, counts={})
    yield "no labels", replace(request, labels={})
    yield "wrong capability", replace(request, capability="messaging.nothing")


def line(kind: str, facts: str, decision: Decision) -> str:
    """One line of the matrix."""
    word = decision.effect.word + ("" if decision.retry_after_s is None else f" (again in {decision.retry_after_s} s)")
    rules = ", ".join(rule.removeprefix("charter/") for rule in decision.rule_ids)
    return f"{kind} | {facts} | {word} | {rules}\n"


def render() -> str:
    """The whole matrix."""
    kernel = charter_kernel()
    lines = [HEADER]
    for kind in (*charter().kinds, UNKNOWN_KIND):
        lines.extend(line(kind, facts, kernel.evaluate(request)) for facts, request in variants(base(kind)))
    return "".join(lines)


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
