"""The kernel's own promises: errors deny, layers have names, snapshots name what is in force, obligations are kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from charter_files import charter, charter_kernel
from policy_matrix import base, counted, labelled
from warden.documents.bundle import load_bundle
from warden.errors import ConfigError
from warden.model.request import Constraints, Decision, Effect, McpCall, Remediation, Request
from warden.policy import Bundle, Kernel, Match, Rule, UnsafeBareKernel, VelocityKey
from warden.policy.explanation import LayerTrace
from warden.policy.facts import Facts
from warden.policy.obligations import active, discharge, undischarged
from warden.policy.remediate import apply
from warden.policy.simulate import Direction, compare, direction


class BrokenLayer:
    """A layer that fails whatever it is asked."""

    name = "broken.yaml"
    version = "1"
    digest = "sha256:" + "0" * 64

    def judge(self, facts: Facts) -> Decision | None:
        """Fail with a text that must not get out."""
        raise RuntimeError("hunter2")

    def trace(self, facts: Facts) -> LayerTrace:
        """Fail as well."""
        raise RuntimeError("hunter2")

    def velocity_keys(self, request: Request) -> tuple[VelocityKey, ...]:
        """Ask for nothing."""
        return ()


def bundle(text: str, name: str = "p.yaml") -> Bundle:
    """A bundle from YAML text."""
    return load_bundle(text.encode(), name)


def reply() -> Request:
    """A reply with every fact in order."""
    return base("reply")


def test_an_error_in_a_layer_is_a_deny_that_names_the_layer() -> None:
    """A layer that raises denies, under its name, by the class of the error and never with its text."""
    for kernel in (Kernel(charter(), [BrokenLayer()]), UnsafeBareKernel([BrokenLayer()])):
        decision = kernel.evaluate(reply())
        assert decision.effect is Effect.DENY
        assert decision.errors == ("broken.yaml: RuntimeError",)
        assert "broken.yaml/error" in decision.rule_ids
        assert decision.snapshot == kernel.snapshot
        explanation = kernel.explain(reply())
        assert explanation.decision == decision
        assert "hunter2" not in repr(explanation)


@pytest.mark.parametrize(
    "broken",
    [
        {"topic": None},
        {"capability": 5},
        {"labels": None},
        {"counts": {"body_bytes": "many"}},
        {"risk_tags": frozenset({3})},
    ],
)
def test_a_request_that_makes_no_sense_is_denied(broken: dict[str, object]) -> None:
    """Values of the wrong type, which only a fault in our own code could bring, are a deny with an error."""
    request = replace(reply(), **broken)  # type: ignore[arg-type]
    for kernel in (
        charter_kernel(),
        UnsafeBareKernel([bundle("rules: [{id: a, decision: allow, match: {labels: {x: y}}}]")]),
    ):
        decision = kernel.evaluate(request)
        assert decision.effect is Effect.DENY
    assert charter_kernel().evaluate(request).errors != ()
    assert charter_kernel().explain(request).decision.effect is Effect.DENY


def test_a_kernel_cannot_be_changed() -> None:
    """Neither its parts nor its kinds can be replaced after it was built."""
    kernel = Kernel(charter())
    with pytest.raises(AttributeError):
        kernel.snapshot = "other"
    with pytest.raises(AttributeError):
        del kernel.charter
    with pytest.raises(TypeError):
        kernel.kinds["x"] = kernel.kinds["reply"]  # type: ignore[index]


def test_the_snapshot_names_contents_and_names_and_not_the_order() -> None:
    """Another content, another name or one bundle more gives another snapshot; another order does not."""
    one, two = bundle("rules: []", "a.yaml"), bundle("rules: []\n", "b.yaml")
    snapshot = Kernel(charter(), [one, two]).snapshot
    assert Kernel(charter(), [two, one]).snapshot == snapshot
    version, _, digest = snapshot.partition(":")
    assert version == charter().version
    assert len(digest) == 64
    assert len({snapshot, Kernel(charter(), [one]).snapshot, charter_kernel().snapshot}) == 3
    renamed = [bundle("rules: []", "c.yaml"), two]
    assert Kernel(charter(), renamed).snapshot != snapshot
    assert UnsafeBareKernel([bundle("version: v7\nrules: []")]).snapshot.startswith("v7:")
    assert UnsafeBareKernel([]).snapshot.startswith("none:")


def test_two_layers_of_one_name_are_refused() -> None:
    """A layer's name is how a decision names it, so it must be its own, and not the charter's."""
    with pytest.raises(ConfigError, match="two policy layers"):
        Kernel(charter(), [bundle("rules: []"), bundle("rules: []")])
    for name in ("charter", "kernel"):
        with pytest.raises(ConfigError):
            Kernel(charter(), [bundle("rules: []", name)])


def test_no_bundle_at_all_denies_without_a_charter() -> None:
    """Without any layer, or with layers that all abstain, a bare kernel denies."""
    for layers in ([], [bundle("default_decision: abstain")]):
        decision = UnsafeBareKernel(layers).evaluate(reply())
        assert decision.effect is Effect.DENY
        assert decision.reasons == ("no matching rule",)


def test_an_abstaining_bundle_leaves_the_charter_alone() -> None:
    """A bundle without an opinion changes neither the decision nor its rules."""
    kernel = Kernel(
        charter(), [bundle("default_decision: abstain\nrules: [{id: a, decision: deny, match: {topics: [x]}}]")]
    )
    assert kernel.evaluate(reply()).rule_ids == ("charter/tier-auto",)


def test_every_layer_that_spoke_is_named_with_its_reason() -> None:
    """A decision names the deciding rule of each layer and carries each reason, for an allowance too."""
    kernel = Kernel(charter(), [bundle("rules: [{id: fine, decision: allow, reason: it is fine}]")])
    decision = kernel.evaluate(reply())
    assert decision.effect is Effect.ALLOW
    assert decision.rule_ids == ("charter/tier-auto", "p.yaml/fine")
    assert decision.reasons == ("it is fine", "the charter lets warden do this by itself")


def test_constraints_that_are_kept_stay_allowed_with_constraints() -> None:
    """A body within a bundle's bound, with a footer to append, is allowed with both as constraints."""
    text = "rules: [{id: a, decision: allow, constraints: {max_body_bytes: 100, append_footer: -- sent by warden}}]"
    decision = Kernel(charter(), [bundle(text)]).evaluate(counted(reply(), body_bytes=100))
    assert decision.effect is Effect.ALLOW_WITH_CONSTRAINTS
    assert decision.constraints == Constraints(max_body_bytes=100, append_footer=("-- sent by warden",))


