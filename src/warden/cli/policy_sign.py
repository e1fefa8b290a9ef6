"""`warden policy keygen|sign`: Ed25519 keys, and detached signatures of policy files and of the charter."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from warden.cli.flags import JsonFlag
from warden.cli.output import print_json
from warden.cli.policy_parts import read_input
from warden.cli.render import visible
from warden.errors import EXIT_DONE, StateError, quote


def keygen(
    key: Annotated[Path, typer.Argument(help="Where the new private key goes; it must not exist.", metavar="KEY")],
    as_json: JsonFlag = False,
) -> int:
    """Make a key pair: KEY holds the private key (mode 0600), KEY.pub the public one."""
    from warden.config.signatures import make_key

    public = make_key(key)
    if as_json:
        print_json({"schema": "warden.policy-key/1", "private_key": str(key), "public_key": str(public)})
    else:
        sys.stdout.write(f"{visible(str(public))}\n")
    return EXIT_DONE


def sign(
    files: Annotated[list[Path], typer.Argument(help="The files to sign.", metavar="FILE...")],
    key: Annotated[Path, typer.Option("--key", help="The private key.", metavar="KEY")],
    as_json: JsonFlag = False,
) -> int:
    """Write FILE.sig beside each file: a raw Ed25519 signature over its bytes."""
    from warden.config.signatures import SIGNATURE_SUFFIX, read_key
    from warden.config.signatures import sign as sign_bytes

    private = read_key(key)
    made: list[Path] = []
    for path in files:
        signature = sign_bytes(read_input(path), private)
        target = path.with_name(path.name + SIGNATURE_SUFFIX)
        try:
            target.write_bytes(signature)
        except OSError as error:
            raise StateError(f"cannot write {quote(target)}: {error.strerror}", "check its permissions") from None
        made.append(target)
    if as_json:
        print_json({"schema": "warden.policy-signatures/1", "signatures": [str(path) for path in made]})
    else:
        sys.stdout.write("".join(f"{visible(str(path))}\n" for path in made))
    return EXIT_DONE
