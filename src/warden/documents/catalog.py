"""The routing catalogue's file format, read strictly into `model.catalog.Catalog`.

Format (YAML): one mapping with the single key `entries`, a list of mappings with the keys `id`, `title`, `owner`, `answer`
(required), `topics`, `aliases`, `questions`, `links` (lists of strings) and `scope` (`route`, the default, or `own`).
Refused, each with `file:line` and what to do: whatever `documents.yaml` refuses, aliases, unknown keys, repeated ids, empty
or oversized values, control and direction characters, links that are neither an https URL nor a plain relative path.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import TypeAlias

from warden.documents.yaml import Document, YamlLimits, load_yaml
from warden.errors import DocumentError, quote
from warden.model.catalog import Catalog, CatalogEntry
from warden.model.digests import digest_bytes

Path: TypeAlias = tuple[str | int, ...]

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
    """Reads one parsed document; every refusal names the file and line."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def refuse(self, path: Path, message: str, hint: str) -> DocumentError:
        return DocumentError(message, hint, self._document.place(path))

    def read(self) -> Iterator[CatalogEntry]:
        values = self.mapping((), self._document.value, "the catalogue", ("entries",))
        nodes = self.items(("entries",), values.get("entries"), "`entries`", MAX_ENTRIES)
        if not nodes:
            raise self.refuse((), "the catalogue has no entries", "begin with `entries:` and add at least one")
        seen: set[str] = set()
        for number, value in enumerate(nodes):
            entry = self.entry(("entries", number), value)
            if entry.id.lower() in seen:
                hint = "give one of the entries another id"
                raise self.refuse(("entries", number, "id"), f"the id {quote(entry.id)} is used twice", hint)
            seen.add(entry.id.lower())
            yield entry

    def mapping(self, path: Path, value: object, what: str, known: tuple[str, ...]) -> dict[str, object]:
        if not isinstance(value, dict):
            raise self.refuse(path, f"{what} is not a mapping", "write it as `key: value` lines")
        for key in value:
            if key not in known:
                close = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.5) if len(key) <= 64 else []
                hint = f"did you mean `{close[0]}`?" if close else "known keys: " + ", ".join(known)
                raise self.refuse((*path, key), f"{what} has an unknown key {quote(key)}", hint)
        return value

    def items(self, path: Path, value: object, what: str, limit: int) -> list[object]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.refuse(path, f"{what} is not a list", "write one item a line, each after `- `")
        if len(value) > limit:
            raise self.refuse(path, f"{what} has more than {limit} items", "split or shorten it")
        return value

    def text(self, path: Path, value: object, what: str, max_chars: int) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is None or value == "":
            raise self.refuse(path, f"{what} is empty", "fill it in or leave the key out")
        if not isinstance(value, str):
            raise self.refuse(path, f"{what} is not a text", "write one string, in quotes if YAML reads it otherwise")
        if _FORBIDDEN.search(value):
            raise self.refuse(path, f"{what} holds a control or direction character", "remove it")
        value = value.strip()
        if not value:
            raise self.refuse(path, f"{what} is empty", "fill it in or leave the key out")
        if len(value) > max_chars:
            raise self.refuse(path, f"{what} is longer than {max_chars} characters", "shorten it")
        return value

    def line(self, path: Path, value: object, what: str, max_chars: int = MAX_PHRASE_CHARS) -> str:
        text = self.text(path, value, what, max_chars)
        if "\n" in text or "\t" in text:
            raise self.refuse(path, f"{what} has more than one line", "write it on one line")
        return text

    def entry(self, path: Path, value: object) -> CatalogEntry:
        what = f"entry {int(path[-1]) + 1}"
        values = self.mapping(path, value, what, KEYS)
        for key in REQUIRED:
            if key not in values:
                raise self.refuse(path, f"{what} has no `{key}`", f"add `{key}:` to it")
        entry_id = self.line((*path, "id"), values["id"], f"the id of {what}")
        if not _ID.fullmatch(entry_id):
            hint = "use letters, digits, `-`, `_` and `.`, at most 64, beginning with a letter or digit"
            raise self.refuse((*path, "id"), f"the id {quote(entry_id)} is not acceptable", hint)
        what = f"entry {quote(entry_id)}"
        return CatalogEntry(
            id=entry_id,
            title=self.line((*path, "title"), values["title"], f"the title of {what}"),
            owner=self.line((*path, "owner"), values["owner"], f"the owner of {what}"),
            answer=self.answer((*path, "answer"), values["answer"], what),
            topics=self.phrases(path, values, "topics", what),
            aliases=self.phrases(path, values, "aliases", what),
            questions=self.phrases(path, values, "questions", what),
            links=self.links(path, values, what),
            scope=self.scope(path, values, what),
        )

    def answer(self, path: Path, value: object, what: str) -> str:
        text = self.text(path, value, f"the answer of {what}", MAX_ANSWER_BYTES)
        if len(text.encode()) > MAX_ANSWER_BYTES:
            raise self.refuse(path, f"the answer of {what} is over {MAX_ANSWER_BYTES} bytes", "shorten it; use links")
        return text

    def phrases(self, path: Path, values: dict[str, object], key: str, what: str) -> tuple[str, ...]:
        path = (*path, key)
        items = self.items(path, values.get(key), f"`{key}` of {what}", MAX_ITEMS)
        return tuple(self.line((*path, at), item, f"an item of `{key}` of {what}") for at, item in enumerate(items))

    def links(self, path: Path, values: dict[str, object], what: str) -> tuple[str, ...]:
        path = (*path, "links")
        found: list[str] = []
        for at, item in enumerate(self.items(path, values.get("links"), f"`links` of {what}", MAX_LINKS)):
            link = self.line((*path, at), item, f"a link of {what}", MAX_LINK_CHARS)
            if not _HTTPS.fullmatch(link) and not (_RELATIVE.fullmatch(link) and ".." not in link):
                hint = "write `https://host/path` without user name or spaces, or a plain relative path"
                raise self.refuse((*path, at), f"the link {quote(link)} of {what} is not acceptable", hint)
            found.append(link)
        return tuple(found)

    def scope(self, path: Path, values: dict[str, object], what: str) -> str:
        value = values.get("scope", SCOPES[0])
        if value not in SCOPES:
            hint = "use `route` or `own`"
            raise self.refuse((*path, "scope"), f"the scope {quote(value)} of {what} is unknown", hint)
        return str(value)


def load_catalog(data: bytes, name: str) -> Catalog:
    """Return the catalogue in `data`; `name` is the file's name as people know it, for error texts.

    Raises `DocumentError` with `file:line` when anything in it is not of the format that this module describes. The
    digest is that of the bytes.
    """
    if len(data) > MAX_FILE_BYTES:
        raise DocumentError(f"the catalogue is over {MAX_FILE_BYTES} bytes", "split or shorten it", name)
    document = load_yaml(data, name, YamlLimits(size_bytes=MAX_FILE_BYTES, depth=MAX_DEPTH, aliases=0))
    return Catalog(entries=tuple(_Reader(document).read()), digest=digest_bytes(data))
