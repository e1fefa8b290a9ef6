"""`warden hub send`: one message from options, or many from a file of JSON lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, Protocol, runtime_checkable

import typer

from warden.cli.flags import AgentFlag, ConfigFlag, HubFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.output import print_json, talk
from warden.errors import HubError, HubRejectedError, InputError, UsageError, quote
from warden.hubs.contract import REQUEST_BYTES, check_message, read_message
from warden.hubs.parsing import parse_json

if TYPE_CHECKING:
    from warden.model.delivery import OutgoingMessage
    from warden.model.posted import Accepted
    from warden.ports import Hub

LINES_LIMIT: Final = 200_000
LINES_BYTES: Final = 512 * 1024 * 1024


@runtime_checkable
class _SendsMany(Protocol):
    """A hub that sends many messages in one transaction."""

    def post_messages(self, messages: Sequence[OutgoingMessage], keys: Sequence[str | None]) -> list[Accepted]: ...


def send(
    to: Annotated[str | None, typer.Option("--to", metavar="NAME", help="Who receives it.")] = None,
    sender: Annotated[
        str | None, typer.Option("--from", metavar="NAME", help="Who sends it; the configured agent when left out.")
    ] = None,
    subject: Annotated[str, typer.Option("--subject", metavar="TEXT", help="One line.")] = "",
    body: Annotated[str | None, typer.Option("--body", metavar="TEXT", help="The text.")] = None,
    body_file: Annotated[
        Path | None, typer.Option("--body-file", metavar="FILE", help="The text; `-` or neither option: stdin.")
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", metavar="WORD", help="request, reply, info, status, auto, ...")
    ] = "request",
    thread: Annotated[str | None, typer.Option("--thread", metavar="ID", help="Post into this thread.")] = None,
    in_reply_to: Annotated[str | None, typer.Option("--in-reply-to", metavar="ID", help="Answer this message.")] = None,
    meta: Annotated[
        list[str] | None, typer.Option("--meta", metavar="NAME=VALUE", help="Metadata; repeatable.")
    ] = None,
    jsonl: Annotated[
        Path | None,
        typer.Option("--jsonl", metavar="FILE", help="Send many: a message per line, as POST /messages takes it."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="Idempotency key; with --jsonl, KEY-1, KEY-2, ... for its lines."),
    ] = None,
    agent: AgentFlag = None,
    hub: HubFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Send a message, or many.

    With --jsonl all lines are checked before any is sent; the embedded hub then takes all of them or none. --from, --to and
    --kind fill in what a line leaves out.
    """
    from warden.cli.compose import load_settings, open_hub

    settings = load_settings(config=config, state_dir=state_dir, hub=hub, agent=agent)
    given: dict[str, object] = {"from_agent": sender or settings.agent, "to_agent": to, "kind": kind}
    texts = {
        "subject": subject or None,
        "thread_id": thread,
        "in_reply_to": in_reply_to,
        "metadata": _metadata(meta or []),
    }
    if jsonl is not None:
        if body is not None or body_file is not None or any(texts.values()):
            raise UsageError("`--jsonl` brings its own texts", "leave out --subject, --body, --thread and --meta")
        messages = read_lines(jsonl, given)
        keys = [None if key is None else f"{key}-{number}" for number in range(1, len(messages) + 1)]
    else:
        if to is None:
            raise UsageError("`--to` is missing", "name who receives the message")
        messages = [_checked(given | texts | {"subject": subject, "body": _body(body, body_file)})]
        keys = [key]
    with closing(open_hub(settings)) as opened:
        accepted = post_all(opened, messages, keys)
    _report(accepted, json=json, many=jsonl is not None, quiet=quiet)
    return 0


def _report(accepted: Sequence[Accepted], *, json: bool, many: bool, quiet: bool) -> None:
    replayed = sum(made.replayed for made in accepted)
    if json:
        sent = [{"id": made.id, "replayed": made.replayed} for made in accepted]
        print_json({"schema": "warden.hub.send/1", "count": len(sent), "sent": sent})
    elif not many:
        print(accepted[0].id)
    if many or replayed:
        again = f", {replayed} had been sent before" if replayed else ""
        talk(f"sent {len(accepted) - replayed} messages{again}", quiet)


