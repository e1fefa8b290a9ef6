"""What mutation testing changes: one small change of one place of a module at a time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
        # A truth value is turned round instead: None would say the same as False.
        trivial = node.value is None or (
            isinstance(node.value, ast.Constant) and node.value.value in (None, False, True)
        )
        if not trivial and self._at(node, "return x -> return None"):
            return ast.copy_location(ast.Return(ast.Constant(None)), node)
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """Leave a `raise` out; its message is for people and is not changed."""
        return ast.copy_location(ast.Pass(), node) if self._at(node, "raise -> pass") else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Leave decorators and annotations alone: they say how a function is made, not what it does."""
        node.args.defaults = [self.visit(default) for default in node.args.defaults]
        node.args.kw_defaults = [default and self.visit(default) for default in node.args.kw_defaults]
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """As for functions."""
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Leave annotations alone."""
        if node.value is not None:
            node.value = self.visit(node.value)
        return node


def mutants_of(path: Path, root: Path) -> Iterator[Mutant]:
    """Return every mutant of one module, with its path below `root`."""
    changer = Changer()
    changer.visit(ast.parse(path.read_text(encoding="utf-8")))
    for number, (line, change) in enumerate(changer.places):
        yield Mutant(str(path.relative_to(root)), number, line, change)


def changed_source(original: str, number: int) -> str:
    """Return the text of a module with its change `number` made."""
    return ast.unparse(ast.fix_missing_locations(Changer(number).visit(ast.parse(original))))


def lines_around(original: str, line: int) -> tuple[set[int], set[int]]:
    """Return the lines of the smallest statement that holds `line`, and those of the body of the function round it.

    The second is empty for a line that no function holds: it is executed when the module is imported.
    """
    statement, function = {line}, set[int]()
    for node in ast.walk(ast.parse(original)):
        if not isinstance(node, ast.stmt) or not node.lineno <= line <= (node.end_lineno or node.lineno):
            continue
        if isinstance(node, ast.FunctionDef) and node.body[0].lineno <= line:
            function = set(range(node.body[0].lineno, (node.end_lineno or line) + 1))  # inner ones are walked later
        elif not hasattr(node, "body"):
            statement = set(range(node.lineno, (node.end_lineno or line) + 1))
    return statement, function
