"""Changing a catalogue's text where a patch changes it, so that comments, order and spelling of the rest stay as they are.

What it does: adds phrases to the lists of entries, in the style in which each list is written. What it does not: decide. The
caller reads what comes out and compares it with what the patch means; where the two differ, nothing of this is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from warden.documents.emit import emit_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from warden.model.catalog import Catalog, CatalogEntry

_LISTS = ("aliases", "questions")


def edited(data: bytes, before: Catalog, after: Catalog) -> bytes | None:
    """Return the text of `before` with the phrases of `after` added, None when a place for one is not found."""
    try:
        text = data.decode("utf-8")
        places = {_word(entry, "id"): entry for entry in _value(_root(text), "entries").value}
        changes = sorted(_changes(text, places, before, after), reverse=True)
    except (UnicodeDecodeError, yaml.YAMLError, KeyError, AttributeError):
        return None
    for place, words in changes:
        text = text[:place] + words + text[place:]
    return text.encode("utf-8")


def _root(text: str) -> Any:
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _changes(text: str, places: dict[str, Any], before: Catalog, after: Catalog) -> Iterator[tuple[int, str]]:
    """Return where to put which words."""
    for old, new in zip(before.entries, after.entries, strict=True):
        for name in _LISTS:
            added = _added(old, new, name)
            if added:
                yield _insertion(text, places[old.id], name, added)


def _added(old: CatalogEntry, new: CatalogEntry, name: str) -> list[str]:
    known = getattr(old, name)
    return [phrase for phrase in getattr(new, name) if phrase not in known]


def _insertion(text: str, entry: Any, name: str, added: list[str]) -> tuple[int, str]:
    quoted = [_quoted(phrase) for phrase in added]
    try:
        found = _value(entry, name)
    except KeyError:
        if entry.flow_style:
            return entry.start_mark.index + 1, f"{name}: [{', '.join(quoted)}], "
        key = entry.value[0][0].start_mark
        return key.index, f"{name}: [{', '.join(quoted)}]\n{' ' * key.column}"
    if found.flow_style:
        if not found.value:
            return found.start_mark.index + 1, ", ".join(quoted)
        return found.value[-1].end_mark.index, "".join(f", {one}" for one in quoted)
    last = found.value[-1]
    indent = " " * found.start_mark.column
    return _line_end(text, last.end_mark.index), "".join(f"\n{indent}- {one}" for one in quoted)


def _line_end(text: str, index: int) -> int:
    """Return where the line of this place ends, behind a comment on it."""
    end = text.find("\n", index)
    return len(text) if end < 0 else end - (text[end - 1] == "\r")


def _value(mapping: Any, name: str) -> Any:
    for key, value in mapping.value:
        if key.value == name:
            return value
    raise KeyError(name)


def _word(mapping: Any, name: str) -> str:
    return str(_value(mapping, name).value)


def _quoted(phrase: str) -> str:
    (line,) = _lines(emit_yaml({"x": phrase}))
    return line.removeprefix("x: ")


def _lines(text: str) -> Iterable[str]:
    return text.strip("\n").split("\n")
