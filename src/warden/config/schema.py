"""The table of every key that config.toml may have: the one definition that reading, checking and the reference share."""

from __future__ import annotations

from dataclasses import dataclass

from warden.config import model_keys, observe_keys, settings, workload_keys


@dataclass(frozen=True, slots=True)
class Key:
    """One key of config.toml.

    `kind` is `text`, `name`, `path`, `paths`, `flag`, `integer`, `seconds`, `command`, `texts`, `variable`,
    `profile`, `prices`, `amount` or `table` (a table that is read by a module of its own). `low` and `high` bound
    numbers; `shown` is the default as the reference prints it.
    """

    name: str
    kind: str
    help: str
    shown: str = ""
    low: float = 0
    high: float = 0

    @property
    def table(self) -> str:
        """The TOML table that the key stands in; empty for the top level."""
        return self.name.rpartition(".")[0]


KEYS: tuple[Key, ...] = (
    Key("agent", "name", "whose inbox is answered", "ops-warden"),
    Key("brain", "name", "what proposes plans", "rule"),
    Key("catalog", "path", "the routing catalogue", "the one inside the package"),
    Key("state_dir", "path", "where ledger, embedded hub, plans and locks lie", "$XDG_STATE_HOME/ops-warden"),
    Key("concurrency", "integer", "how many deliveries and brain calls run at once", "8", 1, 64),
    Key("retention_days", "integer", "how long texts are kept beside the ledger's entries", "90", 1, 3650),
    Key("hub.url", "text", "base URL of the hub; without it the embedded hub is used", "none"),
    Key("hub.profile", "profile", "paths and names that the hub uses: `default`, `classic`, or a table", "default"),
    Key("hub.id", "name", "identity of the hub in message keys, when the hub states none", "asked of the hub"),
    Key("hub.token_file", "path", "file of mode 600 that holds the bearer token", "none"),
    Key("hub.token_command", "command", "argument list that prints the bearer token; no shell is involved", "none"),
    Key("hub.token_variable", "variable", "environment variable that holds the bearer token", "none"),
    Key("hub.connect_timeout_s", "seconds", "how long a connection may take", "5", 0.1, 120),
    Key("hub.timeout_s", "seconds", "how long an answer may take", "30", 0.1, 600),
    Key("hub.retries", "integer", "how often a busy hub is asked again within one call", "3", 0, 10),
    Key(
        "limits.replies_per_thread_hour",
        "integer",
        "automatic replies in one thread per hour",
        str(settings.REPLIES_PER_THREAD_HOUR),
        0,
        settings.REPLIES_PER_THREAD_HOUR,
    ),
    Key(
        "limits.replies_per_sender_hour",
        "integer",
        "automatic replies to one sender per hour, over all threads",
        str(settings.REPLIES_PER_SENDER_HOUR),
        0,
        settings.REPLIES_PER_SENDER_HOUR,
    ),
    Key(
        "limits.actions_per_run",
        "integer",
        "actions carried out in one run",
        str(settings.ACTIONS_PER_RUN),
        0,
        settings.ACTIONS_PER_RUN,
    ),
    Key(
        "limits.hops", "integer", "hop count from which a message is not answered", str(settings.HOPS), 1, settings.HOPS
    ),
    Key(
        "outbox.attempts", "integer", "attempts that the hub may have seen, before a delivery is given up", "12", 1, 100
    ),
    Key(
        "outbox.max_age_h", "integer", "hours for which a delivery is tried, however long the hub is away", "72", 1, 720
    ),
    Key(
        "ledger.witness_files",
        "paths",
        "files elsewhere (another disk, a mounted path) that keep the ledger's head",
        "none",
    ),
    Key(
        "ledger.witness_command", "command", "argument list that is given the ledger's head on stdin; no shell", "none"
    ),
    Key("ledger.witness_read_command", "command", "argument list that prints the newest head that was kept", "none"),
    Key("ledger.witness_timeout_s", "seconds", "how long a witness command may take", "10", 0.1, 120),
    Key(
        "review.approval_expiry", "text", "how long an action waits for its release: `90m`, `12h`, `3d`, `never`", "3d"
    ),
    Key("review.allow_same_uid", "flag", "take decisions from the worker's own uid, and record that", "false"),
    Key("review.two_persons", "texts", "capabilities whose approvals take two declared people", "none"),
    Key("review.owner", "name", "who owns what waits and has no other owner", "nobody"),
    Key("review.owners", "table", "who owns what, by capability, kind of action or reason code", "none"),
    Key("review.people", "table", "people by name: `uid`, and `agents`, their names on the hub", "none"),
    Key("review.raise_after", "text", "after how long an unacknowledged item is raised, again and again", "1d"),
    Key(
        "review.approval_rate_warning", "integer", "percentage of accepted approvals that is warned about", "95", 1, 100
    ),
    Key("console.allow_remote", "flag", "let `warden console` listen where other machines reach it", "false"),
    Key("console.public_url", "text", "how browsers reach the console through a proxy: `https://...`", "none"),
    Key("console.idle_m", "integer", "minutes after which an unused session of the console ends", "30", 1, 1440),
    Key("console.session_h", "integer", "hours after which a session of the console ends in any case", "12", 1, 168),
    Key("guard.kingfisher", "flag", "ask the scanner kingfisher as well; needs the extra `secrets`", "false"),
    Key("schedule.every", "text", "a pass in each interval: `30s`, `5m`, `2h`, `1d`", "none"),
    Key("schedule.cron", "text", "passes by a calendar expression of five fields, instead of an interval", "none"),
    Key("schedule.timezone", "text", "IANA name of the zone of calendar expressions and quiet hours", "UTC"),
    Key("schedule.jitter_s", "integer", "each pass waits a random time up to this, in seconds", "0", 0, 3600),
    Key(
        "schedule.misfire_grace_s",
        "integer",
        "a tick that is late by more than this, in seconds, is not made up for",
        "3600",
        1,
        7 * 86400,
    ),
    Key(
        "schedule.deadline_s",
        "integer",
        "a pass is stopped between steps after this, in seconds; 0: never",
        "0",
        0,
        86400,
    ),
    Key("schedule.drain_s", "integer", "how long a pass may go on after SIGTERM, in seconds", "30", 0, 3600),
    Key("schedule.clean_passes", "integer", "dry-run passes that are wanted before unattended running", "3", 1, 100),
    Key("schedule.quiet_hours", "texts", "hours in which nothing runs: `22:00-06:00`, `sat,sun 00:00-24:00`", "none"),
    Key("schedule.blackouts", "texts", "windows in which nothing runs: `2026-12-24T18:00/2026-12-27T08:00`", "none"),
    Key("intake.listen", "text", "where `warden intake serve` listens: `ADDRESS:PORT`", "127.0.0.1:8790"),
    Key(
        "intake.rules",
        "path",
        "the trigger rules: what is done about which event",
        "none: events are kept, and nothing is done",
    ),
    Key("intake.sources", "table", "who may send events, by name: `kind`, `key_file`, and more", "none"),
    Key("intake.owners", "texts", "accounts whose events and approvals count as an owner's, at every source", "none"),
    Key("intake.collaborators", "texts", "accounts that count as collaborators", "none"),
    Key("intake.readonly", "texts", "accounts that may look and not order", "none"),
    Key("intake.own_accounts", "texts", "accounts under which we act: their events are ignored", "none"),
    Key("intake.agent_accounts", "texts", "accounts of other agents: their events never start anything", "none"),
    Key("intake.body_bytes", "integer", "the largest delivery, in bytes", "1048576", 1024, 16 * 1024 * 1024),
    Key("intake.body_timeout_s", "seconds", "how long a delivery's body may take", "10", 0.1, 120),
    Key("intake.source_per_minute", "integer", "deliveries of one source per minute", "6000", 1, 1_000_000),
    Key("intake.address_per_minute", "integer", "requests of one address per minute", "3000", 1, 1_000_000),
    Key("intake.dedupe_window_s", "seconds", "how long a delivery is known again", "259200", 60, 31 * 86400),
    Key("intake.retention_s", "seconds", "how long deliveries and quarantine are kept", "2592000", 3600, 3650 * 86400),
    Key("intake.lock_ttl_s", "seconds", "how long an issue's lock is held without being renewed", "3600", 1, 86400 * 7),
    Key("intake.lock_grace_s", "seconds", "how long a closed issue's lock stays", "900", 0, 86400 * 7),
    Key("intake.workflow_key_file", "path", "file of mode 600 with the key of signed workflow issues", "none"),
    Key("intake.workflow_key_command", "command", "argument list that prints that key", "none"),
    Key("intake.workflow_key_variable", "variable", "environment variable that holds that key", "none"),
    Key("intake.workflow_window_s", "seconds", "how old the signature of a workflow issue may be", "900", 1, 86400),
    Key("intake.workflow_label", "text", "the label that makes an issue a privileged workflow issue", "workflow"),
    Key("policy.dir", "path", "directory of overlays; they can only tighten the charter", "policies"),
    Key("policy.charter_public_key", "path", "file with the public key that the charter is signed by", "none"),
    Key("policy.require_signatures", "flag", "refuse a charter or overlay that is not signed", "false"),
    Key("policy.keys", "paths", "files with the public keys that overlays may be signed by", "none"),
    *(Key(*row) for row in model_keys.rows()),
    *(Key(*row) for row in observe_keys.rows()),
    *(Key(*row) for row in workload_keys.rows()),
)

BY_NAME = {key.name: key for key in KEYS}
TABLES = frozenset(key.table for key in KEYS)
"""`policy` and the others, and the empty name of the top level."""
