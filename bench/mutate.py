"""Mutation testing: change the code a little, one change at a time, and see whether a test notices.

`python bench/mutate.py src/warden/policy [...] [--sample N] [--seed S] [--jobs J] [--out FILE]`

Each mutant lives in a copy of `src` that is put in front of the path; the quick tests that execute the changed statement
run until the first failure, the quickest of them first. A survivor is printed with its place: either a test is missing, or
the change means nothing, and a person says which.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import py_compile
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench.covering import Covering, end, preload, run_tests  # noqa: E402 - found through the path that was just added
from bench.mutants import Mutant, changed_source, lines_around, mutants_of  # noqa: E402

TIMEOUT_S = 60.0
"""How much longer than without a change the tests of a mutant may take: one that never ends is noticed."""
PAUSE_S = 0.02


class Slot:
    """One copy of the source, in which one mutant after the other is tried."""

    def __init__(self, directory: Path) -> None:
        self.source = directory / "src"
        shutil.copytree(ROOT / "src", self.source, ignore=shutil.ignore_patterns("__pycache__"))
        # Found stale by content: a change within the same second and of the same length is one all the same.
        mode = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(self.source, quiet=2, invalidation_mode=mode)
        self.mutant: Mutant | None = None
        self._child = 0
        self._ends = 0.0
        self._original = ""

    def begin(self, mutant: Mutant, covering: Covering) -> None:
        """Make the change and start its tests."""
        self._original = (ROOT / mutant.path).read_text(encoding="utf-8")
        parts = covering.of(mutant.path, *lines_around(self._original, mutant.line))
        self._file(mutant).write_text(changed_source(self._original, mutant.number), encoding="utf-8")
        self._ends = (
            time.monotonic() + TIMEOUT_S + 3 * sum(covering.seconds.get(test, 0.0) for part in parts for test in part)
        )
        self._child = run_tests(ROOT, self.source, parts)
        self.mutant = mutant

    def ended(self) -> tuple[Mutant, bool] | None:
        """Return the mutant and whether it survived, None while its tests run; a time-out counts as noticed."""
        assert self.mutant is not None
        if time.monotonic() > self._ends:
            end(self._child)
        child, status = os.waitpid(self._child, os.WNOHANG)
        if child == 0:
            return None
        mutant, self.mutant = self.mutant, None
        self._file(mutant).write_text(self._original, encoding="utf-8")
        return mutant, os.waitstatus_to_exitcode(status) == 0

    def _file(self, mutant: Mutant) -> Path:
        return self.source.parent / mutant.path


def try_all(mutants: Sequence[Mutant], jobs: int, kept: Path | None) -> Iterator[tuple[Mutant, bool]]:
    """Try every mutant, `jobs` at once; gives each with whether it survived. `kept` keeps which tests execute what."""
    preload()
    with tempfile.TemporaryDirectory(prefix="mutate-") as scratch:
        slots = [Slot(Path(scratch) / str(number)) for number in range(jobs)]
        covering = Covering.made(ROOT, slots[0].source, kept or Path(scratch) / "covering")
        waiting = iter(mutants)
        left = len(mutants)
        while left:
            for slot in slots:
                mutant = next(waiting, None) if slot.mutant is None else None
                if mutant is not None:
                    slot.begin(mutant, covering)
                found = slot.ended() if slot.mutant is not None else None
                if found is not None:
                    left -= 1
                    yield found
            time.sleep(PAUSE_S)


def chosen(paths: Sequence[Path], sample: int, seed: int) -> list[Mutant]:
    """Return the mutants of each path, or so many of each."""
    mutants: list[Mutant] = []
    for path in paths:
        files = sorted(path.resolve().rglob("*.py")) if path.is_dir() else [path.resolve()]
        found = [mutant for file in files for mutant in mutants_of(file, ROOT)]
        mutants += random.Random(seed).sample(found, min(sample or len(found), len(found)))
    return mutants


def main() -> int:
    """Make the mutants, try them, and print a score per room."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, help="directories or files below src/warden")
    parser.add_argument("--sample", type=int, default=0, help="try only so many of each path, drawn by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    parser.add_argument("--covering", type=Path, help="file that keeps which tests execute what, for the next time")
    parser.add_argument("--only", type=Path, help="try only the survivors that a result of before lists")
    given = parser.parse_args()
    mutants = chosen(given.paths, given.sample, given.seed)
    if given.only:
        before = json.loads(given.only.read_text(encoding="utf-8"))["survivors"]
        mutants = [mutant for mutant in mutants if asdict(mutant) in before]
    survivors: list[Mutant] = []
    for number, (mutant, alive) in enumerate(try_all(mutants, given.jobs, given.covering), 1):
        if alive:
            survivors.append(mutant)
            print(f"survived: {mutant.path}:{mutant.line}: {mutant.change}", flush=True)
        if number % 100 == 0:
            print(f"{number} of {len(mutants)} tried", file=sys.stderr, flush=True)
    tried = Counter(Path(mutant.path).parts[2] for mutant in mutants)
    alive_in = Counter(Path(mutant.path).parts[2] for mutant in survivors)
    for room, number in sorted(tried.items()):
        print(f"{room:<12} {number - alive_in[room]} of {number} noticed: {100 * (1 - alive_in[room] / number):.1f} %")
    if given.out:
        document = {"tried": dict(tried), "survivors": [asdict(mutant) for mutant in survivors]}
        given.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
