"""Bounded side by side work for deliveries: threads that live as long as a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")


class ThreadPool:
    """A pool of `size` threads, started when there is first more than one task."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._executor: ThreadPoolExecutor | None = None

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run every task and return the results in the order of the tasks; a task's exception is raised at the end."""
        if self._size == 1 or len(tasks) < 2:
            return [task() for task in tasks]
        if self._executor is None:
            from concurrent.futures import ThreadPoolExecutor

            self._executor = ThreadPoolExecutor(self._size, thread_name_prefix="deliver")
        futures = [self._executor.submit(task) for task in tasks]
        return [future.result() for future in futures]

    def close(self) -> None:
        """End the threads."""
        if self._executor is not None:
            self._executor.shutdown()
