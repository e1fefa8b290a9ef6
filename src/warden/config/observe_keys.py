"""The keys of the tables `[log]`, `[metrics]`, `[trace]` and `[notify]`."""

from __future__ import annotations

Row = tuple[str, str, str, str, float, float]

TABLES = ("log.", "metrics.", "trace.", "notify.")


def rows() -> tuple[Row, ...]:
    """Return the rows of `schema.Key`."""
    return (
        ("log.format", "text", "`text`, or `json`: one object a line on stderr", "text", 0, 0),
        (
            "log.level",
            "text",
            "`debug`, `info`, `warning` or `error`; --verbose is `info`, --quiet `error`",
            "warning",
            0,
            0,
        ),
        (
            "metrics.listen",
            "text",
            "host:port where a long-running worker serves /metrics and /healthz",
            "nowhere",
            0,
            0,
        ),
        ("metrics.textfile", "path", "file ending in `.prom` that every pass writes for node_exporter", "none", 0, 0),
        ("trace.endpoint", "text", "base URL of an OTLP/HTTP collector; needs the extra `obs`", "none", 0, 0),
        ("notify.webhook_url", "text", "where notifications are posted, signed by Standard Webhooks", "none", 0, 0),
        ("notify.webhook_secret_file", "path", "file of mode 600 with the webhook's secret, `whsec_...`", "none", 0, 0),
        ("notify.webhook_secret_command", "command", "argument list that prints the secret; no shell", "none", 0, 0),
        ("notify.webhook_secret_variable", "variable", "environment variable that holds the secret", "none", 0, 0),
        (
            "notify.apprise_file",
            "path",
            "file of mode 600 with one Apprise URL; needs the extra `notify`",
            "none",
            0,
            0,
        ),
        ("notify.apprise_command", "command", "argument list that prints the Apprise URL; no shell", "none", 0, 0),
        ("notify.apprise_variable", "variable", "environment variable that holds the Apprise URL", "none", 0, 0),
        (
            "notify.remind_after",
            "text",
            "after how long one is reminded of what stands: `4h`, `1d`, `never`",
            "1d",
            0,
            0,
        ),
        ("notify.per_hour", "integer", "notifications to one target in an hour at most", "20", 1, 1000),
        ("notify.digest_over", "integer", "more new subjects than this in one pass make one digest", "5", 1, 100),
        ("notify.quiet_hours", "texts", "hours in which only urgent notifications leave: `22:00-06:00`", "none", 0, 0),
        ("notify.urgent", "texts", "codes that leave in quiet hours too", "ledger-damaged, gate-drift", 0, 0),
    )
