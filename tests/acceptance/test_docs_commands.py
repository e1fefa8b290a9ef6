"""Every command that README and docs show is run, in the order of the page, and has to do what the page says.

A `console` block holds commands (`$ ...`, continued with a backslash, or with lines
that begin with `> `) and the output that the page shows for them: each
shown line must come in the real output, in that order; `...` in a line stands for anything. `# exit N` at the end of a
command is its expected status. A command that ends in `&` keeps running until the page is done. Port 8765 stands for one
that is free.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN_PORT = "8765"


@dataclass
class Step:
    """One command of a page, its shown output, and the line that it stands on."""

    command: str
    line: int
    status: int = 0
    shown: list[str] = field(default_factory=list)


def steps_of(text: str) -> Iterator[Step]:
    """Return the commands of all `console` blocks."""
    inside, step, unfinished = False, None, False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = line.strip() == "```console"
            if step is not None:
                yield step
            step, unfinished = None, False
        elif inside and unfinished and step is not None:
            step.command += "\n" + line
            unfinished = line.endswith("\\")
        elif inside and line.startswith("$ "):
            if step is not None:
                yield step
            command, _, status = line[2:].partition("  # exit ")
            step = Step(command, number, int(status or 0))
            unfinished = line.endswith("\\")
        elif inside and step is not None and line.startswith(">"):
            step.command += "\n" + line[2:]
        elif inside and step is not None and line.strip():
            step.shown.append(line.strip())


def free_port() -> int:
    """Return a port of the loopback interface where nobody listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def matches(shown: list[str], output: str) -> str:
    """Return the first shown line that the output lacks, or an empty string."""
    place = 0
    for line in shown:
        pattern = ".*".join(re.escape(part) for part in line.split("..."))
        found = re.compile(pattern).search(output, place)
        if found is None:
            return line
        place = found.end()
    return ""


class Session:
    """Runs a page's commands as a person would, in a home and a working directory of its own."""

    def __init__(self, home: Path) -> None:
        self.port = str(free_port())
        self.work = home / "work"
        self.work.mkdir()
        (self.work / "demo").symlink_to(ROOT / "demo")
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {"HOME": str(home), "PATH": path, "COLUMNS": "120", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
        self.running = ExitStack()

    def run(self, step: Step) -> None:
        """Run one command and compare its status and output with what the page says."""
        command = step.command.replace(SHOWN_PORT, self.port)
        if command.rstrip().endswith("&"):
            self.start(command.rstrip().removesuffix("&"))
            return
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        told = f"line {step.line}: {step.command}\n{done.stdout}{done.stderr}"
        assert done.returncode == step.status, f"exit {done.returncode} at {told}"
        missing = matches([line.replace(SHOWN_PORT, self.port) for line in step.shown], done.stdout + done.stderr)
        assert not missing, f"`{missing}` is not in the output of {told}"

    def start(self, command: str) -> None:
        """Start a server and wait until it says where it listens."""
        process = subprocess.Popen(
            shlex.split(command),
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        self.running.callback(process.stdout.close)
        self.running.callback(process.wait, 30)
        self.running.callback(process.terminate)
        said = process.stdout.readline()
        assert self.port in said, said


@pytest.mark.slow
@pytest.mark.acceptance
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_shown_command_does_what_the_page_says(page: Path, tmp_path: Path) -> None:
    """The commands of a page run one after the other and give the shown output."""
    session = Session(tmp_path)
    with session.running:
        for step in steps_of(page.read_text(encoding="utf-8")):
            session.run(step)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link of a page names a file that exists."""
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [one for one in targets if "://" not in one and not (page.parent / one).exists()]
    assert missing == []


def test_every_shown_make_target_exists() -> None:
    """`make` commands of README and CONTRIBUTING name targets of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md"):
        shown = re.findall(r"^(?:\$ )?make ([a-z-]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert shown
        assert set(shown) <= targets


@pytest.mark.slow
@pytest.mark.acceptance
def test_the_demo_runs_from_beginning_to_end(tmp_path: Path) -> None:
    """`make demo` runs demo/run.sh, which answers, leaves the rest for a person, and ends with a verified ledger."""
    assert "sh demo/run.sh" in (ROOT / "Makefile").read_text(encoding="utf-8")
    session = Session(tmp_path)
    done = subprocess.run(
        ["sh", str(ROOT / "demo" / "run.sh")],
        env=session.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for shown in (
        "$ warden worker run --dry-run",
        "DRY RUN",
        "$ warden worker run --execute",
        "$ warden ledger verify",
    ):
        assert shown in done.stdout
