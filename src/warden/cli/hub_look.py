"""`warden hub inbox`, `thread` and `progress`: look, without changing anything."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any, Protocol, runtime_checkable

import typer

from warden.cli.flags import AgentFlag, ConfigFlag, HubFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.output import print_json, shows_color, talk
from warden.cli.render import Line, Span, printer, visible
from warden.errors import HubRejectedError
from warden.model.hub import InboxPage

if TYPE_CHECKING:
    from warden.config.settings import Settings
    from warden.model.message import Message
    from warden.model.posted import ProgressRecord
    from warden.ports import Hub

PAGE = 500

LimitFlag = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Most entries to show.")]
AfterFlag = Annotated[str | None, typer.Option("--after", metavar="CURSOR", help="Go on where an earlier list ended.")]


@runtime_checkable
class _ListsAll(Protocol):
    """A hub that can list read messages too."""

    def list_inbox(self, agent: str, unread: bool, after: str | None = None, limit: int = 100) -> InboxPage: ...


def inbox(
    everything: Annotated[bool, typer.Option("--all", help="Also messages that are marked read.")] = False,
    limit: LimitFlag = 100,
    after: AfterFlag = None,
    agent: AgentFlag = None,
    hub: HubFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """List the messages that wait for an agent, oldest first. Marks nothing."""
    from warden.cli.compose import load_settings, open_hub

    settings = load_settings(config=config, state_dir=state_dir, hub=hub, agent=agent)
    with closing(open_hub(settings)) as opened:
        found = read_inbox(opened, settings.agent, everything, limit, after)
    if json:
        quarantined = [{"id": identifier, "reason": reason} for identifier, reason in found.quarantined]
        messages = [message_fields(message) for message in found.messages]
        head = {"schema": "warden.hub.inbox/1", "agent": settings.agent, "unread_only": not everything}
        print_json({**head, "messages": messages, "quarantined": quarantined, "after": found.after})
        return 0
    lines = [_summary(message) for message in found.messages]
    lines += [
        (Span(f"{identifier}  cannot be read: {visible(reason)}", "red"),) for identifier, reason in found.quarantined
    ]
    _print(settings, lines)
    if not lines:
        talk(f"nothing {'lies' if everything else 'waits'} in the inbox of `{settings.agent}`", quiet)
    if found.after is not None:
        talk(f"there is more: go on with --after {found.after}", quiet)
    return 0


def thread(
    thread_id: Annotated[str, typer.Argument(metavar="THREAD", help="The thread's id.")],
    agent: AgentFlag = None,
    hub: HubFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Print a thread that an agent takes part in, oldest message first."""
    from warden.cli.compose import load_settings, open_hub

    settings = load_settings(config=config, state_dir=state_dir, hub=hub, agent=agent)
    with closing(open_hub(settings)) as opened:
        messages = opened.get_thread(settings.agent, thread_id)
    if json:
        shown = [message_fields(message) for message in messages]
        print_json(
            {"schema": "warden.hub.thread/1", "agent": settings.agent, "thread_id": thread_id, "messages": shown}
        )
        return 0
    lines: list[Line] = []
    for message in messages:
        lines += [_summary(message), *_indented(message.content.body), ()]
    _print(settings, lines[:-1])
    return 0


