"""`warden hub ...`: send to a hub, look at it, and serve the embedded one."""

from __future__ import annotations

from warden.cli.framework import new_app
from warden.cli.hub_look import inbox, progress, thread
from warden.cli.hub_send import send
from warden.cli.hub_serve import serve
from warden.cli.hub_token import create, list_tokens, revoke

app = new_app("Send messages, look at inboxes and threads, and serve the embedded hub.")
for _command in (send, inbox, thread, progress, serve):
    app.command()(_command)

_tokens = new_app("Bearer tokens of the embedded hub: each is bound to one agent.")
_tokens.command()(create)
_tokens.command()(revoke)
_tokens.command("list")(list_tokens)
app.add_typer(_tokens, name="token")
