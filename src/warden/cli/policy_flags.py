"""Options that only the policy commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

BundleFlag = Annotated[
    list[Path] | None,
    typer.Option(
        "--bundle", help="Judge with this policy file instead of the configured ones; may be repeated.", metavar="FILE"
    ),
]
RequestFlag = Annotated[
    Path, typer.Option("--request", help="The request as JSON; `-` reads standard input.", metavar="FILE|-")
]
NoCharterFlag = Annotated[
    bool, typer.Option("--no-charter", help="Judge the policies alone, without the charter's floor; for looking only.")
]
