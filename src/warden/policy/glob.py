"""Topic patterns as Go's `path.Match` has them.

`*` is any run of characters other than `/` (it crosses `.`), `?` one character other than `/`, `[a-z]` a class,
`[^a-z]` its complement, `\\` takes the next character literally; everything else stands for itself, upper and lower
case apart. A pattern must match the whole topic. Matching takes time linear in topic times pattern: after each `*` the
shortest run that lets the following piece match is final, as it is there. Source: https://pkg.go.dev/path#Match.
"""

from __future__ import annotations

from dataclasses import dataclass

META = frozenset("*?[\\")

ANY = None
"""The item that `?` compiles to."""


@dataclass(frozen=True, slots=True)
class CharacterClass:
    """A set of inclusive ranges, negated or not. A negated class may match `/`, as in Go."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool

    def matches(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges) is not self.negated


Item = str | CharacterClass | None
Piece = tuple[bool, tuple[Item, ...]]
"""Whether a `*` stands before it, and the items that follow."""


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled pattern. `literal` is the text it stands for when it has no wildcard; `prefix` the text that every
    match begins with."""

    pattern: str
    pieces: tuple[Piece, ...]
    literal: str | None
    prefix: str

    def matches(self, topic: str) -> bool:
        """Return whether the whole of `topic` matches."""
        if self.literal is not None:
            return topic == self.literal
        if not topic.startswith(self.prefix):
            return False
        place = 0
        last = len(self.pieces) - 1
        for index, (star, items) in enumerate(self.pieces):
            if star and not items:
                return "/" not in topic[place:]
            found = _find(topic, place, star, items, index == last)
            if found is None:
                return False
            place = found
        return place == len(topic)


def _find(topic: str, place: int, star: bool, items: tuple[Item, ...], is_last: bool) -> int | None:
    """Return where the piece ends, or None; a star may skip characters other than `/` before it."""
    while True:
        if _matches_at(topic, place, items) and (not is_last or place + len(items) == len(topic)):
            return place + len(items)
        if not star or place >= len(topic) or topic[place] == "/":
            return None
        place += 1


def _matches_at(topic: str, place: int, items: tuple[Item, ...]) -> bool:
    if place + len(items) > len(topic):
        return False
    for offset, item in enumerate(items):
        character = topic[place + offset]
        if isinstance(item, str):
            if character != item:
                return False
        elif item is ANY:
            if character == "/":
                return False
        elif not item.matches(character):
            return False
    return True


def _class_character(pattern: str, place: int) -> tuple[str, int]:
    """Return one end of a range and the place after it; a class that ends here is malformed."""
    if place >= len(pattern) or pattern[place] in "-]":
        raise ValueError("a character class is empty or begins a range wrongly")
    if pattern[place] == "\\":
        place += 1
    if place + 1 >= len(pattern):
        raise ValueError("a character class has no end")
    return pattern[place], place + 1


def _class(pattern: str, place: int) -> tuple[CharacterClass, int]:
    """Return the class whose `[` stands before `place`, and the place after its `]`."""
    negated = pattern.startswith("^", place)
    place += negated
    ranges: list[tuple[str, str]] = []
    while not (ranges and pattern.startswith("]", place)):
        low, place = _class_character(pattern, place)
        high = low
        if pattern[place] == "-":
            high, place = _class_character(pattern, place + 1)
        ranges.append((low, high))
    return CharacterClass(tuple(ranges), negated), place + 1


def compile_glob(pattern: str) -> Glob:
    """Return the compiled pattern; raises `ValueError` for one that Go calls malformed, and for an empty one."""
    pattern = pattern.strip()
    if not pattern:
        raise ValueError("the pattern is empty")
    pieces: list[Piece] = []
    items: list[Item] = []
    star = False
    place = 0
    while place < len(pattern):
        character = pattern[place]
        place += 1
        if character == "*":
            if items or not star:
                pieces.append((star, tuple(items)))
            star, items = True, []
        elif character == "?":
            items.append(ANY)
        elif character == "[":
            item, place = _class(pattern, place)
            items.append(item)
        elif character == "\\":
            if place >= len(pattern):
                raise ValueError("the pattern ends in a lone backslash")
            items.append(pattern[place])
            place += 1
        else:
            items.append(character)
    pieces.append((star, tuple(items)))
    return Glob(pattern, tuple(pieces), _literal(pieces), _prefix(pieces))


def _prefix(pieces: list[Piece]) -> str:
    prefix = ""
    for item in pieces[0][1]:
        if not isinstance(item, str):
            break
        prefix += item
    return prefix


def _literal(pieces: list[Piece]) -> str | None:
    if len(pieces) > 1:
        return None
    prefix = _prefix(pieces)
    return prefix if len(prefix) == len(pieces[0][1]) else None
