"""Profiles from configuration: what is taken, and what is refused with which advice."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from warden.errors import ConfigError
from warden.hubs.profile import CLASSIC, DEFAULT, find_profile, profile_from_mapping
from warden.model.hub import DeliveryMeans


def test_named_profiles() -> None:
    """The contract of warden and the classic hub are there under their names, and promise what they can keep."""
    assert find_profile("default") is DEFAULT
    assert find_profile("classic") is CLASSIC
    assert (DEFAULT.delivery, DEFAULT.pages) == (DeliveryMeans.IDEMPOTENCY_KEY, True)
    assert (CLASSIC.delivery, CLASSIC.pages, CLASSIC.authenticated_senders) == (DeliveryMeans.NONE, False, False)


def test_empty_table_is_the_base() -> None:
    """A table that changes nothing has the ways of its base."""
    made = profile_from_mapping({"base": "classic"})
    assert made.operations == CLASSIC.operations
    assert made.message_fields == CLASSIC.message_fields


def test_table_changes_what_it_names() -> None:
    """What a table names is changed, inside operations and names too, and the rest stays."""
    made = profile_from_mapping(
        {
            "base": "classic",
            "operations": {
                "mark_read": {"method": "PUT", "path": "/inbox/{id}/seen"},
                "get_thread": {"path": "/t/{id}"},
                "list_progress": {"path": "/p", "query": {"who": "{agent}"}},
                "list_all": False,
            },
            "message_fields": {"from_agent": "sender", "thread_id": ""},
            "messages_field": "items",
            "page_size": 20,
            "lookup": True,
        }
    )
    assert made.operations["mark_read"].method == "PUT"
    assert made.operations["get_thread"].method == "GET"
    assert "list_all" not in made.operations
    assert made.operations["list_unread"] == CLASSIC.operations["list_unread"]
    assert (made.message_fields["from_agent"], made.message_fields["body"]) == ("sender", "body")
    assert (made.messages_field, made.page_size, made.delivery) == ("items", 20, DeliveryMeans.LOOKUP)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"messages_feld": "x"}, "messages_field"),
    "unknown base": ({"base": "clasic"}, "classic"),
    "base is no name": ({"base": 7}, "base"),
    "unknown operation": ({"operations": {"list_unred": {}}}, "list_unread"),
    "operations are no table": ({"operations": "x"}, "operations"),
    "operation is no table": ({"operations": {"mark_read": True}}, "mark_read"),
    "unknown part": ({"operations": {"mark_read": {"metod": "PUT"}}}, "method"),
    "unknown method": ({"operations": {"mark_read": {"method": "DELETE"}}}, "method"),
    "path without a slash": ({"operations": {"mark_read": {"path": "x/{id}"}}}, "path"),
    "path of another host": ({"operations": {"mark_read": {"path": "//evil.test\\{id}"}}}, "path"),
    "path with a query": ({"operations": {"mark_read": {"path": "/x?id={id}"}}}, "path"),
    "path with a line end": ({"operations": {"mark_read": {"path": "/x/{id}\r\nA: b"}}}, "path"),
    "unknown place": ({"operations": {"mark_read": {"path": "/x/{id}/{thread}"}}}, "braces"),
    "no id": ({"operations": {"mark_read": {"path": "/x"}}}, "{id}"),
    "query value": ({"operations": {"list_unread": {"query": {"a": 7}}}}, "query"),
    "query name": ({"operations": {"list_unread": {"query": {"a b": "c"}}}}, "query"),
    "needed operation": ({"operations": {"post_message": False}}, "post_message"),
    "needed field": ({"message_fields": {"body": ""}}, "body"),
    "unknown field": ({"message_fields": {"sender": "x"}}, "sender"),
    "field is a number": ({"message_fields": {"body": 1}}, "body"),
    "header": ({"idempotency_header": "a: b"}, "idempotency_header"),
    "flag": ({"authenticated_senders": "no"}, "authenticated_senders"),
    "page size": ({"page_size": 0}, "page_size"),
    "page size is a flag": ({"page_size": True}, "page_size"),
    "cursor without a place": ({"base": "classic", "cursor_field": "next"}, "after"),
    "nobody to ask": ({"operations": {"describe": False}}, "authenticated_senders"),
    "nothing to look up": ({"base": "classic", "lookup": True}, "lookup"),
}


@pytest.mark.parametrize(("table", "named"), REFUSED.values(), ids=REFUSED)
def test_refused_table(table: dict[str, Any], named: str) -> None:
    """A table that does not hold is refused with what is wrong or what may have been meant."""
    with pytest.raises(ConfigError) as caught:
        profile_from_mapping(table)
    assert named in f"{caught.value.message} {caught.value.hint}"


def test_example_in_the_reference() -> None:
    """The profile that the reference shows is one."""
    page = Path(__file__).parents[2] / "docs" / "reference" / "hub-profiles.md"
    example = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)[1]
    made = find_profile(tomllib.loads(example)["hub"]["profile"])
    assert (made.messages_field, made.message_fields["from_agent"], made.operations["mark_read"].method) == (
        "items",
        "sender",
        "PUT",
    )


def test_unknown_profile_name() -> None:
    """A name that is not known is refused with the nearest one."""
    with pytest.raises(ConfigError) as caught:
        find_profile("clasic")
    assert "classic" in caught.value.hint
