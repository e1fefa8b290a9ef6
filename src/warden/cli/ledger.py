"""`warden ledger ...`: look at the log, verify it, prove parts of it, take it along, look after it."""

from __future__ import annotations

from warden.cli import ledger_care, ledger_look, ledger_prove, ledger_verify
from warden.cli.framework import new_app

app = new_app("Look at the ledger, verify and prove it, export it, and look after it.")
ledger_look.add_to(app)
ledger_verify.add_to(app)
ledger_prove.add_to(app)
ledger_care.add_to(app)