@pytest.mark.parametrize(
    ("constraints", "request_", "rule", "retry"),
    [
        ("max_body_bytes: 99", counted(base("reply"), body_bytes=100), "kernel/max_body_bytes", None),
        (
            "max_replies_per_hour: 2",
            counted(base("reply"), replies_to_sender_hour=2),
            "kernel/max_replies_per_hour",
            600,
        ),
        ("redaction_level: strict", labelled(base("reply"), redaction="standard"), "kernel/redaction_level", None),
        ("redaction_level: standard", base("reply"), "kernel/redaction_level", None),
        ("redaction_level: strict", labelled(base("reply"), redaction="opaque"), None, None),
        ("sandbox: {isolated: true}", base("reply"), "kernel/undischarged-isolated", None),
        ("budgets: {max_retries: 1}", base("reply"), "kernel/undischarged-max_retries", None),
        ("diff: {deny_path_globs: [x]}", base("reply"), "kernel/undischarged-deny_path_globs", None),
        ("toolchain: {allowed_tools: []}", base("mark_read"), "kernel/undischarged-allowed_tools", None),
        (
            "max_body_bytes: 0",
            replace(base("mark_read"), counts={"actions_in_message": 0, "actions_in_run": 0}),
            None,
            None,
        ),
        ("append_footer: x", base("change_code"), "kernel/undischarged-append_footer", None),
    ],
)
def test_an_obligation_that_cannot_be_kept_is_a_deny(
    constraints: str, request_: Request, rule: str | None, retry: int | None
) -> None:
    """A constraint that warden cannot keep for this action, or that the facts already break, turns allow into deny."""
    kernel = Kernel(charter(), [bundle(f"rules: [{{id: a, decision: allow, constraints: {{{constraints}}}}}]")])
    decision = kernel.evaluate(request_)
    if rule is None:
        assert decision.effect is Effect.ALLOW_WITH_CONSTRAINTS
    else:
        assert decision.effect is Effect.DENY
        assert rule in decision.rule_ids
        assert decision.retry_after_s == retry
        assert kernel.explain(request_).notes == (rule,)


