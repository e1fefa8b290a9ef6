"""The page docs/reference/policy.md: prose from here, tables from the shapes, the charter and the kernel itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from warden.documents import bundle_shape
from warden.documents.bundle import EFFECTS, VELOCITY_FIELDS
from warden.documents.cedar import CEDAR_SCHEMA
from warden.documents.charter import load_charter
from warden.documents.yaml import DEFAULT_LIMITS
from warden.policy.bundle import THROTTLE_RETRY_S
from warden.policy.charter import LIMIT_NAMES
from warden.policy.obligations import CONSTRAINT_NAMES, REPLY_RETRY_S

CHARTER = Path(__file__).parents[1] / "charter"
HEAD = "<!-- Written by docs/generate.py; change the source and run `make docs`. -->\n"

MATCH_FIELDS = {
    "tenants": "the request's tenant is in the list",
    "topics": "the request's topic matches one of the patterns",
    "capabilities": "the stated capability is in the list",
    "risk_tags": "the request has any of the tags",
    "requires": "the request has all of the requirements",
    "pack_ids": "the pack is in the list",
    "actor_ids": "the actor is in the list",
    "actor_types": "the actor's type is in the list",
    "labels": "each label has exactly this value, to the letter",
    "label_allowlist": "one of the labels has a value outside its list",
    "label_threshold": "one of the labels is a number above its bound; `counts.<name>` looks at a count instead",
    "secrets_present": "the guard's finding is this one",
    "mcp": "the request is an MCP call that no `deny_*` list names and that every non-empty `allow_*` list names",
}
CONSTRAINTS = {
    "max_runtime_ms": "smaller; 0 is unset",
    "max_retries": "smaller; 0 is unset",
    "max_artifact_bytes": "smaller; 0 is unset",
    "max_concurrent_jobs": "smaller; 0 is unset",
    "isolated": "true when either is",
    "network_allowlist": "what both lists hold",
    "fs_read_only": "what both lists hold",
    "fs_read_write": "what both lists hold",
    "allowed_tools": "what both lists hold",
    "allowed_commands": "what both lists hold",
    "max_files": "smaller",
    "max_lines": "smaller",
    "deny_path_globs": "what either list holds",
    "redaction_level": "higher: none, standard, strict; of what a brain is shown",
    "max_body_bytes": "smaller; compared with the final body",
    "append_footer": "both, sorted; appended before the text is scanned and judged",
    "max_replies_per_hour": f"smaller; compared with the replies to this sender; the message waits {REPLY_RETRY_S} s",
}
GROUPS = {
    "budgets": bundle_shape.BUDGETS,
    "sandbox": bundle_shape.SANDBOX,
    "toolchain": bundle_shape.TOOLCHAIN,
    "diff": bundle_shape.DIFF,
}


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def constraint_rows() -> Iterator[tuple[str, str]]:
    """Where each constraint stands in a rule, and how two of them are met."""
    for key in bundle_shape.CONSTRAINTS.keys:
        if key in GROUPS:
            for name in GROUPS[key].keys:
                yield f"`{key}.{name}`", CONSTRAINTS[name]
        else:
            yield f"`{key}`", CONSTRAINTS[key]


def decision_rows() -> Iterator[tuple[str, str]]:
    """Every word for a decision and what it means."""
    for word, effect in EFFECTS.items():
        yield f"`{word}`", effect.word if word != "throttle" else "deny, and the message is held for later"


def charter_tables() -> str:
    """Kinds, limits and vocabulary of the charter."""
    charter = load_charter({path.name: path.read_bytes() for path in CHARTER.iterdir() if path.is_file()})
    kinds = (
        (
            f"`job.warden.{name}`",
            f"`{kind.capability}`",
            kind.tier.value,
            ", ".join(f"`{one}`" for one in sorted(kind.discharges)),
        )
        for name, kind in charter.kinds.items()
    )
    parts = [
        "## What warden asks about\n",
        table(("topic", "capability", "tier", "constraints that warden can keep"), kinds),
        "A constraint outside the last column turns an allowance into a denial: an obligation is never ignored.\n",
        "## Limits\n",
        table(
            ("limit", "the charter's number"),
            ((f"`{name}`", str(getattr(charter.limits, name))) for name in LIMIT_NAMES),
        ),
        "Configuration can lower `replies_per_thread_hour`, `replies_per_sender_hour`, `actions_per_run` and `hops`.\n",
    ]
    titles = {"risk_tags": "Risk tags", "labels": "Labels", "counts": "Counts"}
    for name, words in charter.vocabulary.items():
        parts += [
            f"## {titles[name]} that warden sets\n",
            table(("name", "meaning"), ((f"`{k}`", v) for k, v in words.items())),
        ]
    parts.append(
        "Whatever is copied from a message has the prefix `msg.`: a sender chose it, so it can only restrict.\n"
    )
    return "\n".join(parts)


def policy_page() -> str:
    """The whole page."""
    assert set(MATCH_FIELDS) == set(bundle_shape.MATCH.keys)
    assert set(CONSTRAINTS) == set(CONSTRAINT_NAMES)
    match = table(("field", "holds when"), ((f"`{name}`", text) for name, text in MATCH_FIELDS.items()))
    values = {
        "bundle": ", ".join(f"`{key}`" for key in bundle_shape.BUNDLE.keys),
        "rule": ", ".join(f"`{key}`" for key in bundle_shape.RULE.keys),
        "tenant": ", ".join(f"`{key}`" for key in bundle_shape.TENANT.keys),
        "remediation": ", ".join(f"`{key}`" for key in bundle_shape.REMEDIATION.keys),
        "velocity": ", ".join(f"`{name}`" for name in VELOCITY_FIELDS),
        "match": match,
        "decisions": table(("word", "meaning"), decision_rows()),
        "constraints": table(("constraint", "two of them become"), constraint_rows()),
        "retry": str(THROTTLE_RETRY_S),
        "rules": str(bundle_shape.MAX_RULES),
        "size": f"{DEFAULT_LIMITS.size_bytes // 1024 // 1024} MiB",
        "depth": str(DEFAULT_LIMITS.depth),
        "aliases": str(DEFAULT_LIMITS.aliases),
        "charter": charter_tables(),
        "cedar": CEDAR_SCHEMA,
    }
    text = PROSE
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return HEAD + text


PROSE = """
# Policies

