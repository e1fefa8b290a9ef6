"""The table `[review]`: who people are, who owns what, and what an approval takes. Read strictly, when the file has one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from warden.config.check import NAME, refuse
from warden.config.settings import ReviewPerson, ReviewSettings
from warden.errors import quote

if TYPE_CHECKING:
    from pathlib import Path

_SPAN = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
_UNIT_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
NEVER = "never"
LONGEST_S = 366 * 86_400
"""INVARIANT (bounded): the longest time that an approval may wait, other than for ever."""
MAX_PEOPLE = 256
_PERSON_KEYS = {"uid", "agents"}


def read_review(file: Path, values: Mapping[str, object]) -> ReviewSettings:
    """Return the rules of review; raises `ConfigError` for a time, a person or an owner that does not hold.

    An owner whom `[review.people]` does not declare is refused here, at start-up: an item that goes to nobody is lost.
    """
    people = _people(file, values.get("review.people", {}))
    names = {person.name for person in people}
    owner = str(values.get("review.owner", ""))
    owners = _owners(file, values.get("review.owners", {}))
    for key, name in (("review.owner", owner), *((f"review.owners.{what}", name) for what, name in owners)):
        if name and name not in names:
            hint = f"declare [review.people.{name}] with a uid, or name somebody else"
            raise refuse(file, f"{quote(key)} names {quote(name)}, whom nobody knows", hint)
    defaults = ReviewSettings()
    two = values.get("review.two_persons", [])
    warning = values.get("review.approval_rate_warning", defaults.approval_rate_warning)
    return ReviewSettings(
        approval_expiry_s=_span(file, values, "review.approval_expiry", defaults.approval_expiry_s),
        allow_same_uid=values.get("review.allow_same_uid") is True,
        two_persons=tuple(str(name) for name in two) if isinstance(two, list) else (),
        owner=owner,
        owners=owners,
        people=people,
        raise_after_s=_span(file, values, "review.raise_after", defaults.raise_after_s),
        approval_rate_warning=warning if isinstance(warning, int) else defaults.approval_rate_warning,
    )


def _span(file: Path, values: Mapping[str, object], name: str, default: float | None) -> float | None:
    """Return a time in seconds, None for `never`."""
    value = values.get(name)
    if value is None:
        return default
    if value == NEVER:
        return None
    found = _SPAN.fullmatch(str(value))
    seconds = int(found[1]) * _UNIT_S[found[2]] if found else 0
    if not 0 < seconds <= LONGEST_S:
        raise refuse(file, f"{quote(name)} is not a time", 'write it as "90m", "12h", "3d", "2w" or "never"')
    return float(seconds)


def _people(file: Path, value: object) -> tuple[ReviewPerson, ...]:
    if not isinstance(value, Mapping) or len(value) > MAX_PEOPLE:
        raise refuse(
            file, f"`review.people` must be a table of at most {MAX_PEOPLE} people", "write [review.people.NAME]"
        )
    people = tuple(_person(file, name, fields) for name, fields in value.items())
    uids = [person.uid for person in people if person.uid is not None]
    if len(set(uids)) != len(uids):
        raise refuse(file, "two people under [review.people] have the same uid", "one uid is one person")
    return people


def _person(file: Path, name: str, fields: object) -> ReviewPerson:
    where = f"review.people.{name}"
    if not NAME.fullmatch(name) or not isinstance(fields, Mapping) or not set(fields) <= _PERSON_KEYS:
        raise refuse(
            file, f"{quote(where)} is not a person", "a person has a name, a `uid`, and `agents`: names on the hub"
        )
    uid, agents = fields.get("uid"), fields.get("agents", [])
    if uid is not None and (isinstance(uid, bool) or not isinstance(uid, int) or not 0 <= uid < 2**32):
        raise refuse(file, f"the uid of {quote(where)} is not one", "write the number that `id -u` prints")
    if not isinstance(agents, list) or not all(isinstance(agent, str) and NAME.fullmatch(agent) for agent in agents):
        raise refuse(file, f"the agents of {quote(where)} are not names", 'write agents = ["NAME"]')
    return ReviewPerson(name, uid, tuple(agents))


def _owners(file: Path, value: object) -> tuple[tuple[str, str], ...]:
    fine = isinstance(value, Mapping) and all(isinstance(name, str) and NAME.fullmatch(name) for name in value.values())
    if not isinstance(value, Mapping) or not fine:
        hint = 'write "messaging.reply" = "NAME": a capability, a kind of action or a reason, and a person'
        raise refuse(file, "`review.owners` does not map words to people", hint)
    return tuple(sorted((str(what), str(name)) for what, name in value.items()))
