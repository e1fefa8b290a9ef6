"""`warden console`: the review queue as a web page, and who may sign in to it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli.flags import AgentFlag, ConfigFlag, JsonFlag, NoInputFlag, QuietFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.identity import operator_name, user_name
from warden.cli.output import print_json, talk, to_json
from warden.cli.streams import unsafe_write
from warden.errors import EXIT_DONE, InputError, UsageError, quote

if TYPE_CHECKING:
    from warden.config.settings import Settings
    from warden.server.console.accounts import Accounts
    from warden.server.console.model import Role
    from warden.server.console.parts import Site

PORT = 8767
SCHEMA = "warden.console/1"

app = new_app("The review console: what waits for people, as a web page. Without a command, serve it.")
app.info.no_args_is_help = False
users = new_app("Who may sign in to the console.")
tokens = new_app("Bearer tokens of the console's JSON API.")
app.add_typer(users, name="user")
app.add_typer(tokens, name="token")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
UserOption = Annotated[str | None, typer.Option("--user", metavar="NAME", help="For whom; by default who runs this.")]
PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, metavar="N", help="Where to listen; 0: a free one.")
]
HostOption = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")]
RoleOption = Annotated[str, typer.Option("--role", metavar="ROLE", help="viewer, reviewer or admin.")]
FileOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", metavar="FILE", help="A file with the passphrase, `-` for stdin; else it is asked for."
    ),
]
NoPassphraseFlag = Annotated[bool, typer.Option("--no-passphrase", help="Let them sign in by one-time link only.")]


@app.callback(invoke_without_command=True)
def console(
    context: typer.Context,
    host: HostOption = "127.0.0.1",
    port: PortOption = PORT,
    agent: AgentFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Serve the review console until it is interrupted; prints a one-time link for the user who runs it."""
    if context.invoked_subcommand is None:
        _serve(host, port, agent, json, config, state_dir)


def _serve(host: str, port: int, agent: str | None, json: bool, config: Path | None, state_dir: Path | None) -> None:
    from warden.cli import compose
    from warden.cli.console_parts import Releases, Where, build_parts
    from warden.cli.redaction import install
    from warden.cli.run_parts import LazyScanner
    from warden.server.console.serve import check_bind, serve_console, site_of

    where = Where(config, state_dir, agent)
    settings = where.settings()
    check_bind(host, settings.console.allow_remote, settings.console.public_url)
    # INVARIANT (no-secret): what the server logs of a request may quote it.
    install(LazyScanner(lambda: compose.build_scanner(settings)))
    # Before anything is served: the ledger that pages read, made when this is the first command of all.
    compose.open_ledger(settings).close()
    releases = Releases(where)
    with _accounts(settings) as accounts, closing(releases):
        releases.start()

        def announce(taken: int) -> None:
            _announce(accounts, site_of(host, taken, settings.console.public_url), json)

        serve_console(
            lambda taken: build_parts(where, accounts, site_of(host, taken, settings.console.public_url), releases),
            host,
            port,
            announce,
        )


def _announce(accounts: Accounts, site: Site, json: bool) -> None:
    """Print where the console is, with a one-time link for who runs it."""
    url = _link(accounts, site, None)
    base = url.partition("/sign-in")[0]
    if json:
        unsafe_write(sys.stdout, to_json({"schema": SCHEMA, "url": base, "link": url}, indent=None) + "\n")
    else:
        unsafe_write(sys.stdout, f"listening on {base}\nsign in, once and within 10 minutes: {url}\n")
    sys.stdout.flush()


def _link(accounts: Accounts, site: Site, user: str | None) -> str:
    from warden.server.console.model import Role

    name = user or user_name()
    if user is None and accounts.user(name) is None:
        # Who can write the console's file may do everything to it: this only saves a command.
        accounts.add_user(name, Role.ADMIN, None, operator_name())
    token = accounts.make_link(name, os.getuid(), operator_name())
    return f"{site.address}/sign-in?link={token}"


@contextmanager
def _accounts(settings: Settings) -> Iterator[Accounts]:
    from warden.cli import compose
    from warden.cli.console_parts import CONSOLE_DB
    from warden.config.state import ensure_private_dir
    from warden.server.console.accounts import Accounts
    from warden.server.console.database import ConsoleDatabase
    from warden.server.console.model import Lifetimes
    from warden.server.console.passphrases import Passphrases

    ensure_private_dir(settings.state_dir)
    lifetimes = Lifetimes(idle_s=settings.console.idle_m * 60, session_s=settings.console.session_h * 3600)
    with closing(ConsoleDatabase(settings.state_dir / CONSOLE_DB)) as database:
        yield Accounts(database, compose.build_clock(), Passphrases(), lifetimes)


def _settings(config: Path | None, state_dir: Path | None) -> Settings:
    from warden.cli import compose

    return compose.load_settings(config, state_dir)


