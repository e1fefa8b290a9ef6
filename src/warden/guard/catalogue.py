"""Every rule of the guard in one list, for people: formats, structures, and what generic detection is called.

What it does: describes. What it does not: detect.
"""

from __future__ import annotations

from warden.guard.assignment import RULE_ASSIGNED, RULE_MENTIONED, RULE_PASSWORD
from warden.guard.bare import RULE_BARE
from warden.guard.formats import all_rules
from warden.guard.prose import KIND_CODE, KIND_PHRASE, RULE_CODE, RULE_FLAG, RULE_PHRASE
from warden.guard.rule import Rule

GENERIC_RULES: tuple[Rule, ...] = (
    Rule(
        RULE_ASSIGNED,
        "generic",
        "secret",
        about="a value that looks drawn at random, assigned to a name that says secret, token, key, or a service",
        example='const acmeKey = "{w28}"',
        counter_example='"commit": "{x40}"',
    ),
    Rule(
        RULE_MENTIONED,
        "generic",
        "secret",
        about="a value that looks drawn at random, right after words that speak of a secret",
        example="here is the token, careful: see {w28}",
        counter_example="the token was rotated in build {d6}",
    ),
    Rule(
        RULE_BARE,
        "generic",
        "secret",
        about="a value of 20 to 100 letters and digits drawn at random that nothing names, outside of records and addresses",
        example="use this one from now on: {w36}",
        counter_example='{"cursor": "{w36}", "id": "{w24}"}',
    ),
    Rule(
        RULE_PASSWORD,
        "generic",
        "password",
        about="a value written like a password, assigned to a name for passwords or secrets",
        example="the password is {w6}-{d4}!",
        counter_example="the password is required",
    ),
    Rule(
        RULE_FLAG,
        "generic",
        "password",
        about="a value after a command-line flag for passwords",
        example="sshpass -p {w10} ssh host",
        counter_example="sshpass -e ssh host",
    ),
    Rule(
        RULE_CODE,
        "generic",
        KIND_CODE,
        about="a one-time code in a sentence that calls it one",
        example="your verification code is {d6}",
        counter_example="exit code is 137",
    ),
    Rule(
        RULE_PHRASE,
        "generic",
        KIND_PHRASE,
        about="twelve or more short words after words for a recovery phrase",
        example="seed phrase: apple brave cloud delta eagle flame grape house index jolly knife lemon",
        counter_example="the seed phrase is kept in the safe of the second floor, ask Ana for it",
    ),
)


def every_rule() -> tuple[Rule, ...]:
    """Return every rule, formats first, generic ones last."""
    return (*all_rules(), *GENERIC_RULES)
