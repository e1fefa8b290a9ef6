"""Documents in pieces: nothing is left out, and what tells a value stands with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from intakebed import comment_event, issue_event
from warden.server.intake.pieces import MOST_PIECES, split_document, without_text

ODD: list[Any] = [
    issue_event(),
    comment_event('he said "repository": {"a": 1} and "sender":{}'),
    {"repository": {"sender": {"user": {}}}, "user": {"user": [{"user": {}}]}, "sender": None},
    {"list": [{"user": {"login": str(n)}} for n in range(3 * MOST_PIECES)]},
    {"text": '\\"user": {', "user": "plain", "repository": []},
]


@pytest.mark.parametrize("document", ODD)
@pytest.mark.parametrize("style", [{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])
def test_the_pieces_are_the_document(document: Any, style: dict[str, Any]) -> None:
    """Every character is in one of the pieces, and each but the first is a whole member."""
    body = json.dumps(document, **style)
    left, *members = split_document(body)
    assert sorted(left + "".join(members)) == sorted(body)
    assert len(members) <= MOST_PIECES
    for member in members:
        assert len(json.loads("{" + member + "}")) == 1
    assert split_document(left)[0] == left or len(members) == MOST_PIECES


def test_what_deliveries_share_is_apart() -> None:
    """Two deliveries of one repository and sender differ in the first piece only."""
    one, other = (split_document(json.dumps(issue_event(title=title))) for title in ("one", "other"))
    assert one[0] != other[0]
    assert one[1:] == other[1:]
    assert len(one) == 4


@pytest.mark.parametrize("text", ["a & <b>\n" * 20, "Straße\u2028" * 20, 'a "quoted" \\ word ' * 20])
@pytest.mark.parametrize("escaped", [False, True])
def test_a_text_is_taken_out_where_it_was_read(text: str, escaped: bool) -> None:
    """As the value of the name under which it was read, however it is escaped; never as the value of another."""
    body = json.dumps({"body": text, "password": text}, ensure_ascii=escaped)
    left = json.loads(without_text(body, text))
    assert left == {"body": "", "password": text}


def test_a_text_as_go_writes_it() -> None:
    """Gitea escapes what has a meaning in HTML."""
    body = '{\n  "body": "' + r"a \u0026 \u003cb\u003e" * 20 + '"\n}'
    assert json.loads(without_text(body, "a & <b>" * 20)) == {"body": ""}


def test_a_text_that_is_written_otherwise_stays() -> None:
    """What cannot be told for certain is looked at where it stands, and a short one too."""
    body = '{"body": "' + r"\u0061" * 200 + '"}'
    assert without_text(body, "a" * 200) == body
    assert without_text('{"body": "a"}', "a") == '{"body": "a"}'