@app.command(help="Print a one-time link with which somebody signs in; it holds for 10 minutes.")
def link(
    user: UserOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = PORT,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Print a link."""
    from warden.server.console.serve import site_of

    settings = _settings(config, state_dir)
    with _accounts(settings) as accounts:
        url = _link(accounts, site_of(host, port, settings.console.public_url), user)
    unsafe_write(sys.stdout, (to_json({"schema": SCHEMA, "link": url}) if json else url) + "\n")
    return EXIT_DONE


def _role(name: str) -> Role:
    from warden.server.console.model import ROLES

    if name not in ROLES:
        raise InputError(f"there is no role {quote(name)}", "viewer, reviewer or admin")
    return ROLES[name]


def _passphrase(file: Path | None, no_input: bool) -> str:
    """Return what a person types, twice, or what a file holds; raises `UsageError` when nobody can be asked."""
    from warden.cli.review_parts import read_text

    if file is not None:
        return (read_text(None, file) or "").removesuffix("\n")
    if no_input or not sys.stdin.isatty():
        raise UsageError("no passphrase was given", "name a file with --passphrase-file, `-` for stdin")
    import getpass

    first = getpass.getpass("passphrase: ")
    if first != getpass.getpass("again: "):
        raise InputError("the two passphrases differ", "try again")
    return first


@users.command("add", help="Add somebody. The passphrase is asked for, or read from a file: it is never an argument.")
def add_user(
    name: NameArgument,
    role: RoleOption = "reviewer",
    file: FileOption = None,
    no_passphrase: NoPassphraseFlag = False,
    no_input: NoInputFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Add somebody."""
    wanted = _role(role)
    passphrase = None if no_passphrase else _passphrase(file, no_input)
    with _accounts(_settings(config, state_dir)) as accounts:
        accounts.add_user(name, wanted, passphrase, operator_name())
    talk(f"{name} may sign in as {role}", quiet)
    return EXIT_DONE


@users.command("set", help="Change somebody's role, or their passphrase; their sessions end.")
def set_user(
    name: NameArgument,
    role: Annotated[str | None, typer.Option("--role", metavar="ROLE", help="viewer, reviewer or admin.")] = None,
    passphrase: Annotated[bool, typer.Option("--passphrase", help="Ask for a new passphrase.")] = False,
    file: FileOption = None,
    disable: Annotated[bool, typer.Option("--disable", help="Keep them out.")] = False,
    enable: Annotated[bool, typer.Option("--enable", help="Let them in again.")] = False,
    no_input: NoInputFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Change somebody."""
    if role is None and not passphrase and file is None and not disable and not enable:
        raise UsageError("nothing is to be changed", "name --role, --passphrase, --disable or --enable")
    if disable and enable:
        raise UsageError("--disable and --enable are both given", "keep one of them")
    wanted = None if role is None else _role(role)
    words = _passphrase(file, no_input) if passphrase or file is not None else None
    with _accounts(_settings(config, state_dir)) as accounts:
        accounts.change_user(name, operator_name(), wanted, words, True if disable else False if enable else None)
    talk(f"{name} is changed; every session of theirs has ended", quiet)
    return EXIT_DONE


@users.command("remove", help="Remove somebody, with their sessions and tokens.")
def remove_user(
    name: NameArgument, config: ConfigFlag = None, state_dir: StateDirFlag = None, quiet: QuietFlag = False
) -> int:
    """Remove somebody."""
    with _accounts(_settings(config, state_dir)) as accounts:
        accounts.remove_user(name, operator_name())
    talk(f"{name} is removed", quiet)
    return EXIT_DONE


@users.command("list", help="List who may sign in.")
def list_users(json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None) -> int:
    """List them."""
    with _accounts(_settings(config, state_dir)) as accounts:
        found = accounts.users()
    rows = [
        {
            "name": user.name,
            "role": user.role.word,
            "passphrase": user.has_passphrase,
            "disabled": user.disabled,
            "created_at": user.created_at.isoformat(),
        }
        for user in found
    ]
    if json:
        print_json({"schema": SCHEMA, "users": rows})
        return EXIT_DONE
    for user in found:
        ways = "passphrase or link" if user.has_passphrase else "link"
        print(f"{user.name:<24} {user.role.word:<9} {'disabled' if user.disabled else ways}")
    return EXIT_DONE


@tokens.command("create", help="Make a bearer token that acts for a user, and print it: this once.")
def create_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is called.")],
    user: UserOption = None,
    role: RoleOption = "viewer",
    days: Annotated[int, typer.Option("--days", min=1, max=366, metavar="N", help="How long it holds.")] = 90,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Make a token."""
    wanted = _role(role)
    with _accounts(_settings(config, state_dir)) as accounts:
        token = accounts.make_token(name, user or user_name(), wanted, os.getuid(), days, operator_name())
    unsafe_write(sys.stdout, token + "\n")
    talk("keep the token in a file of mode 600; it is not shown again", quiet)
    return EXIT_DONE


@tokens.command("list", help="List tokens: names, users, roles and ends; never the tokens themselves.")
def list_tokens(json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None) -> int:
    """List them."""
    with _accounts(_settings(config, state_dir)) as accounts:
        found = accounts.tokens()
    if json:
        rows = [{"name": row[0], "user": row[1], "role": row[2], "ends_at": row[3].isoformat()} for row in found]
        print_json({"schema": SCHEMA, "tokens": rows})
        return EXIT_DONE
    for name, user, role, ends in found:
        print(f"{name:<24} {user:<24} {role:<9} until {ends:%Y-%m-%d}")
    return EXIT_DONE


@tokens.command("remove", help="Remove a token, at once and for good.")
def remove_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is called.")],
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Remove a token."""
    with _accounts(_settings(config, state_dir)) as accounts:
        accounts.remove_token(name, operator_name())
    talk(f"token {name} is removed", quiet)
    return EXIT_DONE
