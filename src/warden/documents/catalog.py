"""The routing catalogue's file format, read strictly into `model.catalog.Catalog`.

Format (YAML): one mapping with the single key `entries`, a list of mappings with the keys `id`, `title`, `owner`, `answer`
(required), `topics`, `aliases`, `questions`, `links` (lists of strings) and `scope` (`route`, the default, or `own`).
Scalars are taken as they are written (`NO` stays `NO`). Refused, each with `file:line` and what to do: unknown and
repeated keys, repeated ids, anchors and aliases, empty or oversized values, control and bidirectional characters,
links that are neither an https URL nor a plain relative path.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from warden.errors import DocumentError, quote
from warden.model.catalog import Catalog, CatalogEntry
from warden.model.digests import digest_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yaml.events import Event
    from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_FILE_BYTES = 1024 * 1024
MAX_ENTRIES = 2000
MAX_ITEMS = 64
MAX_DEPTH = 8
MAX_PHRASE_CHARS = 300
MAX_ANSWER_BYTES = 8 * 1024
MAX_LINKS = 16
MAX_LINK_CHARS = 2000

REQUIRED = ("id", "title", "owner", "answer")
LISTS = ("topics", "aliases", "questions", "links")
KEYS = (*REQUIRED, *LISTS, "scope")
SCOPES = ("route", "own")

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_HTTPS = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?#][^\s<>\"`]*)?")
_RELATIVE = re.compile(r"[A-Za-z0-9_.-][A-Za-z0-9_./#-]*")


class _Reader:
    """Walks the nodes of one document; every refusal names the line."""

    def __init__(self, name: str) -> None:
        self._name = name

    def refuse(self, node: Node, message: str, hint: str) -> DocumentError:
        return DocumentError(message, hint, f"{self._name}:{node.start_mark.line + 1}")

    def mapping(self, node: Node, what: str, known: tuple[str, ...]) -> dict[str, Node]:
        if node.id != "mapping":
            raise self.refuse(node, f"{what} is not a mapping", "write it as `key: value` lines")
        return self._pairs(node, what, known)  # type: ignore[arg-type]

    def _pairs(self, node: MappingNode, what: str, known: tuple[str, ...]) -> dict[str, Node]:
        values: dict[str, Node] = {}
        for key_node, value_node in node.value:
            key = key_node.value if key_node.id == "scalar" else ""
            if key not in known:
                close = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.5) if len(key) <= 64 else []
                hint = f"did you mean `{close[0]}`?" if close else "known keys: " + ", ".join(known)
                raise self.refuse(key_node, f"{what} has an unknown key {quote(key)}", hint)
            if key in values:
                raise self.refuse(key_node, f"{what} has the key {quote(key)} twice", "keep one of them")
            values[key] = value_node
        return values

    def sequence(self, node: Node, what: str, limit: int) -> list[Node]:
        if node.id == "scalar" and node.value in ("", "~", "null"):
            return []
        if node.id != "sequence":
            raise self.refuse(node, f"{what} is not a list", "write one item a line, each after `- `")
        sequence: SequenceNode = node  # type: ignore[assignment]
        if len(sequence.value) > limit:
            raise self.refuse(node, f"{what} has more than {limit} items", "split or shorten it")
        return list(sequence.value)

    def text(self, node: Node, what: str, max_chars: int) -> str:
        if node.id != "scalar":
            raise self.refuse(node, f"{what} is not a text", "write one string; quote it if it holds `: ` or `#`")
        scalar: ScalarNode = node  # type: ignore[assignment]
        value: str = scalar.value
        if _FORBIDDEN.search(value):
            raise self.refuse(node, f"{what} holds a control or direction character", "remove it")
        value = value.strip()
        if not value or (scalar.style is None and value in ("~", "null")):
            raise self.refuse(node, f"{what} is empty", "fill it in or leave the key out")
        if len(value) > max_chars:
            raise self.refuse(node, f"{what} is longer than {max_chars} characters", "shorten it")
        return value

    def line(self, node: Node, what: str, max_chars: int = MAX_PHRASE_CHARS) -> str:
        value = self.text(node, what, max_chars)
        if "\n" in value or "\t" in value:
            raise self.refuse(node, f"{what} has more than one line", "write it on one line")
        return value

    def entry(self, node: Node, number: int) -> CatalogEntry:
        what = f"entry {number}"
        values = self.mapping(node, what, KEYS)
        for key in REQUIRED:
            if key not in values:
                raise self.refuse(node, f"{what} has no `{key}`", f"add `{key}:` to it")
        entry_id = self.line(values["id"], f"the id of {what}")
        if not _ID.fullmatch(entry_id):
            hint = "use letters, digits, `-`, `_` and `.`, at most 64, beginning with a letter or digit"
            raise self.refuse(values["id"], f"the id {quote(entry_id)} is not acceptable", hint)
        what = f"entry {quote(entry_id)}"
        return CatalogEntry(
            id=entry_id,
            title=self.line(values["title"], f"the title of {what}"),
            owner=self.line(values["owner"], f"the owner of {what}"),
            answer=self.answer(values["answer"], what),
            topics=self.phrases(values, "topics", what),
            aliases=self.phrases(values, "aliases", what),
            questions=self.phrases(values, "questions", what),
            links=self.links(values, what),
            scope=self.scope(values, what),
        )

    def answer(self, node: Node, what: str) -> str:
        value = self.text(node, f"the answer of {what}", MAX_ANSWER_BYTES)
        if len(value.encode()) > MAX_ANSWER_BYTES:
            raise self.refuse(node, f"the answer of {what} is over {MAX_ANSWER_BYTES} bytes", "shorten it; use links")
        return value

    def phrases(self, values: dict[str, Node], key: str, what: str) -> tuple[str, ...]:
        if key not in values:
            return ()
        nodes = self.sequence(values[key], f"`{key}` of {what}", MAX_ITEMS)
        return tuple(self.line(node, f"an item of `{key}` of {what}") for node in nodes)

    def links(self, values: dict[str, Node], what: str) -> tuple[str, ...]:
        if "links" not in values:
            return ()
        found: list[str] = []
        for node in self.sequence(values["links"], f"`links` of {what}", MAX_LINKS):
            link = self.line(node, f"a link of {what}", MAX_LINK_CHARS)
            if not _HTTPS.fullmatch(link) and not (_RELATIVE.fullmatch(link) and ".." not in link):
                hint = "write `https://host/path` without user name or spaces, or a plain relative path"
                raise self.refuse(node, f"the link {quote(link)} of {what} is not acceptable", hint)
            found.append(link)
        return tuple(found)

    def scope(self, values: dict[str, Node], what: str) -> str:
        if "scope" not in values:
            return SCOPES[0]
        value = self.line(values["scope"], f"the scope of {what}")
        if value not in SCOPES:
            raise self.refuse(values["scope"], f"the scope {quote(value)} of {what} is unknown", "use `route` or `own`")
        return value


def _check_events(events: Iterable[Event], name: str) -> None:
    """Refuse anchors, aliases and deep nesting before the recursive composer sees them."""
    import yaml

    depth = 0
    for event in events:
        place = f"{name}:{event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise DocumentError("anchors and aliases are not allowed", "write the value out", place)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise DocumentError("the catalogue is nested too deeply", "entries are flat", place)


def _compose(data: bytes, name: str) -> Node:
    import yaml

    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError("the catalogue is not UTF-8", "save it as UTF-8", f"{name}:{line}") from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_events(yaml.parse(text, Loader=loader), name)
        root = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark is not None else name
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise DocumentError(f"not valid YAML: {quote(problem)}", "check indentation and quotes", place) from None
    if root is None:
        raise DocumentError("the catalogue is empty", "begin with `entries:`", name)
    return root


def load_catalog(data: bytes, name: str) -> Catalog:
    """Return the catalogue in `data`; `name` is the file's name as people know it, for error texts.

    Raises `DocumentError` with `file:line` when anything in it is not of the format that this module describes. The
    digest is that of the bytes.
    """
    if len(data) > MAX_FILE_BYTES:
        raise DocumentError(f"the catalogue is over {MAX_FILE_BYTES} bytes", "split or shorten it", name)
    reader = _Reader(name)
    root = _compose(data, name)
    values = reader.mapping(root, "the catalogue", ("entries",))
    nodes = reader.sequence(values["entries"], "`entries`", MAX_ENTRIES) if "entries" in values else []
    if not nodes:
        raise reader.refuse(root, "the catalogue has no entries", "add at least one under `entries:`")
    entries: list[CatalogEntry] = []
    seen: set[str] = set()
    for number, node in enumerate(nodes, start=1):
        entry = reader.entry(node, number)
        if entry.id.lower() in seen:
            raise reader.refuse(node, f"the id {quote(entry.id)} is used twice", "give one of the entries another id")
        seen.add(entry.id.lower())
        entries.append(entry)
    return Catalog(entries=tuple(entries), digest=digest_bytes(data))
