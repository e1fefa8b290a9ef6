"""How many seeds a simulation tries (`pytest tests/simulation --seeds 10000`), and which case is played again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from simcase import Case

A_CASE = (
    '{"means": "idempotency_key", "seed": 3, "faults": {"9": 3, "31": 1}, "ops": [["send", ["both", "flex-auth", -1]], '
    '["execute", null], ["send", ["later", "billing", -1]], ["pair", "one agent, locked"], ["clock", 30.0], ["dry", null], '
    '["apply", null]]}'
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--seeds`, `--first-seed` and `--replay`."""
    parser.addoption("--seeds", type=int, default=1000, help="seeds of the random simulation")
    parser.addoption("--first-seed", type=int, default=0, help="the first of these seeds")
    parser.addoption("--replay", default=A_CASE, help="the case of a failure, as it was printed")


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> range:
    """The seeds to try."""
    first = int(request.config.getoption("--first-seed", 0))
    return range(first, first + int(request.config.getoption("--seeds", 1000)))


@pytest.fixture
def thorough(seeds: range) -> bool:
    """Whether there is time for every way in which a step can fail, not only for a death at every step."""
    return len(seeds) > 1000


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    """The case to replay."""
    return Case.from_json(str(request.config.getoption("--replay", A_CASE)))


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
