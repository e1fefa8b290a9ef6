"""Start-up: one pass over an empty embedded inbox, as a timer starts it every minute.

Against importing three packages that such a program would commonly begin with, and against an interpreter that does
nothing. The program under test is the installed one, beside the interpreter that runs this.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from bench.harness import Case, time_process

PYTHON = sys.executable
IMPORTS = "import httpx, pydantic, typer"


def cases(scratch: Path) -> Iterator[Case]:
    """Return the comparisons."""
    program = str(Path(PYTHON).with_name("warden"))
    environment = {"HOME": str(scratch), "PATH": "/usr/bin:/bin", "WARDEN_STATE_DIR": str(scratch / "state")}

    def run(*arguments: str) -> float:
        return time_process([program, *arguments], environment)

    def python(code: str) -> float:
        return time_process([PYTHON, "-c", code], environment)

    once = ("worker", "run", "--once", "--json")
    yield Case("run --once, empty inbox", lambda: run(*once), lambda: python(IMPORTS), IMPORTS, aim=0.75, rounds=15)
    yield Case("run --once, empty inbox", lambda: run(*once), lambda: python("pass"), "pass", rounds=15)
    execute = (*once, "--execute")
    yield Case("run --once --execute, empty inbox", lambda: run(*execute), lambda: python(IMPORTS), IMPORTS, rounds=15)
    yield Case("--version", lambda: run("--version"), lambda: python("pass"), "pass", rounds=15)
    yield Case("--help", lambda: run("--help"), lambda: python(IMPORTS), IMPORTS)
