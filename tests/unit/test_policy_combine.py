"""The lattice: laws of the meet, and that no bundle ever widens a decision."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from charter_files import charter, charter_kernel
from policy_compare import kernel_of, to_request
from policy_random import random_bundles, random_request
from warden.documents.bundle import load_bundle
from warden.documents.emit import emit_yaml
from warden.model.request import UNCONSTRAINED, Constraints, Decision, Effect, Remediation
from warden.policy import Kernel, UnsafeBareKernel
from warden.policy.combine import ALLOWED, meet, meet_all, meet_constraints

names = st.sampled_from(["a", "b", "c", "d"])
sorted_names = st.sets(names).map(lambda found: tuple(sorted(found)))
limits = st.none() | st.integers(0, 9)
lists = st.none() | sorted_names
constraints = st.builds(
    Constraints,
    max_runtime_ms=limits,
    max_retries=limits,
    max_artifact_bytes=limits,
    max_concurrent_jobs=limits,
    isolated=st.booleans(),
    network_allowlist=lists,
    fs_read_only=lists,
    fs_read_write=lists,
    allowed_tools=lists,
    allowed_commands=lists,
    max_files=limits,
    max_lines=limits,
    deny_path_globs=sorted_names,
    redaction_level=st.sampled_from(["none", "standard", "strict"]),
    max_body_bytes=limits,
    append_footer=sorted_names,
    max_replies_per_hour=limits,
)
remediations = st.lists(
    st.builds(
        Remediation,
        id=names,
        title=names,
        add_labels=st.dictionaries(names, names, max_size=1),
        remove_labels=sorted_names,
    ),
    max_size=2,
).map(lambda items: meet_all([Decision(Effect.ALLOW, remediations=tuple(items))]).remediations)


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    """A decision as a layer may give it: only a deny can ask to come back."""
    effect = draw(st.sampled_from(list(Effect)))
    return Decision(
        effect,
        draw(sorted_names),
        draw(sorted_names),
        draw(constraints | st.just(UNCONSTRAINED)),
        draw(remediations),
        "",
        draw(sorted_names),
        draw(limits) if effect is Effect.DENY else None,
    )


@given(decisions(), decisions(), decisions())
def test_the_meet_is_associative(a: Decision, b: Decision, c: Decision) -> None:
    """Grouping the layers in another way changes nothing."""
    assert meet(meet(a, b), c) == meet(a, meet(b, c)) == meet_all([a, b, c])


@given(decisions(), decisions())
def test_the_meet_is_commutative(a: Decision, b: Decision) -> None:
    """Loading the layers in another order changes nothing."""
    assert meet(a, b) == meet(b, a)


@given(decisions())
def test_the_meet_is_idempotent_and_has_a_neutral_element(a: Decision) -> None:
    """A layer loaded twice changes nothing, and neither does one that says nothing."""
    assert meet(a, a) == a
    assert meet(a, ALLOWED) == a
    assert meet_all([]) == ALLOWED


@given(decisions(), decisions())
def test_the_meet_is_a_lower_bound(a: Decision, b: Decision) -> None:
    """The meet allows no more than either side: not in effect, not in any constraint."""
    both = meet(a, b)
    assert both.effect <= min(a.effect, b.effect)
    assert meet_constraints(both.constraints, a.constraints) == both.constraints
    assert set(both.rule_ids) == {*a.rule_ids, *b.rule_ids}
    assert set(both.reasons) == {*a.reasons, *b.reasons}
    assert set(both.errors) == {*a.errors, *b.errors}


@given(constraints, constraints)
def test_each_constraint_becomes_the_tighter_one(a: Constraints, b: Constraints) -> None:
    """Limits become the smaller one, allow-lists what both hold, deny-lists and footers what either holds."""
    both = meet_constraints(a, b)
    for name in ("max_runtime_ms", "max_files", "max_body_bytes", "max_replies_per_hour"):
        given_limits = [value for value in (getattr(a, name), getattr(b, name)) if value is not None]
        assert getattr(both, name) == (min(given_limits) if given_limits else None)
    for name in ("network_allowlist", "fs_read_only", "allowed_tools"):
        held = [set(value) for value in (getattr(a, name), getattr(b, name)) if value is not None]
        assert getattr(both, name) == (tuple(sorted(set.intersection(*held))) if held else None)
    for name in ("deny_path_globs", "append_footer"):
        assert set(getattr(both, name)) == {*getattr(a, name), *getattr(b, name)}
    assert both.isolated is (a.isolated or b.isolated)
    assert {both.redaction_level} <= {a.redaction_level, b.redaction_level}


def test_a_flat_refusal_beats_a_wait() -> None:
    """A deny that may be retried, met with one that may not, may not be retried; two waits give the longer one."""
    soon, later = (Decision(Effect.DENY, retry_after_s=seconds) for seconds in (5, 9))
    flat = Decision(Effect.DENY)
    assert meet(soon, later).retry_after_s == 9
    assert meet(soon, flat).retry_after_s is None
    assert meet(soon, ALLOWED).retry_after_s == 5
    assert meet(Decision(Effect.REQUIRE_APPROVAL), ALLOWED).retry_after_s is None


@given(st.integers(0, 2**32))
def test_adding_a_bundle_never_widens_a_decision(seed: int) -> None:
    """Whatever bundle is added to whatever set, no request is allowed more than before."""
    rng = random.Random(seed)
    bundles = random_bundles(rng)
    extra = random_bundles(rng)
    kernel = kernel_of(bundles)
    wider = UnsafeBareKernel(
        [load_bundle(emit_yaml(fields).encode(), name) for name, fields in bundles.items()]
        + [load_bundle(emit_yaml(fields).encode(), f"more-{name}") for name, fields in extra.items()]
    )
    for _ in range(10):
        request = to_request(random_request(rng))
        before, after = kernel.evaluate(request), wider.evaluate(request)
        if bundles and any(rule for rule in before.rule_ids):
            assert after.effect <= before.effect
            assert meet_constraints(before.constraints, after.constraints) == after.constraints


@given(st.integers(0, 2**32))
def test_no_bundle_lifts_the_charter(seed: int) -> None:
    """With the charter below, any set of bundles decides at most what the charter alone decides (charter-floor)."""
    rng = random.Random(seed)
    layers = [load_bundle(emit_yaml(fields).encode(), name) for name, fields in random_bundles(rng).items()]
    kernel = Kernel(charter(), layers)
    for _ in range(10):
        fields = random_request(rng)
        fields["topic"] = rng.choice(["job.warden.reply", "job.warden.mark_read", "job.warden.change_code", "job.x"])
        fields["capability"] = rng.choice(["messaging.reply", "messaging.read", "code.change"])
        fields["labels"] |= {"recipient": "x", "sender": "x", "recipient_is_sender": "true", "text_source": "catalog"}
        fields["counts"] |= dict.fromkeys(("actions_in_message", "actions_in_run", "replies_in_thread_hour"), 0)
        fields["counts"] |= {"replies_to_sender_hour": 0, "hops": 0, "body_bytes": 7}
        request = to_request(fields)
        assert kernel.evaluate(request).effect <= charter_kernel().evaluate(request).effect
        assert kernel.explain(request).decision == kernel.evaluate(request)


@given(st.integers(0, 2**32))
def test_explain_and_evaluate_agree(seed: int) -> None:
    """The explanation's decision is that of evaluate, and its layers' answers meet to it."""
    rng = random.Random(seed)
    kernel = kernel_of(random_bundles(rng))
    for _ in range(5):
        request = to_request(random_request(rng))
        decision = kernel.evaluate(request)
        explanation = kernel.explain(request)
        answers = [layer.decision for layer in explanation.layers if layer.decision is not None]
        assert explanation.decision == decision
        if answers:
            assert meet_all(answers, decision.snapshot) == decision
        deciding = {
            f"{layer.layer}/{rule.rule_id}" for layer in explanation.layers for rule in layer.rules if rule.matched
        }
        assert {rule for rule in decision.rule_ids if "/r" in rule} == {rule for rule in deciding if "/r" in rule}
