"""Bounded side by side work for deliveries: threads that live as long as a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")


class ThreadPool:
    """A pool of `size` threads, started when there is first something to do."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._executor: ThreadPoolExecutor | None = None

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run every task and return the results in the order of the tasks; a task's exception is raised at the end."""
        if self._size == 1 or len(tasks) < 2:
            return [task() for task in tasks]
        return self.start(tasks)()

    def start(self, tasks: Sequence[Callable[[], T]]) -> Callable[[], list[T]]:
        """Start every task in the background, and return what waits for their ends and gives their results."""
        if not tasks:
            return list
        if self._executor is None:
            from concurrent.futures import ThreadPoolExecutor

            self._executor = ThreadPoolExecutor(self._size, thread_name_prefix="deliver")
        futures = [self._executor.submit(task) for task in tasks]

        def collect() -> list[T]:
            for future in futures:
                future.exception()
            return [future.result() for future in futures]

        return collect

    def close(self) -> None:
        """End the threads."""
        if self._executor is not None:
            self._executor.shutdown()
