"""Which tests execute which lines, and running a few chosen tests in a child process that starts at once.

`Covering.made` runs all quick tests once in a child, with one coverage context for each test, and notes how long each took.
`run_tests` forks a process that has pytest and the libraries loaded already, but nothing of warden: it imports the changed
source. A process of its own for each run costs two seconds more.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

OPTIONS = ("-x", "-q", "--no-header", "--assert=plain", "-m", "not slow and not acceptance")
FIRST_MODULES = 2
FEW = 20
"""With fewer tests than these the next wider ones are run too."""
REST_S = 120.0
"""How long the tests of the other modules may take: only what survives all the quick ones costs as much."""
PLACES = ("tests/unit", "tests/contract", "tests/golden")
LIBRARIES = (
    "hypothesis", "hypothesis.strategies", "typer", "typer.testing", "pydantic", "httpx", "httpcore", "rich.console",
    "rich.table", "starlette.applications", "uvicorn", "yaml", "nacl.signing", "jinja2", "sqlite3", "asyncio", "pymerkle",
    "rfc8785", "jsonschema",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Covering:
    """For each file (below the root) and line the tests that execute it, and how long each test takes in seconds."""

    tests: Mapping[str, Mapping[int, Sequence[str]]]
    seconds: Mapping[str, float]

    @classmethod
    def made(cls, root: Path, source: Path, file: Path, places: Sequence[str] = PLACES) -> Covering:
        """Return what `file` holds, or run the tests of `places` under coverage in a child process and keep it there.

        Raises `RuntimeError` when the tests do not pass.
        """
        if not file.exists():
            child = os.fork()
            if child == 0:
                _leave(lambda: _record(root, source, file, places))
            if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
                raise RuntimeError("the tests do not pass without any change")
        tests, seconds = pickle.loads(file.read_bytes())
        return cls(tests, seconds)

    def of(self, path: str, statement: set[int], function: set[int]) -> list[list[str]]:
        """Return the tests that reach a statement, else its function, else the file, else its room, in two parts.

        The first are those of the modules that have most of them, or the file's name in theirs: they notice most changes, and
        to collect a module costs more than to run most tests. The second are the quickest of the others, for as long as
        `REST_S` altogether.
        """
        lines = self.tests.get(path, {})
        found: set[str] = set()
        for wanted in (statement, function, set(lines)) if function else (set(lines),):
            if len(found) < FEW:  # what a cache keeps is made while one test runs, and all others rely on it
                found |= {test for line in wanted for test in lines.get(line, ())}
        if not found:  # tables only: no test is running when they are made
            beside = [lines for other, lines in self.tests.items() if Path(other).parent == Path(path).parent]
            found = {test for lines in beside for tests in lines.values() for test in tests}
        modules = Counter(_module(test) for test in sorted(found))
        first = {module for module, _ in modules.most_common(FIRST_MODULES)}
        first |= {module for module in modules if Path(path).stem in Path(module).stem}
        near = sorted((test for test in found if _module(test) in first), key=self._order)
        rest: list[str] = []
        seconds = 0.0
        for test in sorted((test for test in found if _module(test) not in first), key=self._order):
            seconds += self.seconds.get(test, 0.0)
            if seconds > REST_S:
                break
            rest.append(test)
        return [part for part in (near, rest) if part]

    def _order(self, test: str) -> tuple[float, str]:
        return self.seconds.get(test, 0.0), test


class _Recorder:
    """A pytest plugin: tells coverage which test runs."""

    def __init__(self, measure: Any) -> None:
        self._measure = measure
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """Switch the context for the length of a test, its fixtures with it."""
        self._measure.switch_context(item.nodeid)
        start = time.perf_counter()
        yield
        self.seconds[item.nodeid] = time.perf_counter() - start
        self._measure.switch_context("")


def _record(root: Path, source: Path, file: Path, places: Sequence[str]) -> int:
    import coverage

    _enter(source, source.parent)
    measure = coverage.Coverage(data_file=None, source=[str(source / "warden")], branch=False, config_file=False)
    measure.start()
    recorder = _Recorder(measure)
    status = pytest.main([*_arguments(root), *(str(root / place) for place in places)], plugins=[recorder])
    measure.stop()
    data = measure.get_data()
    tests: dict[str, dict[int, list[str]]] = defaultdict(dict)
    for measured in data.measured_files():
        name = str(Path("src") / Path(measured).relative_to(source))
        for line, contexts in data.contexts_by_lineno(measured).items():
            tests[name][line] = [context for context in contexts if context]
    if status == 0:
        file.write_bytes(pickle.dumps((dict(tests), recorder.seconds)))
    return int(status)


def preload() -> None:
    """Import what nearly every test needs, except what is changed."""
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            __import__(name)
    gc.freeze()


def run_tests(root: Path, source: Path, parts: Sequence[Sequence[str]]) -> int:
    """Start a child that runs these tests, one part after the other, with the source directory `source`; returns its id."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        _leave(lambda: _silently(root, source, parts))
    return child


def end(child: int) -> None:
    """End a child that takes too long, with the processes that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)


def _silently(root: Path, source: Path, parts: Sequence[Sequence[str]]) -> int:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    _enter(source, source.parent)
    for part in parts:
        status = int(pytest.main([*_arguments(root), *(str(root / test) for test in part)]))
        if status != 0:
            return status
    return 0


def _module(test: str) -> str:
    return test.partition("::")[0]


def _enter(source: Path, cwd: Path) -> None:
    """See the changed source first, here and in processes that tests start, and write nothing beside the original."""
    os.chdir(cwd)
    sys.path.insert(0, str(source))
    os.environ["PYTHONPATH"] = str(source)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True


def _arguments(root: Path) -> list[str]:
    return [*OPTIONS, "--rootdir", str(root), "-c", str(root / "pyproject.toml")]


def _leave(work: Any) -> None:
    """Do the work and end this process, whatever happens."""
    status = 70
    try:
        status = work()
    except Exception:  # noqa: BLE001 - the process ends here; nobody above would show it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)
