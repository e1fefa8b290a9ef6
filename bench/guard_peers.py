"""Other scanners as finders, where they are installed: `pip install detect-secrets kingfisher-secret-scanner`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Finder = Callable[[str], list[tuple[int, int]]]


def peers() -> Iterator[tuple[str, Finder]]:
    """Yield name and finder of each installed peer, set up as its documentation says."""
    if find_spec("detect_secrets"):
        yield "detect-secrets", _detect_secrets()
    if find_spec("kingfisher_sdk"):
        yield "kingfisher", _kingfisher()


def _detect_secrets() -> Finder:
    settings: Any = import_module("detect_secrets.settings")
    scan: Any = import_module("detect_secrets.core.scan")

    path = Path(tempfile.mkdtemp(prefix="guard-peers-")) / "text.txt"

    def find(text: str) -> list[tuple[int, int]]:
        path.write_text(text, "utf-8", errors="replace")
        spans = []
        with settings.default_settings():
            for secret in scan.scan_file(str(path)):
                value = secret.secret_value or ""
                at = text.find(value) if value else -1
                if at >= 0:
                    spans.append((at, at + len(value)))
        return spans

    return find


def _kingfisher() -> Finder:
    from warden.scanners.kingfisher import KingfisherScanner

    scanner = KingfisherScanner(Path(tempfile.gettempdir()) / "guard-peers-kingfisher")
    scanner.prewarm()
    return lambda text: [(f.start, f.end) for f in scanner.scan(text)]
