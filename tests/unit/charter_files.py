"""The charter of this source tree, read once for the tests that judge with it."""

from __future__ import annotations

import functools
from pathlib import Path

from warden.documents.charter import load_charter
from warden.policy import Charter, Kernel

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / "charter"


def charter_bytes() -> dict[str, bytes]:
    """Every file of `charter/` by name."""
    return {path.name: path.read_bytes() for path in DIRECTORY.iterdir() if path.is_file()}


@functools.cache
def charter() -> Charter:
    """The parsed charter."""
    return load_charter(charter_bytes())


@functools.cache
def charter_kernel() -> Kernel:
    """A kernel of the charter alone."""
    return Kernel(charter())
