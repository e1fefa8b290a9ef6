"""Files of the package that pages need, and the probe."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from warden.server.console.visit import Answer, RefusedVisitError

if TYPE_CHECKING:
    from warden.server.console.visit import Visit

HERE = Path(__file__).parent / "static"
MEDIA = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@cache
def files() -> dict[str, bytes]:
    """Return every file by its name: what is asked for is looked up, never joined to a path."""
    return {path.name: path.read_bytes() for path in sorted(HERE.iterdir()) if path.suffix in MEDIA}


def serve(visit: Visit) -> Answer:
    """Return a file."""
    name = visit.params["name"]
    data = files().get(name)
    if data is None:
        raise RefusedVisitError(404, "there is no such file")
    return Answer(data, media_type=MEDIA[Path(name).suffix], headers={"cache-control": "max-age=300"})


def alive(visit: Visit) -> Answer:
    """Say that the process answers."""
    return Answer(b"ok\n", media_type="text/plain; charset=utf-8")
