"""Rules as data: what a rule is, and the small template language of token formats.

A template is literal text with runs in braces: `ghp_{w36}` is `ghp_` and 36 letters or digits, `{w20-40}` 20 to 40 of
them, `{w20+}` at least 20. The class letters are those of `CLASSES`. A template says the format for the reader, gives
the pattern, and draws examples, so that no file holds a string that looks like somebody's secret.
"""

from __future__ import annotations

import re
from typing import NamedTuple

CLASSES = {
    "w": "A-Za-z0-9",
    "v": "A-Za-z0-9_-",
    "b": "A-Za-z0-9+/",
    "x": "a-f0-9",
    "X": "A-F0-9",
    "h": "A-Fa-f0-9",
    "l": "a-z0-9",
    "U": "A-Z0-9",
    "u": "A-Z2-7",
    "a": "a-z",
    "A": "A-Z",
    "d": "0-9",
    "e": "A-Za-z0-9+/_=.-",
    "z": "ac-hj-np-z02-9",
}
_RUN = r"\{([a-zA-Z])(\d+)(?:(-)(\d+)|(\+))?\}"
UUID_TEMPLATE = "{x8}-{x4}-{x4}-{x4}-{x12}"
OPEN_RUN_LIMIT = 4096


class Rule(NamedTuple):
    """One format of one provider.

    `template` describes tokens; rules of another structure have a `pattern` whose group `value` (or the whole match)
    is the secret, and `keywords`, one of which must be in the lower-cased text before the pattern is tried (there only,
    if every match `begins` with one). Where the keywords are everyday words, `run` is the length of a run of letters,
    digits and `._-`, and `near` a pattern for lower-cased text, that must be there as well. `check` names a test that the
    value must pass (`warden.guard.formats`); `about` says it in words. `example` and `counter_example` are templates too.
    """

    rule_id: str
    provider: str
    kind: str
    template: str = ""
    pattern: str = ""
    keywords: tuple[str, ...] = ()
    begins: bool = False
    run: int = 0
    near: str = ""
    check: str = ""
    about: str = ""
    example: str = ""
    counter_example: str = ""


def parse_template(template: str) -> list[tuple[str, str, int, int]]:
    """Return the pieces of `template` as (literal, class letter or "", least, most)."""
    pieces: list[tuple[str, str, int, int]] = []
    at = 0
    template = template.replace("{uuid}", UUID_TEMPLATE)
    for match in re.finditer(_RUN, template):
        if match.start() > at:
            pieces.append((template[at : match.start()], "", 0, 0))
        letter, least, _, most, is_open = match.groups()
        upper = OPEN_RUN_LIMIT if is_open else int(most or least)
        pieces.append(("", letter, int(least), upper))
        at = match.end()
    if at < len(template):
        pieces.append((template[at:], "", 0, 0))
    return pieces


def pattern_of(rule: Rule) -> str:
    """Return the regular expression of `rule`."""
    if rule.pattern:
        return rule.pattern
    pieces = parse_template(rule.template)
    body = "".join(
        re.escape(literal) if not letter else f"[{CLASSES[letter]}]{{{least},{most}}}"
        for literal, letter, least, most in pieces
    )
    last = CLASSES[pieces[-1][1]] if pieces[-1][1] else "A-Za-z0-9"
    tail = (
        "A-Za-z0-9" if last in ("a-z", "A-Z", "0-9", "A-Z2-7") else last.rstrip("-").replace(".", "").replace("_", "")
    )
    edge = "(?<![A-Za-z0-9])" if rule.template[0].isalnum() or rule.template[0] == "{" else ""
    return f"{edge}{body}(?![{tail}])"


def keywords_of(rule: Rule) -> tuple[str, ...]:
    """Return the lower-case strings of which one must be in a text for `rule` to match there."""
    if rule.keywords:
        return rule.keywords
    literals = [literal for literal, letter, _, _ in parse_template(rule.template) if not letter]
    return (max(literals, key=len).lower(),)
