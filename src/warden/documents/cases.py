"""Case files: requests with expected decisions, in YAML. `charter/examples.yaml` is one.

`defaults` is a request that every case starts from; a case's own keys replace those of the defaults, and its `labels` and
`counts` are laid over theirs. A key with the value null is taken away.
"""

from __future__ import annotations

import difflib

from warden.documents.request import request_from_value
from warden.documents.yaml import Document, load_yaml
from warden.errors import DocumentError, quote
from warden.model.request import Effect
from warden.policy.cases import Case

SCHEMA = "warden.cases/1"
MAX_CASES = 10_000
TOP_KEYS = ("schema", "defaults", "cases")
CASE_KEYS = ("name", "request", "decision", "rules", "throttled")
DECISIONS = tuple(effect.word for effect in Effect)
MERGED = ("labels", "counts")

Path = tuple[str | int, ...]


def load_cases(data: bytes, name: str) -> tuple[Case, ...]:
    """Return the cases in `data`; raises `DocumentError` with `file:line`."""
    document = load_yaml(data, name)
    top = _mapping(document, document.value, (), TOP_KEYS)
    if top.get("schema") != SCHEMA:
        raise DocumentError(f"`schema` must be {quote(SCHEMA)}", "", document.place(("schema",)))
    defaults = _mapping(document, top.get("defaults", {}), ("defaults",))
    items = top.get("cases")
    if not isinstance(items, list) or not 0 < len(items) <= MAX_CASES:
        raise DocumentError(f"`cases` must list 1 to {MAX_CASES} cases", "", document.place(("cases",)))
    cases = tuple(_case(document, item, ("cases", index), defaults) for index, item in enumerate(items))
    seen: dict[str, int] = {}
    for case in cases:
        if case.name in seen:
            message = f"case {quote(case.name)} stands here twice, first in line {seen[case.name]}"
            raise DocumentError(message, "give each case its own name", f"{document.name}:{case.line}")
        seen[case.name] = case.line
    return cases


def _mapping(document: Document, value: object, at: Path, known: tuple[str, ...] | None = None) -> dict[str, object]:
    if not isinstance(value, dict):
        raise DocumentError("this must be a mapping", "", document.place(at))
    for key in value if known else ():
        if key not in (known or ()):
            close = difflib.get_close_matches(key, known or (), n=1)
            hint = f"did you mean {quote(close[0])}?" if close else f"known keys: {', '.join(known or ())}"
            raise DocumentError(f"unknown key {quote(key)}", hint, document.place((*at, key)))
    return value


def _case(document: Document, value: object, at: Path, defaults: dict[str, object]) -> Case:
    fields = _mapping(document, value, at, CASE_KEYS)
    name, decision, rules = fields.get("name"), fields.get("decision"), fields.get("rules", [])
    throttled = fields.get("throttled")
    if not isinstance(name, str) or not name:
        raise DocumentError("a case needs a `name`", "", document.place(at))
    if decision not in DECISIONS:
        raise DocumentError(f"`decision` must be one of {', '.join(DECISIONS)}", "", document.place((*at, "decision")))
    if not isinstance(rules, list) or not all(isinstance(rule, str) for rule in rules):
        raise DocumentError("`rules` must be a list of `<layer>/<rule>`", "", document.place((*at, "rules")))
    if throttled is not None and not isinstance(throttled, bool):
        raise DocumentError("`throttled` must be true or false", "", document.place((*at, "throttled")))

    def refuse(message: str, hint: str, path: Path) -> DocumentError:
        field = ".".join(str(step) for step in path[len(at) + 1 :])
        return DocumentError(f"{quote(field)}: {message}" if field else message, hint, document.place(path))

    own = _mapping(document, fields.get("request", {}), (*at, "request"))
    request = request_from_value(_overlay(defaults, own), refuse, (*at, "request"))
    return Case(name, request, Effect[str(decision).upper()], tuple(rules), throttled, document.line(at))


def _overlay(defaults: dict[str, object], own: dict[str, object]) -> dict[str, object]:
    merged = {**defaults, **own}
    for key in MERGED:
        base, over = defaults.get(key), own.get(key)
        if isinstance(base, dict) and isinstance(over, dict):
            laid = {**base, **over}
            merged[key] = {name: value for name, value in laid.items() if value is not None}
    return {key: value for key, value in merged.items() if value is not None}
