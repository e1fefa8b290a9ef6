"""Finds the one JSON object that a model meant, in whatever it wrote.

Fences, prose around, a reasoning block before, a string that holds the JSON, a list of one, the same object twice: each has one
meaning and is read. Two different objects, an object that does not end, repeated keys, NaN, deep nesting: none is a plan. What
cannot be read is refused with a reason code; nothing else comes out, and the work is linear in the length of the text.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

MAX_ANSWER_CHARS: Final = 64 * 1024
MAX_DEPTH: Final = 8
MAX_OBJECTS: Final = 16
MAX_DIGITS: Final = 18
"""INVARIANT (bounded): characters, nesting, objects and digits of a number in an answer."""

_THOUGHT = re.compile(r"\s*<think(?:ing)?>")
_THOUGHT_END = re.compile(r"</think(?:ing)?>")
_OPENING = re.compile(r'\{(?=\s*["}])')


class RefusedAnswerError(Exception):
    """An answer that is not carried out; `code` is the reason code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RefusedAnswerError("answer-repeated-key")
    return found


def _constant(text: str) -> Any:
    raise RefusedAnswerError("answer-unreadable")


def _number(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise RefusedAnswerError("answer-unreadable")
    return int(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant, parse_int=_number, strict=False)


def find_object(text: str) -> dict[str, Any]:
    """Return the only JSON object in `text`; raises `RefusedAnswerError` when there is none, or no single one."""
    if len(text) > MAX_ANSWER_CHARS:
        raise RefusedAnswerError("answer-too-long")
    text = _without_thought(text)
    whole = _decode_whole(text)
    if whole is not None:
        return whole
    found: list[dict[str, Any]] = []
    at = 0
    while (opening := _OPENING.search(text, at)) is not None:
        value, at = _decode(text, opening.start())
        if value not in found:
            found.append(value)
        if len(found) > MAX_OBJECTS:
            break
    if not found:
        raise RefusedAnswerError("answer-unreadable")
    if len(found) > 1:
        raise RefusedAnswerError("answer-ambiguous")
    return _checked(found[0])


def _without_thought(text: str) -> str:
    """Return what stands after a block of reasoning, whose beginning some servers leave out; one that does not end is no
    answer, whatever it considers on the way."""
    *_, end = [0, *(found.end() for found in _THOUGHT_END.finditer(text))]
    if not end and _THOUGHT.match(text):
        raise RefusedAnswerError("answer-unreadable")
    return text[end:]


def _decode_whole(text: str) -> dict[str, Any] | None:
    """Return the object that the text is as a whole: bare, in a list of one, or in a string; None when it is none of these."""
    for _ in range(2):
        try:
            value = _DECODER.decode(text.strip())
        except RecursionError:
            raise RefusedAnswerError("answer-too-deep") from None
        except ValueError:
            return None
        if isinstance(value, list) and value:
            if any(item != value[0] for item in value[1:]):
                raise RefusedAnswerError("answer-ambiguous")
            value = value[0]
        if isinstance(value, dict):
            return _checked(value)
        if not isinstance(value, str):
            raise RefusedAnswerError("answer-unreadable")
        text = value
    raise RefusedAnswerError("answer-unreadable")


def _decode(text: str, at: int) -> tuple[dict[str, Any], int]:
    """Return the object that begins at `at` and where it ends. One that does not end is not passed over: what stands inside
    it would be taken for the answer."""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except RecursionError:
        raise RefusedAnswerError("answer-too-deep") from None
    except ValueError:
        raise RefusedAnswerError("answer-unreadable") from None
    return value, end


def _checked(value: dict[str, Any]) -> dict[str, Any]:
    """Return the object when it is nested no deeper than `MAX_DEPTH`."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [item for node in level for item in (node.values() if isinstance(node, dict) else node)]
        level = [item for item in level if isinstance(item, dict | list)]
        if not level:
            return value
    raise RefusedAnswerError("answer-too-deep")
