"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "warden"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "_charter" not in path.parts)
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
WRITTEN = [*MODULES, *TESTS, *sorted((ROOT / "bench").rglob("*.py")), *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN += [ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "Makefile")]

MODULE_LINES = 500
FUNCTION_LINES = 70
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "common"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv", "expandvars"}
ADAPTERS = ("warden.hubs", "warden.brains", "warden.channels", "warden.scanners", "warden.store")
ADAPTER_NAMES = ("Hub", "Store", "Brain", "Channel", "Scanner", "Database")
COMPOSED_IN = {"compose", "run_parts", "guard_parts"}  # the root, and what it is divided into


def name_of(path: Path) -> str:
    """Return the path from the root, for test ids and messages."""
    return str(path.relative_to(ROOT))


def parse(path: Path) -> ast.Module:
    """Return the module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return every function and method, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_config_reads_the_environment(path: Path) -> None:
    """`os.environ` and its relatives appear in config/environment.py and nowhere else."""
    if path == SOURCE / "config" / "environment.py":
        return
    used = {node.attr for node in ast.walk(parse(path)) if isinstance(node, ast.Attribute)} & ENVIRONMENT
    named = {
        alias.name
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and node.module == "os"
        for alias in node.names
    }
    assert not used
    assert not named & ENVIRONMENT


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_modules_and_functions_stay_short(path: Path) -> None:
    """A module has at most 500 lines, a function at most 70, and no name says nothing."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MODULE_LINES
    long = [node.name for node in functions(parse(path)) if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES]
    assert long == []
    assert path.stem not in FORBIDDEN_NAMES
    assert not FORBIDDEN_NAMES & set(path.relative_to(ROOT).parts)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_everything_public_has_a_docstring(path: Path) -> None:
    """Every module, and every public class and function of a module's own level, says what it is for."""
    tree = parse(path)
    assert ast.get_docstring(tree), "the module has no docstring"
    missing = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert missing == []


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_every_test_says_its_behaviour(path: Path) -> None:
    """A test without a sentence cannot be told from a test without a purpose."""
    missing = [
        node.name for node in functions(parse(path)) if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert missing == []


def test_test_modules_have_names_of_their_own() -> None:
    """Two test modules of one name could not be told apart in a report."""
    names = [path.name for path in TESTS]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("path", sorted((SOURCE / "cli").glob("*.py")), ids=name_of)
def test_only_the_composition_root_builds_adapters(path: Path) -> None:
    """No command makes an adapter; it asks `compose` for one. (Values and functions of an adapter's room may be used.)"""
    if path.stem in COMPOSED_IN:
        return
    tree = parse(path)
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(ADAPTERS)
        for alias in node.names
        if alias.name.endswith(ADAPTER_NAMES)
    }
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called & imported == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_enforcement_point_delivers(path: Path) -> None:
    """`Channel.deliver` is called by engine/enforce.py; a channel that wraps another hands the call on."""
    calls = [
        node
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "deliver"
        and len(node.args) == 1  # a channel takes the intent alone
    ]
    allowed = path == SOURCE / "engine" / "enforce.py" or path.parent == SOURCE / "channels"
    assert allowed or calls == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_postpones_annotations(path: Path) -> None:
    """`from __future__ import annotations` keeps imports for typing out of the start-up."""
    if path.name == "__init__.py":
        return
    assert "from __future__ import annotations" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [path for path in WRITTEN if path.exists()], ids=name_of)
def test_nothing_points_at_a_tracker_or_a_machine(path: Path) -> None:
    """Text describes the thing itself: no ticket numbers, no paths of the machine it was written on."""
    if path == Path(__file__):
        return
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"\bissue #?\d+\b", text, re.IGNORECASE) == []
    assert "/work/" not in text
    assert "/root/" not in text


def test_runtime_dependencies_are_bounded() -> None:
    """Each names the lowest version that was tried and ends before the next one that may break it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        assert re.fullmatch(r"[a-z0-9-]+>=[0-9.]+,<[0-9.]+", requirement), requirement


def test_the_lock_names_every_dependency() -> None:
    """requirements/lock.txt pins each direct dependency, of running and of testing, to one version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[<>=\[ ]", requirement)[0].lower().replace("_", "-") for requirement in wanted}
    lock = (ROOT / "requirements" / "lock.txt").read_text().splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lock if "==" in line}
    assert names - pinned == set()