def post_all(hub: Hub, messages: Sequence[OutgoingMessage], keys: Sequence[str | None]) -> list[Accepted]:
    """Send the messages in order, in one transaction where the hub has that; raises `HubError` and says how far it got."""
    if isinstance(hub, _SendsMany):
        return hub.post_messages(messages, keys)
    accepted: list[Accepted] = []
    for message, key in zip(messages, keys, strict=True):
        try:
            accepted.append(hub.post_message(message, key))
        except HubError as error:
            if len(messages) > 1:
                error.message = f"message {len(accepted) + 1} of {len(messages)} was not sent: {error.message}"
                error.hint = f"{len(accepted)} were sent before it; use --key to be able to send the whole file again"
            raise
    return accepted


def read_lines(path: Path, defaults: dict[str, object]) -> list[OutgoingMessage]:
    """Return the messages of a file of JSON lines, all of them checked; raises `InputError` that names the line."""
    with _open_input(path) as stream:
        messages = [read_line(line, number, defaults) for number, line in split_lines(stream)]
    if not messages:
        raise InputError(f"there is no message in {quote(path)}", "write one JSON object per line")
    return messages


def split_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Give the lines that are not blank, with their numbers; raises `InputError` over a bound."""
    size = 0
    for number in range(1, LINES_LIMIT + 2):
        line = stream.readline(REQUEST_BYTES + 2)
        if not line:
            return
        size += len(line)
        if number > LINES_LIMIT or size > LINES_BYTES:
            break
        if len(line) > REQUEST_BYTES + 1:
            raise InputError(f"line {number} is longer than {REQUEST_BYTES} bytes", "shorten it")
        if line.strip():
            yield number, line
    raise InputError(f"there are more than {LINES_LIMIT} lines or {LINES_BYTES} bytes", "split the file")


def read_line(line: bytes, number: int, defaults: dict[str, object]) -> OutgoingMessage:
    """Return the message that a line holds; raises `InputError` that names the line."""
    try:
        document = parse_json(line)
        if isinstance(document, dict):
            missing = {name: value for name, value in defaults.items() if document.get(name) is None}
            document = document | missing
        return _checked(document)
    except (HubRejectedError, InputError) as error:
        hint = error.hint or "correct it; nothing was sent"
        raise InputError(f"line {number}: {error.message}", hint, error.field) from None


def _checked(document: object) -> OutgoingMessage:
    """Return a message that any hub of ours would take; raises `InputError`, because a person wrote it."""
    try:
        return check_message(read_message(document))[0]
    except HubRejectedError as error:
        raise InputError(error.message, error.hint, error.field) from None


def _body(body: str | None, body_file: Path | None) -> str:
    if body is not None and body_file is not None:
        raise UsageError("`--body` and `--body-file` are both there", "leave one of them out")
    if body is not None:
        return body
    if body_file is None and sys.stdin.isatty():
        raise UsageError("there is no text", "use --body, --body-file, or pipe the text in")
    with _open_input(body_file or Path("-")) as stream:
        data = stream.read(REQUEST_BYTES + 1)
    if not data and body_file is None:
        raise UsageError("there is no text", "use --body, --body-file, or pipe the text in")
    if len(data) > REQUEST_BYTES:
        raise InputError(
            f"the text is larger than {REQUEST_BYTES} bytes", "shorten it, or link to the long part", "body"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"the text is not UTF-8 at byte {error.start + 1}", "convert it to UTF-8", "body") from None


def _open_input(path: Path) -> BinaryIO:
    if str(path) == "-":
        return sys.stdin.buffer
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise InputError(f"cannot read {quote(path)}: {reason}", "check the path") from error


def _metadata(pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name in found:
            raise UsageError(
                f"`--meta` {quote(pair)} is not NAME=VALUE, or has a name twice", "write --meta name=value"
            )
        found[name] = value
    return found
