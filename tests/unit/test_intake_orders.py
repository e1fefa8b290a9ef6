"""Trigger rules: how strictly they are read, what matches first, and what is named then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from warden.documents import triggers
from warden.documents.triggers import load_triggers
from warden.errors import DocumentError
from warden.model.event import RULE_SET, Concurrency, Event, Flag, NewTask, Trust, event_facts
from warden.model.ids import MessageKey
from warden.model.message import Assurance, Mail, Message, Principal
from warden.orders.approvals import Words, find_words
from warden.orders.book import TriggerBook, event_document
from warden.orders.rules import Globs
from warden.orders.templates import PLACEHOLDERS, fill, template_problem

EVENT = Event(
    source="forge",
    delivery_id="d-1",
    event="issues",
    type="issue_label",
    action="label_updated",
    repository="ops/site",
    number="7",
    branch="main",
    labels=("deploy", "later"),
    sender="alice",
    trust=Trust.COLLABORATOR,
    title="a title",
    text="a text",
)


def book(rules: str, name: str = "s") -> TriggerBook:
    """Return a book of one set."""
    indented = "".join(f"      {line}\n" for line in rules.strip("\n").splitlines())
    return load_triggers(f"version: 1\nsets:\n  - name: {name}\n    rules:\n{indented}".encode(), "t.yaml")


def message(event: Event = EVENT, rule_set: str = "s") -> Message:
    """Return the message that a task of an event is."""
    return Message(
        MessageKey("intake-1", "warden", "e1"),
        Principal("alice@forge", Assurance.SIGNED),
        "2026-03-01T10:00:00Z",
        Mail(event.title, event.text, "event", event.thread_id, None, {**event_facts(event), RULE_SET: rule_set}),
        "intake",
    )


SCRIPT = """
- id: run
  when: {event: issues, label: deploy}
  do: script
  script: {argv: [/bin/run, "{repository}", "--issue={number}", "{{x}}"], directory: /srv}
  key: "{repository}#{number}"
  window_s: 60
  concurrency: coalesce
  lock: true
