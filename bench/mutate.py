"""Mutation testing: change the code a little, one change at a time, and see whether a test notices.

`python bench/mutate.py src/warden/policy [...] [--sample N] [--seed S] [--jobs J] [--out FILE]`

Each mutant lives in a copy of `src` that is put in front of the path; the tests of its room (`tests/**/test_*<room>*.py`)
run until the first failure. A survivor is printed with its place: either a test is missing, or the change means nothing,
and a person says which.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 120
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the file, the number of the place within it, and what is changed there."""

    path: str
    number: int
    line: int
    change: str


class Changer(ast.NodeTransformer):
    """Walks a module, counts the places that can be changed, and changes the one with number `target`."""

    def __init__(self, target: int = -1) -> None:
        self.target = target
        self.places: list[tuple[int, str]] = []

    def _at(self, node: ast.AST, change: str) -> bool:
        self.places.append((getattr(node, "lineno", 0), change))
        return len(self.places) - 1 == self.target

    def _swapped(self, node: ast.AST, operator: ast.AST) -> ast.AST | None:
        other = SWAPS.get(type(operator))
        if other is not None and self._at(node, f"{type(operator).__name__} -> {other.__name__}"):
            return other()
        return None

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Turn one comparison round."""
        for index, operator in enumerate(node.ops):
            node.ops[index] = self._swapped(node, operator) or operator  # type: ignore[call-overload]
        return self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """Exchange `and` and `or`."""
        node.op = self._swapped(node, node.op) or node.op  # type: ignore[assignment]
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Exchange an arithmetic operator."""
        node.op = self._swapped(node, node.op) or node.op  # type: ignore[assignment]
        return self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """Leave a `not` out."""
        if isinstance(node.op, ast.Not) and self._at(node, "not x -> x"):
            return self.generic_visit(node.operand)
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Turn a truth value round, or add one to a number."""
        if isinstance(node.value, bool):
            if self._at(node, f"{node.value} -> {not node.value}"):
                return ast.copy_location(ast.Constant(not node.value), node)
        elif isinstance(node.value, int) and self._at(node, f"{node.value} -> {node.value + 1}"):
            return ast.copy_location(ast.Constant(node.value + 1), node)
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        """Return None instead of a value."""
        trivial = node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
        if not trivial and self._at(node, "return x -> return None"):
            return ast.copy_location(ast.Return(ast.Constant(None)), node)
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """Leave a `raise` out; its message is for people and is not changed."""
        return ast.copy_location(ast.Pass(), node) if self._at(node, "raise -> pass") else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Leave annotations alone."""
        if node.value is not None:
            node.value = self.visit(node.value)
        return node


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Return every mutant of one module."""
    changer = Changer()
    changer.visit(ast.parse(path.read_text(encoding="utf-8")))
    for number, (line, change) in enumerate(changer.places):
        yield Mutant(str(path.relative_to(ROOT)), number, line, change)


def tests_of(mutant: Mutant) -> list[str]:
    """Return the test modules of the mutant's room, property tests last: most changes are noticed without them."""
    room = Path(mutant.path).parts[2]
    found = sorted((ROOT / "tests").rglob(f"test_*{room}*.py"))
    return [str(path) for path in sorted(found, key=lambda path: "hypothesis" in path.read_text(encoding="utf-8"))]


def survives(mutant: Mutant, copy: Path) -> bool:
    """Run the room's tests on the mutant in this copy of the source; a time-out counts as noticed."""
    original = (ROOT / mutant.path).read_text(encoding="utf-8")
    target = copy / mutant.path
    changed = ast.fix_missing_locations(Changer(mutant.number).visit(ast.parse(original)))
    target.write_text(ast.unparse(changed), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    arguments = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--rootdir", str(ROOT)]
    arguments += ["-c", str(ROOT / "pyproject.toml"), "-m", "not slow", *tests_of(mutant)]
    try:
        done = subprocess.run(
            arguments,
            cwd=copy,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        target.write_text(original, encoding="utf-8")
    return done.returncode == 0


def try_all(mutants: list[Mutant], jobs: int) -> list[Mutant]:
    """Return the survivors; `jobs` copies of the source are worked on side by side."""
    with tempfile.TemporaryDirectory(prefix="mutate-") as scratch:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            copy = Path(scratch) / str(number)
            shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
            copies.put(copy)

        def attempt(mutant: Mutant) -> bool:
            copy = copies.get()
            try:
                alive = survives(mutant, copy)
            finally:
                copies.put(copy)
            if alive:
                print(f"survived: {mutant.path}:{mutant.line}: {mutant.change}", flush=True)
            return alive

        with ThreadPoolExecutor(jobs) as pool:
            return [mutant for mutant, alive in zip(mutants, pool.map(attempt, mutants), strict=True) if alive]


def main() -> int:
    """Make the mutants, try them, and print a score per room."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, help="directories or files below src/warden")
    parser.add_argument("--sample", type=int, default=0, help="try only so many of each path, drawn by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    given = parser.parse_args()
    mutants: list[Mutant] = []
    for path in given.paths:
        files = sorted(path.resolve().rglob("*.py")) if path.is_dir() else [path.resolve()]
        found = [mutant for file in files for mutant in mutants_of(file)]
        mutants += random.Random(given.seed).sample(found, min(given.sample or len(found), len(found)))
    survivors = try_all(mutants, given.jobs)
    tried = Counter(Path(mutant.path).parts[2] for mutant in mutants)
    alive = Counter(Path(mutant.path).parts[2] for mutant in survivors)
    for room, number in sorted(tried.items()):
        print(f"{room:<12} {number - alive[room]} of {number} noticed: {100 * (1 - alive[room] / number):.1f} %")
    if given.out:
        document = {"tried": dict(tried), "survivors": [asdict(mutant) for mutant in survivors]}
        given.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
