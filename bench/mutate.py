"""Mutation testing: change the code a little, one change at a time, and see whether a test notices.

`python bench/mutate.py src/warden/policy [...] [--sample N] [--seed S] [--jobs J] [--out FILE] [--tests PATH ...]`

Each mutant lives in a copy of `src` that is put in front of the path; the quick tests that execute the changed statement
run until the first failure, the quickest of them first. A survivor is printed with its place: either a test is missing, or
the change means nothing, and a person says which. With `--out` each result is written down at once, and the same command
goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import json
import os
import py_compile
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench.covering import PLACES, Covering, end, preload, run_tests  # noqa: E402 - found through the path that was just added
from bench.mutants import Mutant, changed_source, lines_around, mutants_of  # noqa: E402

TIMEOUT_S = 60.0
"""How much longer than without a change the tests of a mutant may take: one that never ends is noticed."""
PAUSE_S = 0.02
PROGRESS = 25
"""Mutants after which a score is printed."""


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


def try_all(
    mutants: Sequence[Mutant], jobs: int, kept: Path | None, places: Sequence[str]
) -> Iterator[tuple[Mutant, bool]]:
    """Try every mutant with the tests of `places`, `jobs` at once; gives each with whether it survived.

    `kept` keeps which tests execute what.
    """
    preload()
    with tempfile.TemporaryDirectory(prefix="mutate-") as scratch:
        slots = [Slot(Path(scratch) / str(number)) for number in range(jobs)]
        covering = Covering.made(ROOT, slots[0].source, kept or Path(scratch) / "covering", places)
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


def file_digest(path: str) -> str:
    """Return what changes with a file: a result counts only as long as its file is the same."""
    return hashlib.sha256((ROOT / path).read_bytes()).hexdigest()[:16]


def results_of(file: Path | None) -> dict[Mutant, bool]:
    """Return which mutants a file of results names, and whether each survived; none of files that have changed since."""
    if file is None or not file.exists():
        return {}
    found: dict[Mutant, bool] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        result = json.loads(line)
        if result["digest"] == file_digest(result["path"]):
            found[Mutant(*(result[name] for name in ("path", "number", "line", "change")))] = result["survived"]
    return found


def keep(file: Path, mutant: Mutant, survived: bool) -> None:
    """Write one result down."""
    with file.open("a", encoding="utf-8") as out:
        result = {**asdict(mutant), "digest": file_digest(mutant.path), "survived": survived}
        out.write(json.dumps(result) + "\n")


def scores(results: Mapping[Mutant, bool]) -> Iterator[str]:
    """Return a line for each room."""
    tried = Counter(Path(mutant.path).parts[2] for mutant in results)
    survived = Counter(Path(mutant.path).parts[2] for mutant, alive in results.items() if alive)
    for room, number in sorted(tried.items()):
        noticed = number - survived[room]
        yield f"{room:<12} {noticed} of {number} noticed: {100 * noticed / number:.1f} %"


def main() -> int:
    """Make the mutants, try them, and print a score per room."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, help="directories or files below src/warden")
    parser.add_argument("--sample", type=int, default=0, help="try only so many of each path, drawn by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--out", type=Path, help="file for the results, a line of JSON each; what it holds is not tried again"
    )
    parser.add_argument("--covering", type=Path, help="file that keeps which tests execute what, for the next time")
    parser.add_argument("--only", type=Path, help="try only the survivors among the results in this file")
    parser.add_argument("--tests", action="append", help="choose from the tests of this file or directory only")
    given = parser.parse_args()
    mutants = chosen(given.paths, given.sample, given.seed)
    if given.only:
        before = results_of(given.only)
        mutants = [mutant for mutant in mutants if before.get(mutant)]
    known = results_of(given.out)
    results = {mutant: known[mutant] for mutant in mutants if mutant in known}
    for mutant in (mutant for mutant, survived in results.items() if survived):
        print(f"survived before: {mutant.path}:{mutant.line}: {mutant.change}")
    rest = [mutant for mutant in mutants if mutant not in known]
    for mutant, survived in try_all(rest, given.jobs, given.covering, given.tests or PLACES) if rest else ():
        results[mutant] = survived
        if given.out:
            keep(given.out, mutant, survived)
        if survived:
            print(f"survived: {mutant.path}:{mutant.line}: {mutant.change}", flush=True)
        if len(results) % PROGRESS == 0:
            print(f"{len(results)} of {len(mutants)}: {', '.join(scores(results))}", file=sys.stderr, flush=True)
    print(*scores(results), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
