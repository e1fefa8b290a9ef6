"""What every test runs under: a home of its own, and property tests without a stop-watch.

The gate draws the same examples each time, so that it says the same of the same commit; the soak draws new ones.
"""

from __future__ import annotations

import gc
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pathlib import Path

UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile(
    "warden", deadline=None, suppress_health_check=UNHURRIED, print_blob=True, derandomize=True, database=None
)
settings.register_profile("soak", settings.get_profile("warden"), max_examples=5_000, derandomize=False)
settings.load_profile("warden")
# A script's shell lets what it starts in the background ignore SIGINT, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add where a real model is; `make test-llm` gives both."""
    parser.addoption("--model-python", help="interpreter that has the model server's library")
    parser.addoption("--model-weights", help="file of weights that tests/llm/join_weights.py wrote")


def pytest_collection_finish() -> None:
    """Look for garbage among what the tests make only: what was imported and collected stays (a seventh of the time)."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty home: no test reads or changes the configuration and state of the person who runs it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("WARDEN_CONFIG", "WARDEN_STATE_DIR", "WARDEN_DEBUG", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return home
