"""A request prepared for matching: every text that is compared without regard to case is folded once."""

from __future__ import annotations

from collections.abc import Iterable

from warden.model.request import McpCall, Request


def fold(text: str) -> str:
    """Return `text` as lists compare it: trimmed, without regard to case (Unicode default caseless matching)."""
    return text.strip().casefold()


def fold_all(texts: Iterable[str]) -> frozenset[str]:
    """Return the folded texts without the empty ones, which never match anything."""
    return frozenset(folded for text in texts if (folded := fold(text)))


class Facts:
    """The folded request. `mcp` is (server, tool, resource, action), or None when the request has no MCP part."""

    __slots__ = (
        "actor_id",
        "actor_type",
        "capability",
        "counts",
        "labels",
        "mcp",
        "pack_id",
        "request",
        "requires",
        "risk_tags",
        "secrets_present",
        "tenant",
        "topic",
    )

    def __init__(self, request: Request) -> None:
        self.request = request
        self.topic = request.topic
        self.tenant = fold(request.tenant)
        self.capability = fold(request.capability)
        self.pack_id = fold(request.pack_id)
        self.actor_id = fold(request.actor_id)
        self.actor_type = fold(request.actor_type)
        self.risk_tags = fold_all(request.risk_tags)
        self.requires = fold_all(request.requires)
        self.labels = request.labels
        self.counts = request.counts
        self.secrets_present = request.secrets_present
        self.mcp = _mcp(request.mcp)


def _mcp(call: McpCall | None) -> tuple[str, str, str, str] | None:
    if call is None:
        return None
    parts = (fold(call.server), fold(call.tool), fold(call.resource), fold(call.action))
    return parts if any(parts) else None