"""


def test_the_first_rule_that_matches_names_what_is_done() -> None:
    """A script gets its arguments filled in, and the event on its stdin."""
    found = book(SCRIPT)
    assert found.sort(EVENT) == (
        (NewTask("s", "run", "script", "ops/site#7", 60, Concurrency.COALESCE, True),),
        "",
    )
    plan = found.order(message())
    assert plan is not None
    (action,) = plan.actions
    assert (action.kind, action.arguments["rule"]) == ("run_script", "s/run")
    assert json.loads(str(action.arguments["argv"])) == ["/bin/run", "ops/site", "--issue=7", "{x}"]
    assert json.loads(str(action.arguments["stdin"])) == event_document(EVENT)
    rule = found.rule("s/run")
    assert rule is not None
    assert rule.script is not None
    assert rule.script.directory == "/srv"
    assert found.rule("s/other") is None
    assert found.rule("t/run") is None


def test_workloads_and_triggers_are_named_with_what_they_take() -> None:
    """A workload has an action and perhaps a response policy; a trigger a word and values."""
    found = book("- {id: w, when: {}, do: workload, workload: {action: triage, response_policy: comment}}").order(
        message()
    )
    assert found is not None
    assert found.actions[0].arguments == {"source": "forge", "action": "triage", "response_policy": "comment"}
    found = book("- {id: w, when: {}, do: workload, workload: {action: triage}}").order(message())
    assert found is not None
    assert found.actions[0].arguments == {"source": "forge", "action": "triage"}
    found = book('- {id: t, when: {}, do: trigger, trigger: {kind: wake, values: {repo: "{repository}"}}}').order(
        message()
    )
    assert found is not None
    assert found.actions[0].arguments == {"kind": "wake", "repo": "ops/site"}


def test_a_message_rule_leaves_the_event_to_the_brain() -> None:
    """Only for this does the order book say nothing."""
    found = book("- {id: m, when: {}, do: message}")
    assert found.order(message()) is None
    assert found.sort(EVENT)[0][0].does == "message"


def test_what_is_ignored_or_matched_by_nothing_makes_no_task() -> None:
    """And the reason says which of the two."""
    assert book("- {id: i, when: {}, do: ignore}").sort(EVENT) == ((), "rule-ignores")
    assert book("- {id: i, when: {event: push}, do: ignore}").sort(EVENT) == ((), "no-rule")
    assert TriggerBook((), "").sort(EVENT) == ((), "no-rule")
    plan = book("- {id: i, when: {}, do: ignore}").order(message())
    assert plan is not None
    assert [action.kind for action in plan.actions] == ["mark_read"]


def test_rules_that_changed_meanwhile_decide() -> None:
    """A set that is gone leaves the event to a person; one that matches no more only notes it."""
    gone = book(SCRIPT).order(message(rule_set="other"))
    assert gone is not None
    assert gone.reason == "rule-set-gone"
    none = book("- {id: p, when: {event: push}, do: message}").order(message())
    assert none is not None
    assert none.reason == "rule-ignores"


@pytest.mark.parametrize("flag", [Flag.OWN, Flag.AGENT, Flag.MARKER])
def test_an_echo_is_never_acted_upon(flag: Flag) -> None:
    """Whatever the rules say."""
    echo = Event("forge", "d", "issues", labels=("deploy",), trust=Trust.OWNER, flags=frozenset({flag}))
    assert book(SCRIPT).sort(echo) == ((), f"loop-{flag.value}")
    plan = book(SCRIPT).order(message(echo))
    assert plan is not None
    assert plan.reason == "rule-ignores"


@pytest.mark.parametrize(
    ("flag", "reason"), [(Flag.UNSIGNED, "workflow-signature"), (Flag.STALE, "workflow-signature-stale")]
)
def test_a_broken_workflow_signature_is_a_persons(flag: Flag, reason: str) -> None:
    """Such an event becomes a task whatever the rules say, and the task an escalation."""
    event = Event("forge", "d", "issues", repository="r/x", number="1", trust=Trust.OWNER, flags=frozenset({flag}))
    (task,) = book(SCRIPT).sort(event)[0]
    assert (task.rule_set, task.does) == ("workflow", "escalate")
    plan = book(SCRIPT).order(message(event, "workflow"))
    assert plan is not None
    assert (plan.actions[0].kind, plan.reason) == ("escalate", reason)


@pytest.mark.parametrize(
    ("when", "matches"),
    [
        ("{}", True),
        ("{event: [push, issues]}", True),
        ("{type: issue_*}", True),
        ("{type: issues}", False),
        ("{action: label_updated, repository: 'ops/*'}", True),
        ("{repository: '*'}", False),
        ("{repository: '**'}", True),
        ("{branch: main, sender: alice, source: forge}", True),
        ("{branch: master}", False),
        ("{label: later}", True),
        ("{label: [other]}", False),
        ("{trust: collaborator}", True),
        ("{trust: owner}", False),
        ("{pull: false}", True),
        ("{pull: true}", False),
        ("{signed: true}", False),
        ("{sender: Alice}", False),
    ],
)
def test_every_condition_counts(when: str, matches: bool) -> None:
    """All hold, or the rule does not match."""
    assert bool(book(f"- {{id: m, when: {when}, do: message}}").sort(EVENT)[0]) is matches


@pytest.mark.parametrize("does", ["script: {argv: [/x]}", "workload: {action: a}", "trigger: {kind: k}"])
def test_who_makes_something_run_is_a_collaborator_unless_the_rule_says_otherwise(does: str) -> None:
    """Without a word about trust, an unknown account starts nothing."""
    kind = does.partition(":")[0]
    stranger = Event("forge", "d", "issues", repository="r/x", number="1")
    assert book(f"- {{id: m, when: {{}}, do: {kind}, {does}}}").sort(stranger) == ((), "no-rule")
    assert book(f"- {{id: m, when: {{trust: unknown}}, do: {kind}, {does}}}").sort(stranger)[0]


@pytest.mark.parametrize("number", ["", "-rf"])
def test_a_value_never_becomes_an_option(number: str) -> None:
    """A value that is empty or begins like an option is a person's to look at."""
    event = Event("forge", "d", "x", repository="r/x", number=number, trust=Trust.OWNER)
    plan = book('- {id: m, when: {}, do: script, script: {argv: [/x, "{number}"]}}').order(message(event))
    assert plan is not None
    assert plan.reason == "unsafe-argument"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("- {id: a, when: {}, do: script}", "script"),
        ("- {id: a, when: {}, do: message, script: {argv: [/x]}}", "belongs to"),
        ("- {id: a, when: {}, do: dance}", "one of"),
        ("- {id: a, do: message}", "when"),
        ("- {id: a, when: {labels: x}, do: message}", "unknown key"),
        ("- {id: a, when: {}, do: script, script: {argv: [x]}}", "absolute path"),
        ('- {id: a, when: {}, do: script, script: {argv: ["/{repository}"]}}', "absolute path"),
        ('- {id: a, when: {}, do: script, script: {argv: [/x, "{title}"]}}', "no placeholder of that name"),
        ('- {id: a, when: {}, do: script, script: {argv: [/x, "{"]}}', "brace"),
        ('- {id: a, when: {}, do: message, key: "{text}"}', "no placeholder"),
        ('- {id: a, when: {}, do: message, key: "a\\tb"}', "control character"),
        ("- {id: a, when: {}, do: trigger, trigger: {kind: k, values: {key: x}}}", "set by warden"),
        ("- {id: a, when: {branch: '*a*a*a*a*a*a*'}, do: message}", "stars"),
        ("- {id: a, when: {}, do: message}\n- {id: a, when: {}, do: message}", "twice"),
        ("- {id: a, when: {}, do: message, window_s: -1}", "whole number"),
    ],
)
def test_rules_are_read_strictly(rules: str, words: str) -> None:
    """Every refusal has its place and says what is wrong."""
    with pytest.raises(DocumentError) as refused:
        book(rules)
    assert words in refused.value.message
    assert refused.value.message.startswith("t.yaml:")


