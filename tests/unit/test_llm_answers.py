"""What a model wrote, read: one meaning or none."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from warden.brains.llm.answers import MAX_ANSWER_CHARS, RefusedAnswerError, find_object
from warden.brains.llm.decisions import Decision, decision_schema, read_decision

ACTION = '{"action": {"kind": "reply", "body": "hi"}}'
INNER = '{"kind": "reply", "body": "hi"}'
READ = Decision("reply", "hi")


def read(text: str) -> Decision:
    """Return what a text decides, with one entry shown."""
    return read_decision(find_object(text), ["vpn"])


@pytest.mark.parametrize(
    "text",
    [
        ACTION,
        INNER,
        f"```json\n{ACTION}\n```",
        f"Sure! Here is the plan:\n{ACTION}\nLet me know.",
        f"[{ACTION}]",
        f"[{ACTION}, {ACTION}]",
        json.dumps(ACTION),
        f"{ACTION}\n{ACTION}",
        f'<think>maybe {{"kind": "escalate"}}?</think>\n{ACTION}',
        f'maybe {{"kind": "escalate"}}?</think>\n{ACTION}',
        f"\ufeff{ACTION}",
        f"A set like {{a, b}} is no answer. {ACTION}",
        '{"action": [{"kind": "reply", "body": "hi"}]}',
        '{"action": {"kind": "reply", "body": ["hi"]}}',
        ' \n{"action":\t{"kind" : "reply","body":"hi"}} ',
    ],
)
def test_one_meaning_is_read(text: str) -> None:
    """Fences, prose, repeats, lists of one and strings of JSON leave one meaning."""
    assert read(text) == READ


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "answer-unreadable"),
        ("I'm sorry, but I can't help with that.", "answer-unreadable"),
        (f"<think>I could say {ACTION}", "answer-unreadable"),
        ("null", "answer-unreadable"),
        ("NaN", "answer-unreadable"),
        ("[]", "answer-unreadable"),
        ('"just a string"', "answer-unreadable"),
        (ACTION[:-1], "answer-unreadable"),
        (ACTION[:-2], "answer-unreadable"),
        ('{"action": {"kind": "reply", "body": "hi"', "answer-unreadable"),
        (ACTION + ' {"kind": "mark_read"}', "answer-ambiguous"),
        (f'[{INNER}, {{"kind": "mark_read"}}]', "answer-ambiguous"),
        ('{"action": [{"kind": "mark_read"}, {"kind": "escalate", "reason": "unsure"}]}', "answer-ambiguous"),
        ('{"kind": "reply", "kind": "mark_read"}', "answer-repeated-key"),
        ('{"action": {"kind": "reply", "body": "a", "body": "b"}}', "answer-repeated-key"),
        ('{"kind": NaN}', "answer-unreadable"),
        ('{"kind": 1e999}', "answer-schema"),
        ('{"kind": ' + "9" * 5000 + "}", "answer-unreadable"),
        ('{"a":' * 200, "answer-unreadable"),
        ('{"a":' * 9 + "1" + "}" * 9, "answer-too-deep"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "answer-too-long"),
        ("x" * (MAX_ANSWER_CHARS + 1), "answer-too-long"),
        ("{}", "answer-schema"),
        ('{"action": null}', "answer-schema"),
        ('{"action": "reply"}', "answer-schema"),
        ('{"kind": "reply"}', "answer-schema"),
        ('{"kind": "reply", "body": null}', "answer-schema"),
        ('{"kind": "reply", "body": {"text": "hi"}}', "answer-schema"),
        ('{"kind": "reply", "body": ["a", "b"]}', "answer-schema"),
        ('{"kind": "reply", "body": "  "}', "answer-empty"),
        ('{"kind": "reply", "body": "hi", "to": "bob"}', "answer-recipient"),
        ('{"kind": "reply", "body": "hi", "CC": ["bob"]}', "answer-recipient"),
        ('{"action": {"kind": "mark_read"}, "recipient": "bob"}', "answer-recipient"),
        ('{"kind": "reply", "body": "hi", "subject": "x"}', "answer-field"),
        ('{"kind": "mark_read", "body": "hi"}', "answer-field"),
        ('{"kind": "change_config", "body": "hi"}', "answer-kind"),
        ('{"kind": "skip"}', "answer-kind"),
        ('{"kind": "Reply", "body": "hi"}', "answer-kind"),
        ('<tool_call>{"name": "send_mail", "arguments": {"to": "bob"}}</tool_call>', "answer-schema"),
        ('{"kind": "route_answer", "entry_id": "openai-key"}', "answer-entry"),
        ('{"kind": "progress_note", "template": "done"}', "answer-schema"),
        ('{"kind": "escalate", "reason": "because I was told to"}', "answer-schema"),
    ],
)
def test_everything_else_is_refused_with_its_reason(text: str, code: str) -> None:
    """No meaning, two meanings, a field or kind too many: each has its own reason code."""
    with pytest.raises(RefusedAnswerError) as caught:
        read(text)
    assert caught.value.code == code


@pytest.mark.parametrize("opening", ["{", '{"', '{"a":', "[", "<think>", '{"a":1} ', "{}", '"', "\\"])
def test_reading_takes_time_in_proportion(opening: str) -> None:
    """Text that was made to be slow to read is not: the test's own time-out is the bound."""
    with pytest.raises(RefusedAnswerError):
        read((opening * MAX_ANSWER_CHARS)[:MAX_ANSWER_CHARS])


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["action", "kind", "body", "to", "x"]) | st.text(), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.text() | _JSON.map(json.dumps) | st.tuples(st.text(), _JSON).map(lambda pair: pair[0] + json.dumps(pair[1])))
@example("\ud800{")
@example('{"\\ud800": 1}')
def test_nothing_but_a_refusal_comes_out(text: str) -> None:
    """Whatever a model writes is one decision of a known kind, or refused."""
    with contextlib.suppress(RefusedAnswerError):
        assert read(text).kind in ("route_answer", "reply", "progress_note", "mark_read", "escalate")


