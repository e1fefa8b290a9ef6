"""`/healthz` and `/metrics` of the intake, and the sweep that lets old deliveries go."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from warden.errors import WardenError
from warden.hubs import intake_operations, intake_queries
from warden.server.hub_request import json_response
from warden.server.intake.app import Desk, Router, endpoint

SWEEP_S: Final = 600.0
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """Says how the intake does. `problem` gives what is wrong with the rules file, empty when nothing is."""

    def __init__(self, desk: Desk, problem: Callable[[], str], retention_s: float) -> None:
        self._desk = desk
        self._problem = problem
        self._retention_s = retention_s

    def router(self) -> Router:
        """Return the routes, and the sweep that runs beside them."""
        routes = [
            Route("/healthz", endpoint(self.health), methods=["GET"]),
            Route("/metrics", endpoint(self.metrics), methods=["GET"]),
        ]
        return Router(routes, self.sweeping)

    async def health(self, _: Request) -> Response:
        """Answer 200, or 503 when what was to be kept last could not be; rules that cannot be read any more are named, and the
        old ones hold."""
        self._desk.database.read_one("SELECT 1")
        status = "failing" if self._desk.problem else "ok"
        return json_response(
            {"status": status, "rules": "broken" if self._problem() else "ok"}, 200 if status == "ok" else 503
        )

    async def metrics(self, _: Request) -> Response:
        """Answer the counters in the text format of Prometheus."""
        found = intake_queries.read_stats(self._desk.database)
        return Response(metrics_text(found), media_type=METRICS_TYPE)

    @contextlib.asynccontextmanager
    async def sweeping(self) -> AsyncIterator[None]:
        """Let old deliveries go, a few at a time, for the length of the block."""
        task = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _sweep(self) -> None:
        while True:
            before = self._desk.clock.now().timestamp() - self._retention_s
            with contextlib.suppress(WardenError):  # a disk that is full now may not be so the next time
                while await self._desk.write(partial(intake_operations.purge, before=before)):
                    await asyncio.sleep(0)
            await asyncio.sleep(SWEEP_S)


def metrics_text(stats: Mapping[str, int]) -> str:
    """Return counters in the text format of Prometheus (exposition format 0.0.4)."""
    lines: list[str] = []
    for name in sorted(stats):
        kind = "gauge" if name.startswith(("tasks_", "quarantine")) else "counter"
        full = f"warden_intake_{name}" + ("" if kind == "gauge" else "_total")
        lines += [f"# TYPE {full} {kind}", f"{full} {stats[name]}"]
    return "\n".join(lines) + "\n"
