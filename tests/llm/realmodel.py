"""A real model for tests and benchmarks: its server as a child process, ended when the block ends."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from warden.brains.llm.settings import ModelSettings

SERVE = Path(__file__).with_name("serve_model.py")
KEY = "mk-local-3nR8vQ6tYw1Z"
"""Made up; the server refuses requests without it."""

PATIENT_S = 900.0
"""Small machines need minutes for what a model does in seconds elsewhere."""


@contextlib.contextmanager
def real_model(python: Path, weights: Path, key: str = KEY, log: Path | None = None) -> Iterator[str]:
    """Give the base URL of a server of these weights; `python` is the interpreter that has its library."""
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(log.open("wb")) if log else subprocess.DEVNULL
        words = [str(python), str(SERVE), str(weights), *([key] if key else [])]
        server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert server.stdin is not None
        assert server.stdout is not None
        stack.callback(server.wait)
        stack.callback(server.stdout.close)
        stack.callback(server.stdin.close)  # which is what makes it end
        for line in server.stdout:
            if line.startswith("READY "):
                break
        else:
            raise RuntimeError("the model's server ended before it was ready")
        yield line.split()[1]


def patient_settings(url: str, provider: str = "openai", name: str = "local") -> ModelSettings:
    """Return settings that wait long enough for a slow machine, one question at a time."""
    return ModelSettings(provider, url, name, timeout_s=PATIENT_S, total_timeout_s=2 * PATIENT_S, concurrency=1)
