"""Shapes: each kind of value, its bounds, and what is said when it does not fit."""

from __future__ import annotations

import re

import pytest

from warden.documents.shape import (
    REQUIRED,
    Choice,
    Flag,
    ListOf,
    MapOf,
    Number,
    Record,
    Shape,
    Text,
    Whole,
    nothing,
    read_document,
)
from warden.documents.yaml import load_yaml
from warden.errors import DocumentError

RECORD = Record({"name": (Text(3, 1), REQUIRED), "size": (Whole(1, 9), nothing)})

READ: list[tuple[Shape, str, object]] = [
    (Text(3, 1), "abc", "abc"),
    (Text(3, 1, re.compile("[a-z]+")), "abc", "abc"),
    (Choice(("red", "green")), "red", "red"),
    (Whole(1, 9), "9", 9),
    (Number(), "3", 3.0),
    (Number(), "-1.5", -1.5),
    (Flag(), "false", False),
    (ListOf(Whole(), most=2), "[1, 2]", [1, 2]),
    (ListOf(Whole(), alone=True), "1", [1]),
    (MapOf(Whole(), most=1), "{a: 1}", {"a": 1}),
    (RECORD, "{name: a}", {"name": "a", "size": None}),
]


@pytest.mark.parametrize(("shape", "text", "value"), READ)
def test_a_value_that_fits_is_read(shape: Shape, text: str, value: object) -> None:
    """A value at its bounds is read, with its type and every default."""
    found = read_document(load_yaml(text.encode(), "f.yaml"), shape, "the page")
    assert found == value
    assert type(found) is type(value)


REFUSED: list[tuple[Shape, str, str, str]] = [
    (Text(3, 1), "abcd", "1 to 3 characters", ""),
    (Text(3, 1), '""', "1 to 3 characters", ""),
    (Text(3), "12", "must be a string", "quotes"),
    (Text(3, 1, re.compile("[a-z]+")), "ab1", "must match", ""),
    (Choice(("red", "green")), "gren", "one of red, green", "`green`"),
    (Choice(("red", "green")), "7", "one of red, green", ""),
    (Whole(1, 9), "0", "from 1 to 9", ""),
    (Whole(1, 9), "10", "from 1 to 9", ""),
    (Whole(1, 9), "true", "whole number", ""),
    (Whole(1, 9), "1.0", "whole number", ""),
    (Number(), "true", "must be a number", ""),
    (Number(), "many", "must be a number", ""),
    (Flag(), "1", "true or false", ""),
    (ListOf(Whole(), most=2), "[1, 2, 3]", "0 to 2 values", ""),
    (ListOf(Whole(), least=1), "[]", "1 to 1000 values", ""),
    (ListOf(Whole()), "1", "must be a list", ""),
    (ListOf(Whole()), "[1, a]", "`1`: this must be a whole number", ""),
    (MapOf(Whole(), most=1), "{a: 1, b: 2}", "0 to 1 keys", ""),
    (MapOf(Whole(), Text(1)), "{ab: 1}", "`ab`: this must have", ""),
    (MapOf(Whole()), "[a]", "must be a mapping", ""),
    (RECORD, "{nam: a}", "unknown key `nam`", "`name`"),
    (RECORD, "{zzz: a}", "unknown key `zzz`", "known keys: name, size"),
    (RECORD, "{size: 1}", "the key `name` is missing", ""),
    (RECORD, "[]", "the document: this must be a mapping", ""),
    (RECORD, "", "empty", "the page"),
]


@pytest.mark.parametrize(("shape", "text", "words", "hint"), REFUSED)
def test_a_value_that_does_not_fit_is_refused(shape: Shape, text: str, words: str, hint: str) -> None:
    """What does not fit is refused with file, line, path and, where there is one, a suggestion."""
    with pytest.raises(DocumentError) as caught:
        read_document(load_yaml(text.encode(), "f.yaml"), shape, "the page")
    assert caught.value.message.startswith("f.yaml:1: ")
    assert words in caught.value.message
    assert hint in caught.value.hint
