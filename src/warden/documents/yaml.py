"""YAML as this house reads it: the 1.2 core schema, one document, UTF-8, no duplicates, no surprises.

The tokens come from PyYAML's parser (libyaml's, where it is built in) as a stream of events; everything that gives them
meaning is here, so that each limit is checked before memory is spent. YAML 1.2.2, section 10.3 (core schema).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from warden.errors import DocumentError, quote


@dataclass(frozen=True, slots=True)
class YamlLimits:
    """Bounds on one document. `nodes` counts an alias as all the nodes that it stands for."""

    size_bytes: int = 2 * 1024 * 1024
    nodes: int = 200_000
    depth: int = 32
    aliases: int = 64
    digits: int = 40


DEFAULT_LIMITS = YamlLimits()


@dataclass(slots=True)
class Mark:
    """Where a node starts (lines count from 1), and the marks of its children by key or index."""

    line: int
    children: dict[str | int, Mark] = field(default_factory=dict)
    key_line: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document: its name, its value (dict, list, str, int, float, bool or None), and where each part stands."""

    name: str
    value: object
    mark: Mark

    def line(self, path: tuple[str | int, ...] = ()) -> int:
        """Return the line of the part at `path`, or of the nearest part above it that exists."""
        mark = self.mark
        line = mark.line
        for step in path:
            child = mark.children.get(step)
            if child is None:
                break
            mark = child
            line = mark.key_line or mark.line
        return line

    def place(self, path: tuple[str | int, ...] = ()) -> str:
        """Return `file:line` of the part at `path`."""
        return f"{self.name}:{self.line(path)}"


_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_STRING_TAGS = ("!", "tag:yaml.org,2002:str")


@dataclass(frozen=True, slots=True)
class _Anchor:
    value: object
    mark: Mark
    nodes: int
    depth: int


