"""`warden hub token ...`: bearer tokens of the embedded hub."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli.flags import ConfigFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.output import print_json, talk, to_json
from warden.cli.streams import unsafe_write

if TYPE_CHECKING:
    from warden.hubs.tokens import TokenRecord, TokenStore


def create(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="Whose token it is.")],
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Make a token and print it: this once, and never again."""
    with _tokens(config, state_dir) as tokens:
        record, token = tokens.create(agent)
    if json:
        document = {"schema": "warden.hub.token/1", **asdict(record), "token": token}
        unsafe_write(sys.stdout, to_json(document) + "\n")
    else:
        unsafe_write(sys.stdout, token + "\n")
        talk(
            f"for `{agent}`, by the id {record.id}: keep the token in a file of mode 600; it is not shown again", quiet
        )
    return 0


def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The token's id, as `list` shows it.")],
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Revoke a token, at once and for good."""
    with _tokens(config, state_dir) as tokens:
        record = tokens.revoke(token_id)
    if json:
        print_json({"schema": "warden.hub.token/1", **asdict(record)})
    else:
        talk(f"token {record.id} of `{record.agent}` is revoked since {record.revoked_at}", quiet)
    return 0


def list_tokens(
    json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None, quiet: QuietFlag = False
) -> int:
    """List tokens: their ids and agents, never the tokens themselves."""
    with _tokens(config, state_dir) as tokens:
        records = tokens.list()
    if json:
        print_json({"schema": "warden.hub.tokens/1", "tokens": [asdict(record) for record in records]})
        return 0
    for record in records:
        sys.stdout.write(_line(record) + "\n")
    if not records:
        talk("there are no tokens: `warden hub token create AGENT` makes one", quiet)
    return 0


def _line(record: TokenRecord) -> str:
    state = f"revoked {record.revoked_at}" if record.revoked_at else "valid"
    return f"{record.id}  {record.agent}  {record.created_at}  {state}"


@contextmanager
def _tokens(config: Path | None, state_dir: Path | None) -> Iterator[TokenStore]:
    from warden.cli import compose

    clock = compose.build_clock()
    settings = compose.load_settings(config=config, state_dir=state_dir)
    with closing(compose.open_hub_database(settings, clock)) as database:
        yield compose.build_tokens(database, clock)
