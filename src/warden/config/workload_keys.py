"""The keys of the tables `[workload]`, `[script]` and `[api]`."""

from __future__ import annotations

Row = tuple[str, str, str, str, float, float]

TABLES = ("workload.", "script.", "api.")


def rows() -> tuple[Row, ...]:
    """Return the rows of `schema.Key`."""
    day = 86_400.0
    return (
        ("workload.trigger_pipe", "path", "the FIFO that the runtime reads; warden never makes it", "none", 0, 0),
        (
            "workload.lifecycle_socket",
            "path",
            "where lifecycle reports are heard: a Unix datagram socket",
            "none",
            0,
            0,
        ),
        (
            "workload.drop_after_s",
            "seconds",
            "silence after which a workload is given up; 0: never",
            "3600",
            0,
            31 * day,
        ),
        ("workload.instance", "name", "the one runtime instance whose reports are taken", "any", 0, 0),
        (
            "workload.grants",
            "table",
            "what workloads may claim, by name: `actions`, `hook`, `operations`",
            "none",
            0,
            0,
        ),
        ("script.variables", "texts", "environment variables that rules may pass on", "PATH, LANG, TZ", 0, 0),
        ("api.clients", "table", "who may use the API, by name: `token_file`, `scopes`, `trust`", "none", 0, 0),
    )