class _Reader:
    """Builds values from one stream of parser events; used once."""

    def __init__(self, events: Iterator[Any], name: str, limits: YamlLimits) -> None:
        self.events = events
        self.name = name
        self.limits = limits
        self.nodes = 0
        self.aliases = 0
        self.deepest = 0
        self.anchors: dict[str, _Anchor | None] = {}

    def fail(self, event: Any, message: str, hint: str = "") -> DocumentError:
        return DocumentError(message, hint, f"{self.name}:{event.start_mark.line + 1}")

    def read(self) -> tuple[object, Mark]:
        """Return the value and marks of the only document of the stream."""
        next(self.events)
        first = next(self.events)
        if type(first).__name__ == "StreamEndEvent":
            return None, Mark(1)
        if first.version is not None and tuple(first.version) != (1, 2):
            raise self.fail(first, "the document declares another YAML version than 1.2", "remove the %YAML line")
        value, mark = self.node(next(self.events), 0)
        next(self.events)
        after = next(self.events)
        if type(after).__name__ != "StreamEndEvent":
            raise self.fail(after, "the file holds more than one document", "keep one document per file")
        return value, mark

    def node(self, event: Any, depth: int) -> tuple[object, Mark]:
        """Return value and marks of the node that starts with `event`, `depth` collections deep."""
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self.alias(event, depth)
        self.count(event, 1, depth)
        anchor = event.anchor
        before, self.deepest = (self.nodes, self.deepest), max(self.deepest, depth)
        if anchor is not None:
            # While the node is being built its anchor stands for nothing, so a node cannot contain itself.
            self.anchors[anchor] = None
            self.deepest = depth
        if kind == "ScalarEvent":
            value: object = self.scalar(event)
            mark = Mark(event.start_mark.line + 1)
        elif kind == "SequenceStartEvent":
            value, mark = self.sequence(event, depth + 1)
        else:
            value, mark = self.mapping(event, depth + 1)
        if anchor is not None:
            self.anchors[anchor] = _Anchor(value, mark, self.nodes - before[0] + 1, self.deepest - depth)
            self.deepest = max(self.deepest, before[1])
        return value, mark

    def count(self, event: Any, nodes: int, depth: int) -> None:
        self.nodes += nodes
        if self.nodes > self.limits.nodes:
            raise self.fail(event, f"the document has more than {self.limits.nodes} nodes")
        if depth > self.limits.depth:
            raise self.fail(event, f"the document is nested more than {self.limits.depth} levels deep")

    def alias(self, event: Any, depth: int) -> tuple[object, Mark]:
        self.aliases += 1
        if self.aliases > self.limits.aliases:
            raise self.fail(event, f"the document uses more than {self.limits.aliases} aliases")
        anchored = self.anchors.get(event.anchor)
        if anchored is None:
            raise self.fail(event, f"alias {quote(event.anchor)} has no anchor before it")
        self.count(event, anchored.nodes, depth + anchored.depth)
        self.deepest = max(self.deepest, depth + anchored.depth)
        return anchored.value, Mark(event.start_mark.line + 1, anchored.mark.children)

    def refuse_tag(self, event: Any) -> None:
        if event.tag is not None and event.tag != "!":
            raise self.fail(event, f"tag {quote(event.tag)} is not allowed", "write the plain value")

    def sequence(self, event: Any, depth: int) -> tuple[object, Mark]:
        self.refuse_tag(event)
        values: list[object] = []
        mark = Mark(event.start_mark.line + 1)
        for item in self.events:
            if type(item).__name__ == "SequenceEndEvent":
                break
            value, child = self.node(item, depth)
            mark.children[len(values)] = child
            values.append(value)
        return values, mark

    def mapping(self, event: Any, depth: int) -> tuple[object, Mark]:
        self.refuse_tag(event)
        values: dict[str, object] = {}
        mark = Mark(event.start_mark.line + 1)
        for item in self.events:
            if type(item).__name__ == "MappingEndEvent":
                break
            key = self.key(item, depth)
            if key in values:
                first = mark.children[key].key_line
                raise self.fail(item, f"key {quote(key)} stands here twice, first in line {first}", "keep one of them")
            value, child = self.node(next(self.events), depth)
            mark.children[key] = Mark(child.line, child.children, item.start_mark.line + 1)
            values[key] = value
        return values, mark

    def key(self, event: Any, depth: int) -> str:
        if type(event).__name__ not in ("ScalarEvent", "AliasEvent"):
            raise self.fail(event, "a key must be a plain string")
        key, _ = self.node(event, depth)
        if not isinstance(key, str):
            raise self.fail(event, f"key {quote(getattr(event, 'value', ''))} is not a string", "put it in quotes")
        if key == "<<" and getattr(event, "implicit", (False,))[0]:
            raise self.fail(event, "merge keys are not part of YAML 1.2", "repeat the keys")
        return key

    def scalar(self, event: Any) -> object:
        text = str(event.value)
        if event.tag is not None and event.tag not in _STRING_TAGS:
            raise self.fail(event, f"tag {quote(event.tag)} is not allowed", "write the plain value")
        if event.tag is not None or not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in "-+.0123456789":
            return text
        return self.number(event, text)

    def number(self, event: Any, text: str) -> object:
        """Return the number that the core schema sees in `text`, or `text` itself."""
        base = 10 if _INTEGER.match(text) else 8 if _OCTAL.match(text) else 16 if _HEXADECIMAL.match(text) else 0
        is_float = not base and _FLOAT.match(text) is not None
        if (base or is_float) and len(text) > self.limits.digits:
            raise self.fail(event, f"a number has more than {self.limits.digits} digits", "put it in quotes")
        if base:
            return int(text if base == 10 else text[2:], base)
        value = float(text) if is_float else 0.0
        if _NOT_FINITE.match(text) or value in (float("inf"), float("-inf")):
            raise self.fail(event, f"{quote(text)} is not a finite number", "put it in quotes if it is text")
        return value if is_float else text


def _decode(data: bytes, name: str, limits: YamlLimits) -> str:
    if len(data) > limits.size_bytes:
        raise DocumentError(f"the file has more than {limits.size_bytes} bytes", place=name)
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError("the file is not UTF-8", "save it as UTF-8", f"{name}:{line}") from None


def load_yaml(data: bytes, name: str, limits: YamlLimits = DEFAULT_LIMITS) -> Document:
    """Return the one YAML document in `data`; `name` is the file name for messages.

    Raises `DocumentError` with `file:line` for anything but one well-formed UTF-8 document within `limits` whose keys
    are distinct strings. An empty file is a document whose value is None.
    """
    import yaml

    shown = quote(name)[1:-1]
    text = _decode(data, shown, limits)
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        value, mark = _Reader(iter(yaml.parse(text, Loader=loader)), shown, limits).read()
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = place.line + 1 if place is not None else 1
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not well-formed"
        raise DocumentError(f"not valid YAML: {quote(problem)[1:-1]}", place=f"{shown}:{line}") from None
    return Document(shown, value, mark)
