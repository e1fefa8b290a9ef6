"""Shapes of documents: what a parsed value must look like, checked part by part, each refusal with its place.

A document is checked against a tree of shapes and comes out as plain dicts and lists with every default filled in. Written
by hand because every run with a message reads the charter, and a validation library costs more to load than all of that.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from warden.documents.yaml import Document
from warden.errors import DocumentError, quote

Path = tuple[str | int, ...]
Refuse = Callable[[str, str, Path], NoReturn]

REQUIRED: Any = object()
"""The default of a key that must be there."""


class Shape(Protocol):
    """Something that a value can be checked against."""

    def read(self, value: object, at: Path, refuse: Refuse) -> Any:
        """Return the value, or call `refuse` with message, hint and path."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string of `least` to `most` characters that matches `pattern` as a whole."""

    most: int = 1_000
    least: int = 0
    pattern: re.Pattern[str] | None = None

    def read(self, value: object, at: Path, refuse: Refuse) -> str:
        """Return the string."""
        if not isinstance(value, str):
            refuse("this must be a string", "put it in quotes", at)
        if not self.least <= len(value) <= self.most:
            refuse(f"this must have {self.least} to {self.most} characters", "", at)
        if self.pattern is not None and not self.pattern.fullmatch(value):
            refuse(f"this must match {quote(self.pattern.pattern)}", "", at)
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, value: object, at: Path, refuse: Refuse) -> str:
        """Return the word."""
        if not isinstance(value, str) or value not in self.words:
            near = difflib.get_close_matches(str(value), self.words, n=1)
            refuse(
                f"this must be one of {', '.join(self.words)}", f"did you mean {quote(near[0])}?" if near else "", at
            )
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `low` to `high`."""

    low: int = 0
    high: int = 2**53 - 1

    def read(self, value: object, at: Path, refuse: Refuse) -> int:
        """Return the number."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            refuse(f"this must be a whole number from {self.low} to {self.high}", "", at)
        return value


@dataclass(frozen=True, slots=True)
class Number:
    """Any finite number, as a float."""

    def read(self, value: object, at: Path, refuse: Refuse) -> float:
        """Return the number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            refuse("this must be a number", "", at)
        return float(value)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, value: object, at: Path, refuse: Refuse) -> bool:
        """Return the truth value."""
        if not isinstance(value, bool):
            refuse("this must be true or false", "", at)
        return value


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of `least` to `most` values of one shape; with `alone`, one value may stand without a list."""

    item: Shape
    most: int = 1_000
    least: int = 0
    alone: bool = False

    def read(self, value: object, at: Path, refuse: Refuse) -> list[Any]:
        """Return the values."""
        if not isinstance(value, list):
            if self.alone:
                return [self.item.read(value, at, refuse)]
            refuse("this must be a list", "", at)
        if not self.least <= len(value) <= self.most:
            refuse(f"this must list {self.least} to {self.most} values", "", at)
        return [self.item.read(item, (*at, index), refuse) for index, item in enumerate(value)]


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping from keys of a shape to values of one shape."""

    item: Shape
    key: Text = field(default_factory=lambda: Text(200, 1))
    most: int = 1_000
    least: int = 0

    def read(self, value: object, at: Path, refuse: Refuse) -> dict[str, Any]:
        """Return the mapping."""
        if not isinstance(value, dict):
            refuse("this must be a mapping", "", at)
        if not self.least <= len(value) <= self.most:
            refuse(f"this must have {self.least} to {self.most} keys", "", at)
        return {
            self.key.read(name, (*at, name), refuse): self.item.read(item, (*at, name), refuse)
            for name, item in value.items()
        }


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known keys: each has a shape and a default (a function that makes it), or must be there."""

    keys: Mapping[str, tuple[Shape, Any]]

    def read(self, value: object, at: Path, refuse: Refuse) -> dict[str, Any]:
        """Return every key's value, defaults filled in. A misspelt key is told before the key that it leaves missing."""
        if not isinstance(value, dict):
            refuse("this must be a mapping", "", at)
        for name in value:
            if name not in self.keys:
                self._unknown(name, at, refuse)
        found = {}
        for name, (shape, default) in self.keys.items():
            if name in value:
                found[name] = shape.read(value[name], (*at, name), refuse)
            elif default is REQUIRED:
                refuse(f"the key {quote(name)} is missing", "", at)
            else:
                found[name] = default()
        return found

    def _unknown(self, name: str, at: Path, refuse: Refuse) -> NoReturn:
        near = difflib.get_close_matches(name, self.keys, n=1, cutoff=0.5)
        hint = f"did you mean {quote(near[0])}?" if near else f"known keys: {', '.join(self.keys)}"
        refuse("unknown key", hint, (*at, name))


def nothing() -> None:
    """The default None."""


def empty_text() -> str:
    """The default of an optional string."""
    return ""


def no() -> bool:
    """The default of an optional flag."""
    return False


def read_document(document: Document, shape: Shape, reference: str) -> Any:
    """Return the document's value as `shape` reads it; raises `DocumentError` with file, line and dotted path.

    `reference` names the page that says what such a file may hold.
    """
    if document.value is None:
        raise DocumentError("the file is empty", f"see {reference} for what it may hold", document.place())
    return shape.read(document.value, (), refuser(document))


def refuser(document: Document) -> Refuse:
    """Return what raises the refusal of a part of this document."""

    def refuse(message: str, hint: str, at: Path) -> NoReturn:
        shown = quote(".".join(str(step) for step in at)) if at else "the document"
        text = f"unknown key {shown}" if message == "unknown key" else f"{shown}: {message}"
        raise DocumentError(text, hint, document.place(at))

    return refuse
