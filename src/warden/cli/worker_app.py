"""`warden worker ...` for typer: built from the same tables as the fast path."""

from __future__ import annotations

from warden.cli.framework import add_command, new_app
from warden.cli.shakedown import shakedown
from warden.cli.worker_options import APPLY, RUN

app = new_app("Work the inbox: plan, carry out, apply a saved plan, try it out.")
add_command(app, RUN)
add_command(app, APPLY)
app.command()(shakedown)
