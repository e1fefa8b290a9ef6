"""The reference page of the guard, from its own tables: `python docs/guard_page.py [--check]`."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from warden.guard import look, scanner
from warden.guard.catalogue import every_rule
from warden.guard.encodings import ENCODINGS
from warden.guard.formats import all_rules
from warden.guard.known import LEAST_BYTES, LEAST_ENTROPY_BITS, MARK_BITS, SEAL_COST
from warden.guard.rule import CLASSES

PAGE = Path(__file__).parent / "reference" / "guard.md"
NOTE = "<!-- Written by docs/generate.py; change the source and run `make docs`. -->\n\n"


def page() -> str:
    """Return the whole page."""
    return "".join((NOTE, _opening(), _encodings(), _bounds(), _generic(), _structures(), _tokens()))


def _opening() -> str:
    kinds = sorted({rule.kind for rule in every_rule()} | {scanner.KIND_KNOWN, scanner.UNSCANNABLE})
    classes = "".join(f"| `{letter}` | `{alphabet}` |\n" for letter, alphabet in CLASSES.items())
    return (
        "# The guard: rules, kinds, encodings\n\n"
        "What each part is for, and what it cannot do, is in [the explanation](../explanation/guard.md).\n\n"
        f"## Kinds\n\n{', '.join(f'`{kind}`' for kind in kinds)}.\n\n"
        "`[redacted:<kind>]` stands for a value that was taken out; a second value of a kind in the same text is "
        "`[redacted:<kind>#2]`.\n\n"
        "## Templates\n\n"
        "`{w36}` stands for 36 characters of class `w`, `{w20-40}` for 20 to 40, `{w20+}` for 20 or more.\n\n"
        f"| class | characters |\n|---|---|\n{classes}\n"
    )


def _encodings() -> str:
    rows = "".join(f"| {name} | {_cell(told)} |\n" for name, told in ENCODINGS.items())
    return (
        "## Encodings\n\nEnrolled values and tokens with a prefix are found in each of these:\n\n"
        f"| name | what is undone |\n|---|---|\n{rows}\n"
    )


def _bounds() -> str:
    rows = (
        ("characters in a text", scanner.MOST_CHARACTERS),
        ("characters looked at together", scanner.WINDOW),
        ("characters that two neighbouring windows share", scanner.OVERLAP),
        ("encodings inside one another", look.MOST_DEPTH),
        ("characters of all forms together, per character of the text", look.MOST_GROWTH),
        ("bytes of an enrolled value, at least", LEAST_BYTES),
        ("bits of entropy of an enrolled value, at least", int(LEAST_ENTROPY_BITS)),
        ("bits of an enrolled value's mark", MARK_BITS),
        ("cost of an enrolled value's seal (scrypt N, with r = 8, p = 1)", SEAL_COST),
    )
    shown = "".join(f"| {name} | {value:,} |\n" for name, value in rows)
    return (
        "## Bounds\n\nA text that exceeds one of the first five is a finding of kind `unscannable`.\n\n"
        f"| bound | value |\n|---|---|\n{shown}\n"
    )


def _generic() -> str:
    rules = every_rule()[len(all_rules()) :]
    rows = "".join(
        f"| `{r.rule_id}` | `{r.kind}` | {_cell(r.about)} | {_code(r.example)} | {_code(r.counter_example)} |\n"
        for r in rules
    )
    return f"## Generic rules\n\n| rule | kind | finds | example | passes |\n|---|---|---|---|---|\n{rows}\n"


def _structures() -> str:
    rules = [rule for rule in all_rules() if not rule.template]
    rows = "".join(f"| `{r.rule_id}` | `{r.kind}` | {_code(r.example)} | {_code(r.counter_example)} |\n" for r in rules)
    return f"## Structures\n\n| rule | kind | example | passes |\n|---|---|---|---|\n{rows}\n"


def _tokens() -> str:
    rules = [rule for rule in all_rules() if rule.template]
    rows = []
    for provider, found in groupby(rules, key=lambda rule: rule.provider):
        rows += [f"| {provider} | `{rule.rule_id}` | `{rule.kind}` | {_code(rule.template)} |\n" for rule in found]
    return f"## Token formats\n\n| provider | rule | kind | template |\n|---|---|---|---|\n{''.join(rows)}"


def _code(text: str) -> str:
    return "`" + _cell(text.replace("\n", "⏎")) + "`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` return 1 when it is not fresh."""
    fresh = page()
    if "--check" in arguments:
        return 0 if PAGE.exists() and PAGE.read_text("utf-8") == fresh else 1
    PAGE.write_text(fresh, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
