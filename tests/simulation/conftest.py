"""How many seeds a simulation tries: `pytest tests/simulation --seeds 10000`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--seeds`."""
    parser.addoption("--seeds", type=int, default=1000, help="seeds of the random simulation")


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> int:
    """The number of seeds to try."""
    return int(request.config.getoption("--seeds", 1000))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A directory for a world's files, in memory where there is such a place: a simulated crash loses no page cache."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path / "world"
        return
    directory = Path(tempfile.mkdtemp(dir=memory))
    yield directory / "world"
    shutil.rmtree(directory)
