"""The book of rules: what is made of an event when it comes in, and what the engine is told to do about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.model.event import LOOPS, RULE_SET, Event, Flag, NewTask, event_facts, event_from_facts
from warden.model.plan import Plan, PlannedAction
from warden.orders.rules import Does, Rule, RuleSet
from warden.orders.templates import begins_with_value, fill

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warden.model.message import Message

ESCALATE = "escalate"
WORKFLOW = "workflow"
"""The rule set of privileged workflow issues whose signature does not hold: no file has it."""

_BROKEN = {Flag.UNSIGNED: "workflow-signature", Flag.STALE: "workflow-signature-stale"}
_DEFAULT_KEY = "{source}:{repository}#{number}"


@dataclass(frozen=True, slots=True)
class TriggerBook:
    """All rule sets of one file; implements `ports.OrderBook`. `digest` is that of the file's bytes."""

    sets: tuple[RuleSet, ...]
    digest: str

    def sort(self, event: Event) -> tuple[tuple[NewTask, ...], str]:
        """Return the tasks that an event gives, and the reason code when it gives none. Pure."""
        for flag, reason in LOOPS.items():
            if flag in event.flags:
                return (), reason
        for flag in _BROKEN:
            if flag in event.flags:
                # INVARIANT (nothing-lost): what claims a privilege that it does not have is a person's to look at.
                return (NewTask(WORKFLOW, "", ESCALATE, fill(_DEFAULT_KEY, event)),), ""
        matched = [(one.name, rule) for one in self.sets if (rule := one.first(event)) is not None]
        tasks = tuple(
            NewTask(name, rule.id, rule.does.value, fill(rule.key, event), rule.window_s, rule.concurrency, rule.lock)
            for name, rule in matched
            if rule.does is not Does.IGNORE
        )
        return tasks, "" if tasks else "rule-ignores" if matched else "no-rule"

    def rule(self, name: str) -> Rule | None:
        """Return the rule `set/rule`, None when it is not there (any more)."""
        set_name, _, rule_id = name.partition("/")
        found = next((one for one in self.sets if one.name == set_name), None)
        return None if found is None else next((rule for rule in found.rules if rule.id == rule_id), None)

    def order(self, message: Message) -> Plan | None:
        """Return what is to be done about an event, None when the brain is to judge it. Pure.

        The rules that are in force now decide, not those under which the event came in.
        """
        content = message.content
        event = event_from_facts(content.metadata, content.subject, content.body)
        for flag, reason in _BROKEN.items():
            if flag in event.flags:
                return _escalate(reason, "the signature of a privileged workflow issue does not hold")
        name = content.metadata.get(RULE_SET, "")
        found = next((one for one in self.sets if one.name == name), None)
        if found is None:
            return _escalate("rule-set-gone", "the rule set that took this event in is not there any more")
        rule = found.first(event)
        if rule is None or rule.does is Does.IGNORE or event.flags & set(LOOPS):
            return Plan((PlannedAction("mark_read"),), "rule-ignores")
        return plan_of(f"{name}/{rule.id}", rule, event)


def _escalate(reason: str, detail: str) -> Plan:
    return Plan((PlannedAction("escalate"),), reason, detail)


def plan_of(name: str, rule: Rule, event: Event) -> Plan | None:
    """Return what a rule names for an event, None when it leaves it to the brain; `name` is `set/rule`."""
    if rule.does is Does.MESSAGE:
        return None
    detail = f"rule {name}"
    arguments: Mapping[str, object]
    if rule.script is not None:
        argv = [fill(word, event) for word in rule.script.argv]
        pairs = zip(rule.script.argv, argv, strict=True)
        if any(begins_with_value(template) and filled[:1] in ("", "-") for template, filled in pairs):
            return _escalate("unsafe-argument", f"rule {name}: a value is empty or would be read as an option")
        arguments = {"rule": name, "argv": json.dumps(argv), "stdin": json.dumps(event_document(event))}
        return Plan((PlannedAction("run_script", arguments),), "rule-script", detail)
    if rule.workload is not None:
        arguments = {"source": event.source, "action": rule.workload.action}
        if rule.workload.response_policy is not None:
            arguments = {**arguments, "response_policy": rule.workload.response_policy}
        return Plan((PlannedAction("start_workload", arguments),), "rule-workload", detail)
    if rule.trigger is not None:
        values = {key: fill(value, event) for key, value in rule.trigger.values.items()}
        return Plan((PlannedAction("send_trigger", {**values, "kind": rule.trigger.kind}),), "rule-trigger", detail)
    return _escalate("rule-empty", f"rule {name} names nothing")


def event_document(event: Event) -> dict[str, object]:
    """Return the event as the JSON document that a script reads."""
    facts: dict[str, object] = dict(event_facts(event))
    facts["labels"] = list(event.labels)
    facts["flags"] = sorted(flag.value for flag in event.flags)
    return {"schema": "warden.event/1", **facts, "title": event.title, "text": event.text}