def progress(
    limit: LimitFlag = 100,
    after: AfterFlag = None,
    agent: AgentFlag = None,
    hub: HubFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """List an agent's progress events, oldest first."""
    from warden.cli.compose import load_settings, open_hub

    settings = load_settings(config=config, state_dir=state_dir, hub=hub, agent=agent)
    with closing(open_hub(settings)) as opened:
        events, cursor = read_progress(opened, settings.agent, limit, after)
    if json:
        shown = [event_fields(event) for event in events]
        print_json({"schema": "warden.hub.progress/1", "agent": settings.agent, "events": shown, "after": cursor})
        return 0
    lines: list[Line] = []
    for event in events:
        lines += [_event_line(event), *_indented(event.detail or "")]
    _print(settings, lines)
    if not lines:
        talk(f"`{settings.agent}` has reported nothing", quiet)
    if cursor is not None:
        talk(f"there is more: go on with --after {cursor}", quiet)
    return 0


def read_inbox(hub: Hub, agent: str, everything: bool, limit: int, after: str | None) -> InboxPage:
    """Return up to `limit` messages of an inbox, over as many pages as it takes, as one page."""
    messages: list[Message] = []
    quarantined: list[tuple[str, str]] = []
    cursor = after
    while len(messages) < limit:
        size = min(PAGE, limit - len(messages))
        if not everything:
            page = hub.list_unread(agent, cursor, size)
        elif isinstance(hub, _ListsAll):
            page = hub.list_inbox(agent, False, cursor, size)
        else:
            raise HubRejectedError("this hub lists unread messages only", "leave --all out")
        messages += page.messages
        quarantined += page.quarantined
        if page.after is None or page.after == cursor:
            return InboxPage(tuple(messages[:limit]), None, tuple(quarantined))
        cursor = page.after
    return InboxPage(tuple(messages[:limit]), cursor, tuple(quarantined))


def read_progress(hub: Hub, agent: str, limit: int, after: str | None) -> tuple[list[ProgressRecord], str | None]:
    """Return up to `limit` progress events, over as many pages as it takes, and the cursor of what follows."""
    events: list[ProgressRecord] = []
    cursor = after
    while len(events) < limit:
        page = hub.list_progress(agent, cursor, min(PAGE, limit - len(events)))
        events += page.events
        if page.after is None or page.after == cursor:
            return events[:limit], None
        cursor = page.after
    return events, cursor


def message_fields(message: Message) -> dict[str, Any]:
    """Return a message as `--json` shows it."""
    content = message.content
    return {
        "id": message.key.message_id,
        "thread_id": content.thread_id,
        "from_agent": message.sender.name,
        "assurance": message.sender.assurance.value,
        "created_at": message.received_at or None,
        "kind": content.kind,
        "subject": content.subject,
        "body": content.body,
        "in_reply_to": content.in_reply_to,
        "metadata": dict(content.metadata),
    }


def event_fields(event: ProgressRecord) -> dict[str, Any]:
    """Return a progress event as `--json` shows it."""
    return {
        "id": event.id,
        "agent": event.agent,
        "created_at": event.created_at or None,
        "kind": event.kind,
        "summary": event.summary,
        "detail": event.detail,
        "message_id": event.message_id,
        "thread_id": event.thread_id,
        "metadata": dict(event.metadata),
    }


def _summary(message: Message) -> Line:
    content = message.content
    marks = f" ({content.kind}, {message.sender.assurance.value}, thread {content.thread_id})"
    return (
        Span(message.key.message_id, "bold"),
        Span(f"  {message.received_at or 'no time'}  "),
        Span(message.sender.name, "cyan"),
        Span("  "),
        Span(visible(content.subject) or "(no subject)"),
        Span(marks, "dim"),
    )


def _event_line(event: ProgressRecord) -> Line:
    about = "".join(
        f"  {name} {given}" for name, given in (("message", event.message_id), ("thread", event.thread_id)) if given
    )
    return (
        Span(event.id, "bold"),
        Span(f"  {event.created_at or 'no time'}  "),
        Span(visible(event.summary)),
        Span(f" ({event.kind}){about}", "dim"),
    )


def _indented(text: str) -> list[Line]:
    """Return a text line by line, each one marked as not ours."""
    return (
        [(Span("  | ", "dim"), Span(visible(line, keep="\t"))) for line in text.replace("\r\n", "\n").split("\n")]
        if text
        else []
    )


def _print(settings: Settings, lines: Iterable[Line]) -> None:
    printer(sys.stdout, shows_color(sys.stdout, settings.no_color)).print(lines)