@pytest.mark.parametrize(
    ("constraint", "constraints"),
    [("max_body_bytes", Constraints(max_body_bytes=9)), ("max_replies_per_hour", Constraints(max_replies_per_hour=9))],
)
def test_a_missing_size_breaks_a_bound_on_size(constraint: str, constraints: Constraints) -> None:
    """When nobody measured the body or counted the replies, a bundle's bound on them denies."""
    bound = Decision(Effect.ALLOW_WITH_CONSTRAINTS, constraints=constraints)
    kind = charter().kinds["reply"]
    assert discharge(bound, kind, Facts(reply())) is bound
    denied = discharge(bound, kind, Facts(replace(reply(), counts={})))
    assert denied.effect is Effect.DENY
    assert denied.rule_ids == (f"kernel/{constraint}",)


def test_what_a_constraint_says_is_listed_in_order() -> None:
    """Only constraints that say something are active, and those that cannot be kept are named."""
    constraints = Constraints(max_files=0, append_footer=("x",), fs_read_only=())
    assert active(constraints) == ("fs_read_only", "max_files", "append_footer")
    assert undischarged(constraints, {"append_footer"}) == ("fs_read_only", "max_files")


def test_velocity_keys_are_digests_that_tell_requests_apart() -> None:
    """The counts that a bundle needs are named, bucketed by digest, apart for other senders, and absent without the label."""
    text = """
rules:
  - {id: v, decision: throttle, velocity: {key: "tenant:labels.sender", max_requests: 2, window_seconds: 90}}
  - {id: w, decision: deny, velocity: {key: topic, max_requests: 1, window_seconds: 5}}
"""
    kernel = Kernel(charter(), [bundle(text)])
    first, second = kernel.velocity_keys(reply())
    assert (first.count_name, first.window_s) == ("velocity:p.yaml/v", 90)
    assert (second.count_name, second.window_s) == ("velocity:p.yaml/w", 5)
    assert first.bucket.startswith("sha256:")
    assert "asker" not in first.bucket
    assert kernel.velocity_keys(labelled(reply(), sender="other"))[0].bucket != first.bucket
    assert kernel.velocity_keys(reply()) == (first, second)
    without = replace(reply(), labels={})
    assert [key.count_name for key in kernel.velocity_keys(without)] == ["velocity:p.yaml/w"]
    shifted = replace(labelled(reply(), sender="b:c"), tenant="a")
    other = replace(labelled(reply(), sender="c"), tenant="a:b")
    assert kernel.velocity_keys(shifted)[0].bucket != kernel.velocity_keys(other)[0].bucket


def test_a_velocity_rule_fires_at_its_limit_and_when_nobody_counted() -> None:
    """Below the limit the rule is skipped; at the limit, and without a count, it throttles for its window."""
    velocity = "velocity: {key: topic, max_requests: 2, window_seconds: 90}"
    text = f"default_decision: allow\nrules: [{{id: v, decision: throttle, {velocity}}}]"
    kernel = Kernel(charter(), [bundle(text)])
    name = "velocity:p.yaml/v"
    assert kernel.evaluate(counted(reply(), **{name: 1})).effect is Effect.ALLOW
    for request in (counted(reply(), **{name: 2}), reply()):
        decision = kernel.evaluate(request)
        assert decision.effect is Effect.DENY
        assert decision.retry_after_s == 90