def test_the_schema_offers_what_the_reader_takes() -> None:
    """Each kind of the schema is read with a reading that fits it, and no entry can be chosen when none was shown."""
    import jsonschema

    schema = decision_schema(["vpn"])
    for asks, action in (
        ("who_or_where", {"kind": "route_answer", "entry_id": "vpn"}),
        ("something_else", {"kind": "reply", "body": "hi"}),
        ("several_things", {"kind": "reply", "body": "hi"}),
        ("nothing", {"kind": "progress_note", "template": "status_received"}),
        ("nothing", {"kind": "mark_read"}),
        ("to_act_or_decide", {"kind": "escalate", "reason": "unsure"}),
    ):
        answer = {"asks": asks, "action": action}
        jsonschema.validate(answer, schema)
        assert read(json.dumps(answer)).kind == action["kind"]
        assert read(json.dumps({"action": action})).kind == action["kind"]
    assert "route_answer" not in json.dumps(decision_schema([]))


@pytest.mark.parametrize(
    ("asks", "action", "code"),
    [
        ("to_act_or_decide", {"kind": "reply", "body": "Yes, I can approve that."}, "answer-inconsistent"),
        ("nothing", {"kind": "reply", "body": "Thanks!"}, "answer-inconsistent"),
        ("several_things", {"kind": "route_answer", "entry_id": "vpn"}, "answer-inconsistent"),
        ("something_else", {"kind": "route_answer", "entry_id": "vpn"}, "answer-inconsistent"),
        ("who_or_where", {"kind": "mark_read"}, "answer-inconsistent"),
        ("to_act_or_decide", {"kind": "progress_note", "template": "status_received"}, "answer-inconsistent"),
        ("anything", {"kind": "mark_read"}, "answer-schema"),
        (["nothing"], {"kind": "mark_read"}, "answer-schema"),
        ({}, {"kind": "mark_read"}, "answer-schema"),
    ],
)
def test_an_action_has_to_fit_what_the_model_read(asks: object, action: object, code: str) -> None:
    """A model that says that an act is asked for, and then promises it, is not believed."""
    with pytest.raises(RefusedAnswerError) as caught:
        read(json.dumps({"asks": asks, "action": action}))
    assert caught.value.code == code
