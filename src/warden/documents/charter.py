"""The charter's files as a frozen `Charter`, and the check of their pins."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from warden.documents.pin import PROSE_FILE, REINSTALL, RULES_FILE, charter_digest, check_pin
from warden.documents.shape import Path, Refuse, read_document, refuser
from warden.documents.yaml import Document, load_yaml
from warden.errors import CharterError, DocumentError, quote
from warden.model.request import Effect
from warden.policy.charter import LIMIT_NAMES, Charter, CharterMatch, CharterRule, Kind, Limits, Tier
from warden.policy.obligations import CONSTRAINT_NAMES

__all__ = ["charter_digest", "check_pin", "load_charter"]


def load_charter(files: Mapping[str, bytes]) -> Charter:
    """Return the charter in `charter.yaml` and `charter.md`; raises `CharterError` when it is missing or unreadable."""
    for name in (RULES_FILE, PROSE_FILE):
        if name not in files:
            raise CharterError(f"the charter's file {quote(name)} is missing", REINSTALL)
    try:
        document = load_yaml(files[RULES_FILE], RULES_FILE)
        return _charter(document, charter_digest(files), files[PROSE_FILE].decode("utf-8"))
    except (DocumentError, UnicodeDecodeError) as error:
        text = error.message if isinstance(error, DocumentError) else f"{PROSE_FILE} is not UTF-8"
        raise CharterError(f"the charter cannot be read: {text}", REINSTALL) from None


def _charter(document: Document, digest: str, prose: str) -> Charter:
    from warden.documents.charter_shape import CHARTER

    found = read_document(document, CHARTER, "the charter of the source")
    _check(document, found)
    return Charter(
        version=found["version"],
        digest=digest,
        kinds={name: _kind(item) for name, item in found["kinds"].items()},
        limits=Limits(**found["limits"]),
        rules=tuple(_rule(item) for item in found["rules"]),
        prose=prose,
        principals=found["principals"],
        vocabulary=found["vocabulary"],
    )


def _kind(found: dict[str, Any]) -> Kind:
    return Kind(Tier(found["tier"]), found["capability"], found["body"], frozenset(found["discharges"]))


def _rule(found: dict[str, Any]) -> CharterRule:
    match, word = found["match"], found["decision"]
    return CharterRule(
        id=found["id"],
        match=CharterMatch(
            kinds=frozenset(match["kinds"]),
            risk_tags=frozenset(match["risk_tags"]),
            label_allowlist={name: tuple(values) for name, values in match["label_allowlist"].items()},
            label_unequal=match["label_unequal"],
            count_at_least=match["count_at_least"],
            count_over=match["count_over"],
            secrets_not_excluded=match["secrets_not_excluded"],
        ),
        effect=Effect.DENY if word == "throttle" else Effect[word.upper()],
        reason=found["reason"],
        retry_after_s=found["retry_after_s"],
    )


def _check(document: Document, found: dict[str, Any]) -> None:
    """Refuse what shapes cannot: names that mean nothing, rules that say nothing, ids that stand twice."""
    refuse = refuser(document)
    for name, kind in found["kinds"].items():
        for constraint in kind["discharges"]:
            if constraint not in CONSTRAINT_NAMES:
                refuse(f"unknown constraint {quote(constraint)}", "", ("kinds", name, "discharges"))
    seen: set[str] = set()
    for index, rule in enumerate(found["rules"]):
        at = ("rules", index)
        if rule["id"] in seen:
            refuse(f"rule id {quote(rule['id'])} stands here twice", "", (*at, "id"))
        seen.add(rule["id"])
        if (rule["decision"] == "throttle") is (rule["retry_after_s"] is None):
            refuse("`retry_after_s` belongs to a throttle, and a throttle needs it", "", at)
        _check_names(refuse, found, rule["match"], (*at, "match"))


def _check_names(refuse: Refuse, found: dict[str, Any], match: dict[str, Any], at: Path) -> None:
    words = found["vocabulary"]
    named: list[tuple[str, Collection[str], Collection[str]]] = [
        ("kinds", match["kinds"], found["kinds"]),
        ("risk_tags", match["risk_tags"], words["risk_tags"]),
        ("label_allowlist", match["label_allowlist"], words["labels"]),
        ("label_unequal", [*match["label_unequal"], *match["label_unequal"].values()], words["labels"]),
        ("count_at_least", match["count_at_least"], words["counts"]),
        ("count_over", match["count_over"], words["counts"]),
    ]
    for field, names, known in named:
        for name in names:
            if name not in known:
                refuse(f"unknown name {quote(name)}", "", (*at, field))
    for limit in (*match["count_at_least"].values(), *match["count_over"].values()):
        if limit not in LIMIT_NAMES:
            refuse(f"unknown limit {quote(limit)}", "", at)
    if not any((*(names for _, names, _ in named[1:]), match["secrets_not_excluded"])):
        refuse("the rule has no condition but its kinds", "", at)