def test_the_explanation_shows_what_was_looked_at() -> None:
    """Each tried rule says which field held, failed or was missing, what was wanted and what was found."""
    text = """
rules:
  - {id: a, decision: deny, match: {topics: ["job.x"]}}
  - {id: b, decision: deny, match: {labels: {env: prod}, risk_tags: [automatic]}}
  - {id: c, decision: allow, match: {labels: {env: prod}}}
  - {id: d, decision: require_approval, match: {labels: {env: prod}}}
  - {id: e, decision: deny}
"""
    explanation = Kernel(charter(), [bundle(text)]).explain(reply())
    layer = explanation.layers[1]
    assert layer.layer == "p.yaml"
    assert [(rule.rule_id, rule.matched) for rule in layer.rules] == [
        ("a", False),
        ("b", False),
        ("c", False),
        ("d", True),
    ]
    assert layer.rules[0].fields[0].expected == "job.x"
    assert layer.rules[0].fields[0].actual == "job.warden.reply"
    assert [field.outcome for field in layer.rules[3].fields] == ["missing"]
    assert "missing fact" in layer.rules[3].note
    assert explanation.decision.effect is Effect.REQUIRE_APPROVAL


def test_the_explanation_says_why_a_layer_gave_its_default() -> None:
    """Without a matching rule a layer's note says so, and whether it abstained; with one there is no note."""
    notes = []
    for text in ("rules: []", "default_decision: abstain", "rules: [{id: a, decision: deny}]"):
        notes.append(UnsafeBareKernel([bundle(text)]).explain(reply()).layers[0].note)
    assert notes == ["no matching rule", "no matching rule: the bundle abstains", ""]


def test_the_charters_trace_names_the_tier_and_says_why_nothing_was_tried() -> None:
    """The charter's layer starts with the kind's tier; an unknown kind or another capability is noted instead."""
    layer = charter_kernel().explain(reply()).layers[0]
    assert (layer.rules[0].rule_id, layer.rules[0].matched) == ("tier-auto", True)
    assert layer.rules[0].note == "the charter lets warden do this by itself"
    assert layer.note == "every matching restriction counts"
    assert {rule.rule_id for rule in layer.rules[1:]} >= {"secret-in-text", "thread-rate"}
    for request in (base("nothing"), replace(reply(), capability="other")):
        layer = charter_kernel().explain(request).layers[0]
        assert layer.rules == ()
        assert layer.decision is not None
        assert layer.note == layer.decision.reasons[0]


def test_the_charters_trace_shows_missing_facts_as_matching() -> None:
    """A restriction that fell for want of a fact is shown as matched, with the missing field."""
    layer = charter_kernel().explain(replace(reply(), counts={})).layers[0]
    (rate,) = [rule for rule in layer.rules if rule.rule_id == "thread-rate"]
    assert rate.matched
    assert [(field.field, field.outcome) for field in rate.fields] == [("counts.replies_in_thread_hour", "missing")]
    assert "missing fact" in rate.note


def test_a_default_gives_its_reason() -> None:
    """The reason says whether the bundle named a default or simply has no matching rule."""
    assert UnsafeBareKernel([bundle("rules: []")]).evaluate(reply()).reasons == ("no matching rule",)
    named = UnsafeBareKernel([bundle("default_decision: deny")]).evaluate(reply())
    assert named.reasons == ("no matching rule: the bundle's default is deny",)


def test_where_a_bundle_came_from_does_not_change_what_it_is() -> None:
    """The same file is the same bundle from an operator and from a pack."""
    data = b"rules: [{id: a, decision: deny, match: {actor_ids: []}}]"
    assert load_bundle(data, "p.yaml", origin="pack") == load_bundle(data, "p.yaml")


