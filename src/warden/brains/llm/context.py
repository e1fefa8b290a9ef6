"""The layers of a prompt: gathered, redacted, and only then cut; each with its digest, for the ledger.

Layers in their order: `system` (what is asked for), `charter` (its prose), `catalogue` (the entries that matter here), `thread`
(earlier messages between this sender and us, as the engine gave them), `message`. Text of others is JSON, so that nothing in it
ends its string. What is random in a prompt (marks, the canary) is not part of a layer: the same question has the same digests.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from warden.model.consultation import ContextManifest, LayerManifest
from warden.model.digests import digest_text, digest_value

if TYPE_CHECKING:
    from warden.model.catalog import CatalogEntry
    from warden.model.message import Message
    from warden.ports import Redactor

LAYER_BYTES: Final = 64 * 1024
CONTEXT_BYTES: Final = 750 * 1024
"""INVARIANT (bounded): bytes of one layer and of all of them together, the marks of cuts included."""

ESCAPED: Final = "<["
ESCAPE_BYTES: Final = 5
"""Characters of data that are shown as JSON escapes of six bytes, and how much each grows by that."""

CUT_MARK: Final = "[cut here: the rest is left out]"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer before and after it was redacted and cut; `keep_end` says that its end matters more than its beginning,
    `is_data` that others wrote it, and that it is shown with some characters escaped (`prompt.mark_data`)."""

    name: str
    text: str
    redactions: Mapping[str, int] = field(default_factory=dict)
    keep_end: bool = False
    cut: bool = False
    is_data: bool = False

    @property
    def shown_bytes(self) -> int:
        """Bytes of the text as it is shown, escapes included: what a sender writes may grow six-fold on its way."""
        size = len(self.text.encode("utf-8", "surrogatepass"))
        return size + ESCAPE_BYTES * sum(map(self.text.count, ESCAPED)) if self.is_data else size


@dataclass(frozen=True, slots=True)
class Context:
    """All layers of one prompt, ready to be rendered."""

    layers: tuple[Layer, ...]

    @property
    def shown_bytes(self) -> int:
        """Bytes of all layers as they are shown."""
        return sum(layer.shown_bytes for layer in self.layers)

    @property
    def texts(self) -> Mapping[str, str]:
        """The texts of all layers by name, in their order."""
        return {layer.name: layer.text for layer in self.layers}

    @property
    def manifest(self) -> ContextManifest:
        """Digests, sizes and counts: what may be written down."""
        layers = tuple(
            LayerManifest(
                layer.name,
                digest_text(layer.text),
                len(layer.text.encode("utf-8", "surrogatepass")),
                layer.cut,
                layer.redactions,
            )
            for layer in self.layers
        )
        return ContextManifest(digest_value([[layer.name, layer.digest] for layer in layers]), layers)


def cut_layers(
    layers: Iterable[Layer], layer_bytes: int = LAYER_BYTES, context_bytes: int = CONTEXT_BYTES
) -> tuple[Layer, ...]:
    """Return the layers, none of them larger than `layer_bytes` and all of them together no larger than `context_bytes`.

    Where all together are too large, later layers are kept before earlier ones: the message is the last.
    """
    kept: list[Layer] = []
    left = context_bytes
    for layer in reversed(tuple(layers)):
        fitting = _cut(layer, min(layer_bytes, left))
        left -= fitting.shown_bytes
        kept.append(fitting)
    return tuple(reversed(kept))


def _cut(layer: Layer, size_bytes: int) -> Layer:
    """Return the layer, cut so that no more than `size_bytes` of it are shown."""
    found, size = layer, size_bytes
    while found.shown_bytes > size_bytes:
        found = _cut_text(layer, max(0, size))
        size = min(size - 1, size * size_bytes // max(1, found.shown_bytes))
    return found


def _cut_text(layer: Layer, size_bytes: int) -> Layer:
    data = layer.text.encode("utf-8", "surrogatepass")
    if len(data) <= size_bytes:
        return layer
    room = size_bytes - len(CUT_MARK) - 1
    if room < 0:
        text = CUT_MARK[: max(0, size_bytes)]
    elif layer.keep_end:
        text = CUT_MARK + "\n" + data[len(data) - room :].decode("utf-8", "ignore")
    else:
        text = data[:room].decode("utf-8", "ignore") + "\n" + CUT_MARK
    return replace(layer, text=text, cut=True)


class LayerWriter:
    """Writes layers, each value through the redactor before it is put into JSON, and the whole layer once more.

    INVARIANT (no-secret): nothing gets into a prompt that the redactor did not see before anything was cut from it.
    """

    def __init__(self, redact: Redactor) -> None:
        self._redact = redact

    def plain(self, name: str, text: str) -> Layer:
        """Return a layer of our own text."""
        clean, counts = self._redact(_sound(text))
        return Layer(name, clean, counts)

    def catalogue(self, entries: Sequence[CatalogEntry]) -> Layer:
        """Return the layer of these entries, one JSON object a line."""
        return self._write(
            "catalogue",
            [
                {
                    "entry_id": entry.id,
                    "title": entry.title,
                    "owner": entry.owner,
                    "about": ", ".join((*entry.topics, *entry.aliases)[:12]),
                    "answer": entry.answer,
                }
                for entry in entries
            ],
        )

    def thread(self, messages: Sequence[Message]) -> Layer:
        """Return the layer of earlier messages, oldest first; when it is cut, the newest remain."""
        return replace(self._write("thread", [_told(message) for message in messages]), keep_end=True, is_data=True)

    def message(self, message: Message) -> Layer:
        """Return the layer of the message itself."""
        return replace(self._write("message", [_told(message)]), is_data=True)

    def _write(self, name: str, items: Sequence[Mapping[str, str]]) -> Layer:
        counts: dict[str, int] = {}
        lines = []
        for item in items:
            told = {}
            for key, value in item.items():
                told[key], found = self._redact(_sound(value))
                _add(counts, found)
            lines.append(json.dumps(told, ensure_ascii=False, separators=(",", ":")))
        text, found = self._redact("\n".join(lines))
        _add(counts, found)
        return Layer(name, text, dict(sorted(counts.items())))


def _told(message: Message) -> dict[str, str]:
    content = message.content
    return {"from": message.sender.name, "subject": content.subject, "body": content.body}


def _sound(text: str) -> str:
    """Return the text without lone surrogates, which no wire format can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _add(counts: dict[str, int], found: Mapping[str, int]) -> None:
    for kind, number in found.items():
        counts[kind] = counts.get(kind, 0) + number