Every action that warden plans is a *request* to the kernel. The charter judges it, every file of the policy directory
judges it, and the answer is the *meet*: the lowest of `deny < require_approval < allow_with_constraints < allow`, with
all reasons and rule ids, and with constraints combined to the tighter side. Adding a file can only shrink what is
allowed, and the order of files means nothing. `warden policy explain` shows how a decision comes about.

## A file

A file is YAML (1.2, UTF-8, one document, no duplicate keys, at most @size@, @depth@ levels, @aliases@ aliases, @rules@
rules) or Cedar (`.cedar`). Each file is a layer of its own and has these keys: @bundle@.

Rules are tried in order and the first that matches wins. When none does, `default_decision` speaks; without one the
answer is deny with the reason "no matching rule". `default_decision: abstain` means no opinion: a narrow file need not
restate the world. A file that came with a pack may not abstain.

A rule has these keys: @rule@.

## Match

@match@
All given fields must hold; any value of a list is enough. Values of lists are compared without regard to case and outer
spaces, and an empty value never matches. An empty match holds for every request. A missing label or count, and secrets
that nobody looked for, make a *restricting* rule (every decision but allow) match and an allowing rule not match.

`topics` are patterns as Go's `path.Match` has them: `*` is any run of characters other than `/` and crosses `.`, `?` one
character other than `/`, `[a-z]` a class, `[^a-z]` its complement, `\\` takes the next character literally; upper and
lower case differ. A malformed pattern is an error in the file.

An `mcp` match never holds for a request that is no MCP call. In a restricting rule, `deny_*` *exempts* what it lists; name
what you want to restrict with `allow_*`. `warden policy lint` warns about this.

## Decision

@decisions@
`allow` with constraints that say something is `allow_with_constraints`. A throttle asks to come back after the window of
its velocity, or after @retry@ s.

## Constraints

@constraints@
An absent limit or list means unlimited, an empty list means nothing.

## Velocity

`velocity: {key, max_requests, window_seconds}` makes a restricting rule fire only when at least `max_requests` requests with
the same key were recorded in the window before this one. The key is one of @velocity@ or `labels.<name>`, or several
joined by `:`. warden counts from its own ledger; looking (`evaluate`, `simulate`) records nothing.

## Remediations

A rule may propose safer requests, each with @remediation@. `warden policy remediate` applies one and judges the result.

## Tenants

`tenants.<name>` may hold @tenant@. They work beside the rules: a denied topic or MCP call is denied whatever a rule says; a
listed topic is allowed when no rule has an opinion; a topic that is not listed is denied unless the file's default is
allow. `default_tenant` stands in for an empty tenant.

## When a file cannot be used

The files of a directory take force together or not at all. When one cannot be read, parsed or verified, the last set that
could stays in force, and the log, `warden doctor` and `warden policy check` say so. Without an earlier set everything is
denied.

`<file>.sig` beside a file is a raw Ed25519 signature over its bytes (`warden policy keygen`, `warden policy sign`). With
`require_signatures = true`, a file without a good one is not used; with keys but without that setting, a signature that is
there must be good.

@charter@
## Cedar

With the extra `ops-warden[cedar]`, a `.cedar` file is a layer too. `@id("...")` names a policy, `@reason("...")` explains it,
`@decision("require_approval")` makes a permit or a forbid ask for a person. A satisfied forbid denies, a satisfied permit
allows, silence is a deny, and any evaluation error is a deny. Policies are validated against this schema:

```cedar
@cedar@```
"""
