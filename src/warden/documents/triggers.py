"""The file format of trigger rules, read strictly into `orders.book.TriggerBook`.

Format (YAML): `version: 1` and `sets`, a list of rule sets with a `name` and `rules`; of each set the first rule that matches
decides. A rule has an `id`, `when` (conditions that all hold; a list is met by one of its values), `do`, what that takes
(`script`, `workload`, `trigger`), and `key`, `window_s`, `concurrency`. Refused, each with `file:line` and what to do: what
`documents.yaml` refuses, unknown keys, repeated names, placeholders that there are not, an action without its part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from warden.documents.shape import (
    REQUIRED,
    Choice,
    Flag,
    ListOf,
    MapOf,
    Path,
    Record,
    Refuse,
    Text,
    Whole,
    no,
    nothing,
    read_document,
    refuser,
)
from warden.documents.yaml import load_yaml
from warden.model.digests import digest_bytes
from warden.model.event import Concurrency, Trust
from warden.orders.book import WORKFLOW, TriggerBook
from warden.orders.rules import Does, Globs, Rule, RuleSet, ScriptPlan, TriggerPlan, When, WorkloadPlan
from warden.orders.templates import template_problem

MAX_TRIGGER_BYTES = 1024 * 1024
MAX_SETS = 32
MAX_RULES = 1_000
MAX_STARS = 6
"""INVARIANT (bounded): stars of one pattern, so that none takes long to try."""

_NAME = Text(64, 1, re.compile(r"[a-z0-9][a-z0-9._-]*"))
_PATTERN = Text(200, 1)
_PATTERNS = (ListOf(_PATTERN, 100, 1, alone=True), list)
_TRUSTED = (Does.SCRIPT, Does.WORKLOAD, Does.TRIGGER)

_WHEN = Record(
    {
        **dict.fromkeys(("source", "event", "type", "action", "repository", "branch", "sender", "label"), _PATTERNS),
        "trust": (Choice(tuple(trust.value for trust in Trust)), nothing),
        "pull": (Flag(), nothing),
        "signed": (Flag(), nothing),
    }
)
_SCRIPT = Record(
    {
        "argv": (ListOf(Text(500, 1), 64, 1), REQUIRED),
        "directory": (Text(500, 1, re.compile(r"/.*")), lambda: "/"),
        "environment": (ListOf(Text(128, 1, re.compile(r"[A-Za-z_][A-Za-z0-9_]*")), 64), list),
        "timeout_s": (Whole(1, 3600), lambda: 60),
        "cpu_s": (Whole(1, 3600), lambda: 60),
        "memory_bytes": (Whole(16 << 20, 64 << 30), lambda: 1 << 30),
        "open_files": (Whole(16, 65_536), lambda: 256),
        "retries": (Whole(0, 10), lambda: 0),
        "retry_after_s": (Whole(1, 86_400), lambda: 60),
        "repeatable": (Flag(), no),
    }
)
_WORD = Text(64, 1, re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*"))
_WORKLOAD = Record({"action": (_WORD, REQUIRED), "response_policy": (_WORD, nothing)})
_TRIGGER = Record(
    {
        "kind": (Text(64, 1, re.compile(r"[a-z][a-z0-9._-]*")), REQUIRED),
        "values": (MapOf(Text(200), Text(64, 1, re.compile(r"[a-z][a-z0-9_]*")), 32), dict),
    }
)
_RULE = Record(
    {
        "id": (_NAME, REQUIRED),
        "when": (_WHEN, REQUIRED),
        "do": (Choice(tuple(does.value for does in Does)), REQUIRED),
        "script": (_SCRIPT, nothing),
        "workload": (_WORKLOAD, nothing),
        "trigger": (_TRIGGER, nothing),
        "key": (Text(200, 1), lambda: Rule.__dataclass_fields__["key"].default),
        "window_s": (Whole(0, 31 * 86_400), lambda: 0),
        "lock": (Flag(), no),
        "concurrency": (Choice(tuple(way.value for way in Concurrency)), lambda: Concurrency.NONE.value),
    }
)
_SET = Record({"name": (_NAME, REQUIRED), "rules": (ListOf(_RULE, MAX_RULES, 1), REQUIRED)})
_SHAPE = Record({"version": (Whole(1, 1), REQUIRED), "sets": (ListOf(_SET, MAX_SETS, 1), REQUIRED)})


def load_triggers(data: bytes, name: str) -> TriggerBook:
    """Return the rules in `data`; raises `DocumentError` with `file:line` for everything that is not such a file."""
    document = load_yaml(data, name)
    refuse = refuser(document)
    found = read_document(document, _SHAPE, "docs/reference/triggers.md")
    _check_distinct([one["name"] for one in found["sets"]], ("sets",), "name", refuse)
    return TriggerBook(
        tuple(_set(one, ("sets", index), refuse) for index, one in enumerate(found["sets"])), digest_bytes(data)
    )


def _check_distinct(names: list[str], at: Path, key: str, refuse: Refuse) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            refuse("stands twice", "give one of them another name", (*at, index, key))


def _set(found: Mapping[str, Any], at: Path, refuse: Refuse) -> RuleSet:
    if found["name"] == WORKFLOW:
        refuse("this name is kept for workflow issues", "choose another", (*at, "name"))
    _check_distinct([rule["id"] for rule in found["rules"]], (*at, "rules"), "id", refuse)
    rules = tuple(_rule(rule, (*at, "rules", index), refuse) for index, rule in enumerate(found["rules"]))
    return RuleSet(found["name"], rules)


def _rule(found: Mapping[str, Any], at: Path, refuse: Refuse) -> Rule:
    does = Does(found["do"])
    for part in ("script", "workload", "trigger"):
        if (found[part] is not None) is not (does.value == part):
            verb = "is missing" if does.value == part else f"belongs to `do: {part}`"
            refuse(f"this {verb}", f"a rule with `do: {does.value}` has exactly what that takes", (*at, part))
    _check_templates([found["key"]], (*at, "key"), refuse)
    return Rule(
        id=found["id"],
        when=_when(found["when"], does, (*at, "when"), refuse),
        does=does,
        script=None if found["script"] is None else _script(found["script"], (*at, "script"), refuse),
        workload=None if found["workload"] is None else WorkloadPlan(**found["workload"]),
        trigger=None if found["trigger"] is None else _trigger(found["trigger"], (*at, "trigger"), refuse),
        key=found["key"],
        window_s=found["window_s"],
        concurrency=Concurrency(found["concurrency"]),
        lock=found["lock"],
    )


def _when(found: Mapping[str, Any], does: Does, at: Path, refuse: Refuse) -> When:
    for name, value in found.items():
        if isinstance(value, list):
            for index, pattern in enumerate(value):
                if pattern.count("*") > MAX_STARS:
                    refuse(f"this has more than {MAX_STARS} stars", "write several patterns", (*at, name, index))
    # INVARIANT (fail-closed): who may make something run is somebody with a say there, unless the rule says otherwise.
    least = Trust.COLLABORATOR if does in _TRUSTED else Trust.UNKNOWN
    trust = least if found["trust"] is None else Trust(found["trust"])
    globs = {name: Globs(tuple(value)) for name, value in found.items() if isinstance(value, list)}
    return When(trust=trust, pull=found["pull"], signed=found["signed"], **globs)


def _script(found: Mapping[str, Any], at: Path, refuse: Refuse) -> ScriptPlan:
    program = found["argv"][0]
    if not program.startswith("/") or "{" in program:
        refuse("the program must be an absolute path without placeholders", "write its full path", (*at, "argv", 0))
    _check_templates(found["argv"], (*at, "argv"), refuse)
    return ScriptPlan(**{**found, "argv": tuple(found["argv"]), "environment": tuple(found["environment"])})


def _trigger(found: Mapping[str, Any], at: Path, refuse: Refuse) -> TriggerPlan:
    if "kind" in found["values"] or "key" in found["values"] or "schema" in found["values"]:
        refuse("`kind`, `key` and `schema` are set by warden", "choose other names", (*at, "values"))
    _check_templates(list(found["values"].values()), (*at, "values"), refuse)
    return TriggerPlan(found["kind"], found["values"])


def _check_templates(templates: list[str], at: Path, refuse: Refuse) -> None:
    for template in templates:
        problem = template_problem(template)
        if problem:
            refuse(f"the template {problem}", "only names that the source assigns can stand in one", at)
        if not template.isprintable():
            refuse("the template holds a control character", "take it out", at)
