"""The options that many commands share, for the signatures of typer commands: one name, one meaning, one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from warden.cli.worker_options import HOUSE, WHERE

_TABLE = {option.name: option for option in (*WHERE, *HOUSE)}


def _option(name: str) -> Any:
    option = _TABLE[name]
    return typer.Option(*option.flags, help=option.help, metavar=option.metavar or None, show_default=False)


AgentFlag = Annotated[str | None, _option("agent")]
HubFlag = Annotated[str | None, _option("hub")]
CatalogFlag = Annotated[Path | None, _option("catalog")]
BrainFlag = Annotated[str | None, _option("brain")]
JsonFlag = Annotated[bool, _option("json")]
ConfigFlag = Annotated[Path | None, _option("config")]
StateDirFlag = Annotated[Path | None, _option("state_dir")]
QuietFlag = Annotated[bool, _option("quiet")]
NoInputFlag = Annotated[bool, _option("no_input")]
DetailedExitcodeFlag = Annotated[bool, _option("detailed_exitcode")]
