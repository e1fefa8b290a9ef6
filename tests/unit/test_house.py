"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import gc
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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
COMPOSED_IN = {  # the root, and what it is divided into
    *("compose", "run_parts", "guard_parts", "model_parts"),
    *("intake_parts", "intake_channels"),
}


def name_of(path: Path) -> str:
    """Return the path from the root, for test ids and messages."""
    return str(path.relative_to(ROOT))


@pytest.fixture(autouse=True, scope="module")
def trees() -> Iterator[None]:
    """Keep the syntax trees for these tests only, and look for no garbage among their nodes meanwhile."""
    gc.disable()
    yield
    parse.cache_clear()
    gc.enable()


@cache
def parse(path: Path) -> ast.Module:
    """Return the module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def offenders(paths: Iterable[Path], check: Callable[[Path], object]) -> dict[str, object]:
    """Return what `check` found wrong, by file; empty when all is well."""
    found = {name_of(path): check(path) for path in paths}
    return {name: wrong for name, wrong in found.items() if wrong}


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return every function and method, nested ones too; expressions hold none and are not looked into."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        waiting += (
            child
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case)
        )


def environment_reads(path: Path) -> set[str]:
    """Return the names by which a module reads the environment."""
    if not any(name in path.read_text(encoding="utf-8") for name in ENVIRONMENT):
        return set()
    nodes = list(ast.walk(parse(path)))
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    named = {
        alias.name for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "os" for alias in node.names
    }
    return (used | named) & ENVIRONMENT


def test_only_config_reads_the_environment() -> None:
    """`os.environ` and its relatives appear in config/environment.py and nowhere else."""
    allowed = SOURCE / "config" / "environment.py"
    assert offenders([path for path in MODULES if path != allowed], environment_reads) == {}


def too_long(path: Path) -> list[str]:
    """Return what is longer than allowed in a module, or is named by a word that says nothing."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    found = [node.name for node in functions(parse(path)) if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES]
    found += [f"{lines} lines"] if lines > MODULE_LINES else []
    return found + sorted(FORBIDDEN_NAMES & {path.stem, *path.relative_to(ROOT).parts})


def test_modules_and_functions_stay_short() -> None:
    """A module has at most 500 lines, a function at most 70, and no name says nothing."""
    assert offenders([*MODULES, *TESTS], too_long) == {}


def is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Return whether it only gives types to the function below it, which says what it is for."""
    return any(isinstance(found, ast.Name) and found.id == "overload" for found in node.decorator_list)


def without_docstring(path: Path) -> list[str]:
    """Return what is public on the module's own level and says nothing of itself."""
    tree = parse(path)
    public = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    found = [node.name for node in public if not ast.get_docstring(node) and not is_overload(node)]
    return found if ast.get_docstring(tree) else ["the module", *found]


def test_everything_public_has_a_docstring() -> None:
    """Every module, and every public class and function of a module's own level, says what it is for."""
    assert offenders(MODULES, without_docstring) == {}


def silent_tests(path: Path) -> list[str]:
    """Return the tests without a docstring."""
    found = [node for node in functions(parse(path)) if node.name.startswith("test_")]
    return [node.name for node in found if not ast.get_docstring(node)]


def test_every_test_says_its_behaviour() -> None:
    """A test without a sentence cannot be told from a test without a purpose."""
    assert offenders(TESTS, silent_tests) == {}


def test_test_modules_have_names_of_their_own() -> None:
    """Two test modules of one name could not be told apart in a report."""
    names = [path.name for path in TESTS]
    assert sorted(names) == sorted(set(names))


def adapters_built(path: Path) -> set[str]:
    """Return the adapters that a module imports and calls."""
    nodes = list(ast.walk(parse(path)))
    imported = {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(ADAPTERS)
        for alias in node.names
        if alias.name.endswith(ADAPTER_NAMES)
    }
    return imported & {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def test_only_the_composition_root_builds_adapters() -> None:
    """No command makes an adapter; it asks `compose` for one. (Values and functions of an adapter's room may be used.)"""
    commands = [path for path in sorted((SOURCE / "cli").glob("*.py")) if path.stem not in COMPOSED_IN]
    assert offenders(commands, adapters_built) == {}


def deliveries(path: Path) -> list[int]:
    """Return the lines on which a channel is told to deliver: a call with the intent alone."""
    return [
        node.lineno
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "deliver"
        and len(node.args) == 1
    ]


def test_only_the_enforcement_point_delivers() -> None:
    """`Channel.deliver` is called by engine/enforce.py; a channel that wraps another hands the call on."""
    allowed = SOURCE / "engine" / "enforce.py"
    others = [path for path in MODULES if path != allowed and path.parent != SOURCE / "channels"]
    assert deliveries(allowed)
    assert offenders(others, deliveries) == {}


def test_every_module_postpones_annotations() -> None:
    """`from __future__ import annotations` keeps imports for typing out of the start-up."""
    modules = [path for path in MODULES if path.name != "__init__.py"]
    lacking = [path for path in modules if "from __future__ import annotations" not in path.read_text(encoding="utf-8")]
    assert lacking == []


def pointers(path: Path) -> list[str]:
    """Return ticket numbers and paths of a machine in a text."""
    return re.findall(r"(?i)\bissue #?\d+\b|/work/|/root/", path.read_text(encoding="utf-8"))


def test_nothing_points_at_a_tracker_or_a_machine() -> None:
    """Text describes the thing itself: no ticket numbers, no paths of the machine it was written on."""
    assert offenders([path for path in WRITTEN if path.exists() and path != Path(__file__)], pointers) == {}


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
