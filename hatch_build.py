"""Build hook: copy `charter/` into the package and pin its digest.

The wheel carries `warden/_charter/` with the files of `charter/` and a `pin.json` that names the digest of each file
that the pin covers. The pin guards against accidents and stale copies, not against someone who can write to the
installed package. `catalog.yaml` is data and stands outside the pin: every run names its digest instead.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

UNPINNED = {"catalog.yaml"}


def copy_charter(root: Path) -> None:
    """Write `src/warden/_charter/` anew from `charter/`, with the digests of the pinned files in `pin.json`."""
    source, target = root / "charter", root / "src" / "warden" / "_charter"
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    pins: dict[str, str] = {}
    for path in sorted(source.iterdir()):
        if not path.is_file():
            continue
        data = path.read_bytes()
        (target / path.name).write_bytes(data)
        if path.name not in UNPINNED:
            pins[path.name] = "sha256:" + hashlib.sha256(data).hexdigest()
    (target / "pin.json").write_text(json.dumps(pins, indent=2, sort_keys=True) + "\n")


class CharterBuildHook(BuildHookInterface[Any]):
    """Runs `copy_charter` before every build, editable or not."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        copy_charter(Path(self.root))