def test_sets_have_distinct_names_and_one_name_is_taken() -> None:
    """The name of workflow issues is no operator's."""
    with pytest.raises(DocumentError, match="kept for workflow"):
        book("- {id: a, when: {}, do: message}", "workflow")
    two = b"version: 1\nsets:\n" + b"  - {name: s, rules: [{id: a, when: {}, do: message}]}\n" * 2
    with pytest.raises(DocumentError, match="twice"):
        load_triggers(two, "t.yaml")


def test_a_glob_of_many_stars_is_quick_and_a_long_value_matches_nothing() -> None:
    """What is matched is bounded on both sides."""
    assert not Globs(("*a*a*a*a*a*b", "**a*b**a*b**a*b")).match("a" * 512)
    assert Globs(("**a*b",)).match("xa/yacb")
    assert not Globs(("**",)).match("a" * 513)


def test_templates() -> None:
    """Names are filled in, doubled braces are braces, and a filled one is bounded."""
    assert fill("{source}/{delivery}/{trust}/{{}}", EVENT) == "forge/d-1/collaborator/{}"
    assert template_problem("{}")
    assert template_problem("ok {number}") == ""
    assert len(fill("x" * 600, EVENT)) == 512


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/approve 0123abcd", Words("approve", "0123abcd")),
        ("\n  /reject sha256:0123abcdef \nbecause", Words("reject", "0123abcdef")),
        ("/approve", None),
        ("/approve 0123abc", None),
        ("/approve 0123ABCD", None),
        ("/approve 0123abcd now", None),
        ("> /approve 0123abcd", None),
        ("please\n/approve 0123abcd", None),
        ("", None),
    ],
)
def test_approval_words_stand_alone_on_the_first_line(text: str, words: Any) -> None:
    """Quoted, embellished or shortened ones are none."""
    assert find_words(text) == words


def test_the_reference_shows_rules_that_hold_and_names_every_key() -> None:
    """The page's example is read as it stands, and no key of the format is missing on the page."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "triggers.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    found = load_triggers(example.encode(), "triggers.md")
    assert [rule.does.value for one in found.sets for rule in one.rules] == ["script", "message", "workload", "trigger"]
    for record in (triggers._RULE, triggers._WHEN, triggers._SCRIPT, triggers._WORKLOAD, triggers._TRIGGER):
        for name in record.keys:
            assert name in page
    for name in PLACEHOLDERS:
        assert f"`{{{name}}}`" in page
