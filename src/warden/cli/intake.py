"""`warden intake ...`: take events in, look at them, and keep the rules for them in order."""

from __future__ import annotations

from warden.cli.framework import new_app
from warden.cli.intake_look import locks, log, quarantine, stats
from warden.cli.intake_replay import reconcile, replay
from warden.cli.intake_rules import rules_app
from warden.cli.intake_runs import runs
from warden.cli.intake_serve import serve

app = new_app("Take webhooks in, look at what came, and check the rules for events.")
for _command in (serve, log, replay, reconcile, runs, quarantine, locks, stats):
    app.command()(_command)
app.add_typer(rules_app, name="rules")
