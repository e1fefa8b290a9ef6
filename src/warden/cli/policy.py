"""`warden policy ...`: look at policies, try them, keep their history, sign them."""

from __future__ import annotations

from warden.cli.framework import new_app
from warden.cli.policy_check import check, lint
from warden.cli.policy_history import diff, rollback, snapshots
from warden.cli.policy_judge import evaluate, explain, remediate, run_cases_of
from warden.cli.policy_sign import keygen, sign
from warden.cli.policy_simulate import simulate

app = new_app("Policies: check, try, explain and sign the files that tighten the charter.")

for _command in (check, lint, evaluate, explain, simulate, remediate, snapshots, diff, rollback, sign, keygen):
    app.command()(_command)
app.command("test")(run_cases_of)
