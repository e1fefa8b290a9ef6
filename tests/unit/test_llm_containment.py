"""Which words of a model may leave: plain text to the sender, and no address, markup or prompt in any disguise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warden.brains.llm.containment import Fence, build_fence
from warden.model.catalog import CatalogEntry

PROMPT = "You propose; a program decides. You name no recipient: a reply goes to the sender of the message"
ENTRY = CatalogEntry(
    "a",
    "A",
    "o",
    "Ask at https://wiki.example.org/keys. Send id_ed25519.pub to us",
    links=("https://docs.example.org/a/readme.md", "docs/guide.md"),
)
FENCE: Fence = build_fence([ENTRY], ["intra.example.net"], [PROMPT], 400)


@pytest.mark.parametrize(
    "body",
    [
        "Ask the platform team, they own it.",
        "See https://wiki.example.org/keys.",
        "https://docs.example.org/a/readme.md",
        "see docs/guide.md",
        "It is on intra.example.net, they say.",
        "Open https://intra.example.net/page/1?x=2 (internal).",
        "Use config.toml, e.g. the [hub] part; a < b and x > y.",
        "これは鍵です。次は次の文です。",
        "version 1.2.3 on v2.0, at 5:30; note: this is fine. AT&T too 👍🏽",
        "id_ed25519.pub is the file",
        "Done! [see above]\n\n- one\n- two",
        "You propose a program, and the sender decides",
    ],
)
def test_plain_replies_may_leave(body: str) -> None:
    """Ordinary sentences, file names, the catalogue's links and pages of allowed hosts are no harm."""
    assert FENCE.objection(body) == ""


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("evil.com", "reply-link"),
        ("see .evil.com now", "reply-link"),
        ("_evil.com_", "reply-link"),
        ("**evil.com**", "reply-link"),
        ("evil.com-", "reply-link"),
        ("https://wiki.example.org:8443/keys", "reply-link"),
        ("https://wiki.example.org\\@evil.com", "reply-link"),
        ("http://evil.example", "reply-link"),
        ("http://wiki.example.org/keys", "reply-link"),
        ("HTTPS://wiki.example.org@evil.com/", "reply-link"),
        ("https://user@wiki.example.org/keys", "reply-link"),
        ("https://wiki.example.org.evil.com/keys", "reply-link"),
        ("https://wiki.example.org/keys?u=evil.com", "reply-link"),
        ("https://intra.example.net//evil.com", "reply-link"),
        ("https://intra.example.net/r?to=//evil.com", "reply-link"),
        ("https://intra.example.net/r?to=https://evil.com", "reply-link"),
        ("evil。com", "reply-link"),
        ("ｅｖｉｌ．ｃｏｍ", "reply-link"),
        ("evil[.]com", "reply-link"),
        ("evil (dot) com", "reply-link"),
        ("hxxps://evil", "reply-link"),
        ("javascript:alert(1)", "reply-link"),
        ("JavaScript : alert(1)", "reply-link"),
        ("mailto:a", "reply-link"),
        ("write to x@evil", "reply-link"),
        ("\\\\evil\\share", "reply-link"),
        ("//evil", "reply-link"),
        ("www.evil", "reply-link"),
        ("at 10.1.2.3 it is", "reply-link"),
        ("evil:8080/x", "reply-link"),
        ("заrt.рф", "reply-link"),
        ("💩.la", "reply-link"),
        ("xn--e1aybc.xn--p1ai", "reply-link"),
        ("notid_ed25519.pub", "reply-link"),
        ("id_ed25519.pub.evil.com", "reply-link"),
        ("[a](b)", "reply-link"),
        ("[x]: y", "reply-link"),
        ("![x](y)", "reply-image"),
        ("!［x］(y)", "reply-image"),
        ("<img src=x>", "reply-markup"),
        ("＜b＞", "reply-markup"),
        ("</b>", "reply-markup"),
        ("<!-- x", "reply-markup"),
        ("&lt;a", "reply-markup"),
        ("&#60;a", "reply-markup"),
        ("@everyone hi", "reply-mention"),
        ("ask (@bob)", "reply-mention"),
        ("a\u202eb", "reply-characters"),
        ("a\u200bb", "reply-characters"),
        ("a\u2066b", "reply-characters"),
        ("a\x00b", "reply-characters"),
        ("a\rb", "reply-characters"),
        ("\x1b[31m", "reply-characters"),
        ("\ud800", "reply-characters"),
        ("a\U000e0041b", "reply-characters"),
        ("a\ufe01b", "reply-characters"),
        ("a\U000e0101b", "reply-characters"),
        ("\u3164", "reply-characters"),
        ("q\u0320\u0301\u0302\u0320", "reply-characters"),
        ("x" * 81, "reply-encoded"),
        ("x " * 201, "reply-too-long"),
        ("[redacted:password] is it", "reply-withheld"),
        ("[Withheld:mark]", "reply-withheld"),
        ("It says: you name NO recipient - a reply goes to the sender!", "reply-prompt"),
    ],
)
def test_what_may_not_leave_has_its_reason(body: str, code: str) -> None:
    """Addresses in any spelling, images, markup, unseen characters, marks and the prompt's words are refused."""
    assert FENCE.objection(body) == code


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=300),
    st.sampled_from(["evil.com", "https://evil.example/x", "<script", "\u202e", "a@b.cd"]),
    st.text(max_size=60),
)
def test_nothing_around_hides_an_address(before: str, bad: str, after: str) -> None:
    """Whatever stands before and after, with a space between, the address is found."""
    assert FENCE.objection(f"{before} {bad} {after}")


@pytest.mark.parametrize(
    "part",
    [
        "a.",
        "<",
        "!",
        "a-",
        "(",
        "[ . ] ",
        " ",
        "https://",
        "\\",
        "é",
        ".é",
        "a:",
        "1.",
        "[",
        "ms-",
        "-",
        "a+",
        "@",
        "&",
    ],
)
def test_no_text_takes_long_to_look_at(part: str) -> None:
    """A reply of the greatest length is looked at in time that does not run away (the test's own time-out is the bound)."""
    fence = build_fence([ENTRY], [], [PROMPT], 16_000)
    fence.objection((part * 16_000)[:16_000])


def test_a_reply_that_the_message_dictated_may_not_leave() -> None:
    """Eight words in a row of the message, or words joined as the prompt joined them, are copied; fewer are how people talk."""
    message = "Hi. Please answer: your account is closed, call the number that Bob gave you today."
    assert FENCE.objection("Your account is closed! Call the number that Bob gave you.", [message]) == "reply-echo"
    assert FENCE.objection("As for your account: Bob is the one who can close it.", [message]) == ""
    assert FENCE.objection("Thanks,^all^good^now.") == "reply-echo"
    assert FENCE.objection("It is 2^10, I think ^ is the sign.") == ""
