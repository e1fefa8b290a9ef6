"""How often the real process is killed: `pytest tests/acceptance/test_kill_rounds.py --rounds 500`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--rounds`."""
    parser.addoption("--rounds", type=int, default=20, help="how often the real process is killed")


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How often the real process is killed."""
    return int(request.config.getoption("--rounds", 20))