def test_an_empty_list_of_allowed_values_is_shown_as_nothing() -> None:
    """An allow-list without values, outside of which every value is, says so in the explanation."""
    kernel = UnsafeBareKernel([bundle("rules: [{id: a, decision: deny, match: {label_allowlist: {trust: []}}}]")])
    assert kernel.explain(reply()).layers[0].rules[0].fields[0].expected == "trust outside (nothing)"


def test_velocity_counts_are_asked_for_matching_rules_only() -> None:
    """A rule whose match cannot apply to the request needs no count; one that waits for a missing fact does."""
    text = """
rules:
  - {id: other, decision: deny, match: {topics: [job.x]}, velocity: {key: topic, max_requests: 1, window_seconds: 5}}
  - {id: missing, decision: deny, match: {labels: {gone: x}}, velocity: {key: topic, max_requests: 1, window_seconds: 5}}
"""
    keys = Kernel(charter(), [bundle(text)]).velocity_keys(reply())
    assert [key.count_name for key in keys] == ["velocity:p.yaml/missing"]


def test_a_remediation_changes_topic_capability_and_labels_only() -> None:
    """Labels are taken away before others are added; facts like counts and risk tags stay as they were."""
    request = replace(labelled(reply(), env="prod"), risk_tags=frozenset({"automatic"}))
    remediation = Remediation("r", "", "", "job.other", "other.do", {"env": "test", "new": "1"}, ("env", "trust"))
    changed = apply(request, remediation)
    assert (changed.topic, changed.capability) == ("job.other", "other.do")
    assert changed.labels["env"] == "test"
    assert changed.labels["new"] == "1"
    assert "trust" not in changed.labels
    assert changed.counts == request.counts
    assert changed.risk_tags == request.risk_tags
    assert apply(request, Remediation("r")) == request


def test_a_comparison_says_which_way_a_decision_went() -> None:
    """Lower effects, tighter constraints and a flat refusal instead of a wait are tightenings, the reverse loosenings."""
    allow, deny, wait = Decision(Effect.ALLOW), Decision(Effect.DENY), Decision(Effect.DENY, retry_after_s=5)
    small = Decision(Effect.ALLOW_WITH_CONSTRAINTS, constraints=Constraints(max_body_bytes=5))
    large = Decision(Effect.ALLOW_WITH_CONSTRAINTS, constraints=Constraints(max_body_bytes=9))
    other = Decision(Effect.ALLOW_WITH_CONSTRAINTS, constraints=Constraints(max_files=1))
    assert direction(allow, deny) is Direction.TIGHTENED
    assert direction(deny, allow) is Direction.LOOSENED
    assert direction(wait, deny) is Direction.TIGHTENED
    assert direction(deny, wait) is Direction.LOOSENED
    assert direction(large, small) is Direction.TIGHTENED
    assert direction(small, large) is Direction.LOOSENED
    assert direction(small, other) is Direction.CHANGED
    assert direction(small, small) is Direction.UNCHANGED
    assert direction(deny, replace(deny, constraints=Constraints(max_files=1))) is Direction.UNCHANGED
    changes = compare([("one", reply())], lambda request: allow, lambda request: deny)
    assert [(change.name, change.direction) for change in changes] == [("one", Direction.TIGHTENED)]


def test_rules_made_by_hand_judge_like_loaded_ones() -> None:
    """A bundle built as a value works without any document."""
    rule = Rule("r", Match(mcp=None, topics=("job.*",)), Effect.REQUIRE_APPROVAL)
    kernel = Kernel(charter(), [Bundle("hand", "1", "sha256:" + "1" * 64, (rule,))])
    decision = kernel.evaluate(replace(reply(), mcp=McpCall(tool="x")))
    assert decision.effect is Effect.REQUIRE_APPROVAL
    assert "rule r says require_approval" in decision.reasons
    assert kernel.layer_names == ("hand",)
