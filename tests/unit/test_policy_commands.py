"""`warden policy` and `warden charter` as a person or a program meets them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from policy_matrix import base, counted
from warden.cli.main import run
from warden.documents.request import request_to_json
from warden.model.request import Request

Run = Callable[..., tuple[int, str, str]]
NARROW = """
version: v1
default_decision: abstain
rules: [{id: small, decision: deny, match: {label_threshold: {counts.body_bytes: 50}}}]
"""


@pytest.fixture
def warden(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command and return its exit status, stdout and stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        status = run([str(word) for word in words])
        out, err = capsys.readouterr()
        return status, out, err

    return call


@pytest.fixture
def home(own_home: Path) -> Path:
    """The configuration directory of a person, with an empty policy directory."""
    place = own_home / ".config" / "ops-warden"
    (place / "policies").mkdir(parents=True)
    return place


def policy(home: Path, text: str, name: str = "p.yaml") -> Path:
    """Put a policy into the policy directory."""
    path = home / "policies" / name
    path.write_text(text)
    return path


def request_file(tmp_path: Path, *requests: Request) -> Path:
    """One request as a file, or several as a list."""
    values = [json.loads(request_to_json(request)) for request in requests]
    path = tmp_path / "request.json"
    path.write_text(json.dumps(values if len(values) > 1 else values[0]))
    return path


def state(own_home: Path) -> Path:
    """Where the history of policies lies."""
    return own_home / ".local" / "state" / "ops-warden" / "policies"


DECISION_KEYS = {
    "decision",
    "rule_ids",
    "reasons",
    "constraints",
    "remediations",
    "snapshot",
    "errors",
    "retry_after_s",
}


def test_evaluate_prints_the_bare_decision(warden: Run, home: Path, tmp_path: Path) -> None:
    """One request gives one JSON object with the decision's fields and nothing else."""
    status, out, err = warden("policy", "evaluate", "--request", request_file(tmp_path, base("reply")))
    assert (status, err) == (0, "")
    decision = json.loads(out)
    assert set(decision) == DECISION_KEYS
    assert decision["decision"] == "allow"
    assert decision["rule_ids"] == ["charter/tier-auto"]
    assert decision["snapshot"].startswith("1:")


def test_evaluate_answers_a_list_with_a_list(warden: Run, home: Path, tmp_path: Path) -> None:
    """A list of requests gives a list of decisions in the same order; exit 5 only when that was asked for."""
    file = request_file(tmp_path, base("reply"), base("nothing"), base("change_code"))
    status, out, _ = warden("policy", "evaluate", "--request", file)
    assert status == 0
    assert [item["decision"] for item in json.loads(out)] == ["allow", "deny", "require_approval"]
    assert warden("policy", "evaluate", "--request", file, "--detailed-exitcode")[0] == 5


def test_evaluate_reads_standard_input(warden: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` takes the request from standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(request_to_json(base("reply")))))
    status, out, _ = warden("policy", "evaluate", "--request", "-", "--json")
    assert status == 0
    assert json.loads(out)["decision"] == "allow"


def test_named_bundles_stand_in_for_the_configured_ones(warden: Run, home: Path, tmp_path: Path) -> None:
    """`--bundle` judges with those files above the charter; `--no-charter` judges them alone."""
    policy(home, "rules: [{id: no, decision: deny}]")
    (tmp_path / "yes.yaml").write_text("version: v3\nrules: [{id: yes, decision: permit}]")
    file = request_file(tmp_path, base("nothing"))
    assert json.loads(warden("policy", "evaluate", "--request", file)[1])["rule_ids"] == [
        "charter/unknown-kind",
        "p.yaml/no",
    ]
    named = json.loads(warden("policy", "evaluate", "--request", file, "--bundle", tmp_path / "yes.yaml")[1])
    assert named["decision"] == "deny"
    assert named["rule_ids"] == ["charter/unknown-kind", "yes.yaml/yes"]
    alone = warden("policy", "evaluate", "--request", file, "--bundle", tmp_path / "yes.yaml", "--no-charter")
    assert json.loads(alone[1])["decision"] == "allow"
    assert json.loads(alone[1])["snapshot"].startswith("v3:")
    configured = json.loads(warden("policy", "evaluate", "--request", file, "--no-charter")[1])
    assert configured["rule_ids"] == ["p.yaml/no"]


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [("{", 2, "JSON"), ('{"topics": "x"}', 2, "unknown key"), ("[]", 0, ""), (None, 2, "cannot read")],
)
def test_a_request_that_cannot_be_read_is_said_in_one_line(
    warden: Run, home: Path, tmp_path: Path, content: str | None, status: int, words: str
) -> None:
    """A broken request is a usage error with a hint, never a traceback."""
    file = tmp_path / "request.json"
    if content is not None:
        file.write_text(content)
    found, _, err = warden("policy", "evaluate", "--request", file)
    assert found == status
    assert words in err
    assert "Traceback" not in err


def test_explain_shows_each_layer_and_the_meet(warden: Run, home: Path, tmp_path: Path) -> None:
    """The text and the JSON form name every layer, the rules that were tried and the decision that evaluate gives."""
    policy(home, NARROW)
    file = request_file(tmp_path, counted(base("reply"), body_bytes=51))
    status, out, _ = warden("policy", "explain", "--request", file)
    assert status == 0
    assert "match small" in out
    assert "counts.body_bytes" in out or "label_threshold" in out
    document = json.loads(warden("policy", "explain", "--request", file, "--json")[1])
    assert document["schema"] == "warden.policy-explanation/1"
    assert document["decision"] == json.loads(warden("policy", "evaluate", "--request", file)[1])
    assert [layer["layer"] for layer in document["layers"]] == ["charter", "p.yaml"]
    assert document["layers"][1]["rules"][0]["matched"] is True


def test_check_accepts_good_files_and_shows_the_snapshot(warden: Run, home: Path, own_home: Path) -> None:
    """Good files pass, lint's findings change the status only when that was asked for, and nothing is written."""
    policy(home, "rules: [{id: a, decision: deny, match: {labels: {env: prod}}}]")
    status, out, _ = warden("policy", "check")
    assert status == 0
    assert "unset-label" in out
    assert warden("policy", "check", "--detailed-exitcode")[0] == 5
    document = json.loads(warden("policy", "check", "--json")[1])
    assert document["in_force"] == "current"
    assert document["files"][0]["findings"][0]["code"] == "unset-label"
    assert not state(own_home).exists()


def test_check_fails_on_a_file_that_cannot_be_used(warden: Run, home: Path) -> None:
    """A broken file fails the check and shows what is in force instead."""
    policy(home, "rules: [{id: a, decison: deny}]")
    status, out, _ = warden("policy", "check")
    assert status == 1
    assert "p.yaml:1: unknown key `rules.0.decison`" in out
    assert "did you mean `decision`?" in out
    assert "everything is denied" in out
    document = json.loads(warden("policy", "check", "--json")[1])
    assert document["in_force"] == "deny-all"
    assert document["files"][0]["error"]["code"] == "document"


def test_check_refuses_what_is_not_signed(warden: Run, home: Path, tmp_path: Path) -> None:
    """With signatures required an unsigned file is refused with exit status 4, and accepted once it is signed."""
    path = policy(home, "default_decision: abstain")
    assert warden("policy", "keygen", tmp_path / "key")[0] == 0
    public = tmp_path / "key.pub"
    (home / "config.toml").write_text(f'[policy]\nrequire_signatures = true\nkeys = ["{public}"]\n')
    assert warden("policy", "check")[0] == 4
    assert warden("policy", "sign", path, "--key", tmp_path / "key")[0] == 0
    status, out, _ = warden("policy", "check")
    assert status == 0, out
    path.write_text("default_decision: abstain\n")
    assert warden("policy", "check")[0] == 4
    assert warden("policy", "keygen", tmp_path / "key")[0] == 1


def test_lint_alone(warden: Run, home: Path, tmp_path: Path) -> None:
    """Lint looks at named files too, and a file that cannot be read is an error."""
    path = tmp_path / "x.yaml"
    path.write_text("rules: [{id: a, decision: allow, match: {labels: {msg.kind: x}}}]")
    status, out, _ = warden("policy", "lint", path, "--json", "--detailed-exitcode")
    assert status == 5
    assert [item["code"] for item in json.loads(out)["findings"]] == ["rests-on-message"]
    path.write_text("rules: 3")
    assert warden("policy", "lint", path)[0] == 2


CASES = """
schema: warden.cases/1
cases:
  - name: a person decides
    request: {topic: job.warden.change_code, capability: code.change, secrets_present: false}
    decision: %s
    rules: [charter/tier-review]
"""


def test_cases_are_run_against_the_policies(warden: Run, home: Path, tmp_path: Path) -> None:
    """A case that differs fails the command and says how."""
    file = tmp_path / "cases.yaml"
    file.write_text(CASES % "require_approval")
    assert warden("policy", "test", file)[:2] == (0, "1 of 1 cases as expected\n")
    file.write_text(CASES % "allow")
    status, out, _ = warden("policy", "test", file)
    assert status == 1
    assert "expected allow, got require_approval" in out
    document = json.loads(warden("policy", "test", file, "--json")[1])
    assert document["cases"][0]["passed"] is False


def test_simulate_shows_what_a_candidate_would_change(warden: Run, home: Path, tmp_path: Path) -> None:
    """Against cases, a candidate that stands in for a policy of its name may tighten or loosen; exit 5 when asked."""
    policy(home, "rules: [{id: a, decision: require_approval}]")
    (tmp_path / "p.yaml").write_text("rules: [{id: a, decision: deny}]")
    cases = tmp_path / "cases.yaml"
    cases.write_text(CASES % "require_approval")
    status, out, _ = warden(
        "policy", "simulate", tmp_path / "p.yaml", "--cases", cases, "--json", "--detailed-exitcode"
    )
    assert status == 5
    document = json.loads(out)
    assert document["counts"] == {"tightened": 1}
    assert document["changes"][0]["after"]["decision"] == "deny"
    (tmp_path / "p.yaml").write_text("rules: [{id: b, decision: allow}]")
    document = json.loads(warden("policy", "simulate", tmp_path / "p.yaml", "--cases", cases, "--json")[1])
    assert document["counts"] == {"unchanged": 1}
    status, out, _ = warden("policy", "simulate", tmp_path / "p.yaml", "--cases", cases, "--detailed-exitcode")
    assert (status, out) == (0, "1 judged, 0 would change\n")


def test_simulate_without_a_ledger_says_so(warden: Run, home: Path, tmp_path: Path) -> None:
    """Without past decisions there is nothing to compare, which is an error and not an empty table."""
    (tmp_path / "p.yaml").write_text("rules: []")
    status, _, err = warden("policy", "simulate", tmp_path / "p.yaml")
    assert status == 1
    assert err.startswith("error: ")


def test_simulate_judges_the_ledgers_past_decisions_anew(warden: Run, home: Path, tmp_path: Path) -> None:
    """What a run decided is judged again with a candidate from the requests that the ledger keeps, and nothing is added."""
    assert (
        warden("hub", "send", "--from", "asker", "--to", "ops-warden", "--subject", "x", "--body", "Who are you?")[0]
        == 0
    )
    assert warden("worker", "run", "--execute", "--once")[0] == 0
    (tmp_path / "c.yaml").write_text(
        "default_decision: abstain\nrules: [{id: no, decision: deny, match: {topics: [job.warden.audit_event]}}]"
    )
    first = json.loads(warden("policy", "simulate", tmp_path / "c.yaml", "--json")[1])
    assert first["judged"] >= 2
    assert first["skipped"] == 0
    assert first["counts"]["tightened"] == 1
    assert first["changes"][0]["after"]["rule_ids"] == ["c.yaml/no", "charter/tier-auto"]
    assert json.loads(warden("policy", "simulate", tmp_path / "c.yaml", "--json")[1]) == first


REMEDY = """
rules:
  - id: no
    decision: deny
    match: {topics: [job.x]}
    remediations:
      - {id: ask, replacement_topic: job.y, add_labels: {mode: slow}}
      - {id: stop, replacement_topic: job.z}
  - {id: fine, decision: allow, match: {topics: [job.y], labels: {mode: slow}}}
"""


def test_a_remediation_is_applied_and_judged_anew(warden: Run, home: Path, tmp_path: Path) -> None:
    """The named remediation changes the request, and the decision on the changed request is shown."""
    bundle = tmp_path / "r.yaml"
    bundle.write_text(REMEDY)
    file = tmp_path / "request.json"
    file.write_text('{"topic": "job.x"}')
    words = ("policy", "remediate", "--request", file, "--bundle", bundle, "--no-charter")
    document = json.loads(warden(*words, "ask", "--json")[1])
    assert (document["before"]["decision"], document["after"]["decision"]) == ("deny", "allow")
    assert document["request"]["labels"] == {"mode": "slow"}
    assert json.loads(warden(*words, "stop", "--json")[1])["after"]["decision"] == "deny"
    for wrong in ((*words, "other"), words):
        status, _, err = warden(*wrong)
        assert status == 2
        assert "`ask`" in err


def remember(home: Path) -> None:
    """Do what a run does with the policies before it judges."""
    from warden.cli.compose import load_settings
    from warden.cli.policy_parts import build_judge

    assert build_judge(load_settings()).policies.alerts == ()


def test_history_diff_and_rollback(warden: Run, home: Path) -> None:
    """Sets that were in force are listed, compared by meaning, and can be put back."""
    path = policy(home, "# first\nrules: [{id: a, decision: deny}]\n")
    remember(home)
    first = json.loads(warden("policy", "snapshots", "--json")[1])["snapshots"][0]["digest"]
    path.write_text("# only a comment\nrules:\n  - {decision: block, id: a}\n")
    assert warden("policy", "diff", first, "--detailed-exitcode")[:2] == (0, "")
    path.write_text("rules: [{id: a, decision: allow}]\n")
    policy(home, "default_decision: abstain", "q.yaml")
    remember(home)
    assert len(json.loads(warden("policy", "snapshots", "--json")[1])["snapshots"]) == 2
    status, out, _ = warden("policy", "diff", first, "current", "--detailed-exitcode")
    assert status == 5
    assert '-    decision: "deny"' in out
    assert '+    decision: "allow"' in out
    assert set(json.loads(warden("policy", "diff", first, "--json")[1])["files"]) == {"p.yaml", "q.yaml"}
    status, out, _ = warden("policy", "rollback", first.removeprefix("sha256:")[:10], "--json")
    assert status == 0
    assert json.loads(out)["restored"] == first
    assert path.read_text().startswith("# first")
    assert not (home / "policies" / "q.yaml").exists()
    assert warden("policy", "diff", json.loads(out)["replaced"])[1] != ""
    assert warden("policy", "rollback", "zz")[0] == 2
    assert "last good" in warden("policy", "snapshots")[1]


def test_a_set_that_cannot_be_loaded_is_not_rolled_back_to(warden: Run, home: Path, tmp_path: Path) -> None:
    """Going back to a set that the present keys do not cover is refused before anything is written."""
    path = policy(home, "rules: [{id: a, decision: deny}]\n")
    remember(home)
    first = json.loads(warden("policy", "snapshots", "--json")[1])["snapshots"][0]["digest"]
    path.write_text("rules: [{id: a, decision: allow}]\n")
    warden("policy", "keygen", tmp_path / "key")
    (home / "config.toml").write_text(f'[policy]\nrequire_signatures = true\nkeys = ["{tmp_path / "key.pub"}"]\n')
    assert warden("policy", "rollback", first)[0] == 4
    assert "allow" in path.read_text()


def test_diff_compares_files(warden: Run, home: Path, tmp_path: Path) -> None:
    """Two files are compared whatever they are called; a broken file is compared by its lines."""
    (tmp_path / "one.yaml").write_text("rules: [{id: a, decision: deny}]")
    (tmp_path / "two.yaml").write_text("rules: [{id: a, decision: block}]")
    assert warden("policy", "diff", tmp_path / "one.yaml", tmp_path / "two.yaml")[:2] == (0, "")
    (tmp_path / "two.yaml").write_text("rules: [\n")
    assert "+rules: [" in warden("policy", "diff", tmp_path / "one.yaml", tmp_path / "two.yaml")[1]


def test_the_charter_is_shown_and_verified(warden: Run, home: Path) -> None:
    """`charter show` prints the prose, `verify` holds pin and examples, both as JSON too."""
    status, out, _ = warden("charter", "show")
    assert status == 0
    assert "# The charter of warden" in out
    document = json.loads(warden("charter", "show", "--json")[1])
    assert document["kinds"]["reply"] == {"tier": "auto", "capability": "messaging.reply"}
    status, out, _ = warden("charter", "verify")
    assert status == 0
    assert "pin holds, signature not required" in out
    verified = json.loads(warden("charter", "verify", "--json")[1])
    assert verified["digest"] == document["digest"]
    assert all(case["passed"] for case in verified["cases"])


def test_a_charter_that_must_be_signed_is_refused_without_it(warden: Run, home: Path, tmp_path: Path) -> None:
    """With a key for the charter, every command that judges refuses an unsigned charter with exit status 4."""
    warden("policy", "keygen", tmp_path / "key")
    (home / "config.toml").write_text(f'[policy]\ncharter_public_key = "{tmp_path / "key.pub"}"\n')
    file = request_file(tmp_path, base("reply"))
    for words in (
        ("charter", "verify"),
        ("charter", "show"),
        ("policy", "check"),
        ("policy", "evaluate", "--request", file),
    ):
        assert warden(*words)[0] == 4
    from warden.config.charter import read_packaged_charter

    rules = tmp_path / "charter.yaml"
    rules.write_bytes(read_packaged_charter()[0]["charter.yaml"])
    warden("policy", "sign", rules, "--key", tmp_path / "key")
    (home / "charter.yaml.sig").write_bytes((tmp_path / "charter.yaml.sig").read_bytes())
    assert "signature verified" in warden("charter", "verify")[1]


def test_a_limit_above_the_charters_is_refused(warden: Run, home: Path) -> None:
    """Configuration cannot raise what the charter bounds."""
    (home / "config.toml").write_text("[limits]\nreplies_per_thread_hour = 99\n")
    status, _, err = warden("policy", "check")
    assert status == 10
    assert "replies_per_thread_hour" in err


def test_alerts_are_said_while_judging(warden: Run, home: Path, tmp_path: Path) -> None:
    """Judging with policies that could not be loaded warns on stderr, and the answer is a deny."""
    policy(home, "rules: 3")
    status, out, err = warden("policy", "evaluate", "--request", request_file(tmp_path, base("reply")))
    assert status == 0
    assert json.loads(out)["decision"] == "deny"
    assert err.count("warning: ") == 2


def test_json_keeps_hostile_text_harmless(warden: Run, home: Path, tmp_path: Path) -> None:
    """Control characters in labels and rules reach a terminal only as escapes."""
    hostile = "\x1b[31m\u202e"
    path = tmp_path / "h.yaml"
    path.write_text('rules: [{id: a, decision: deny, reason: "' + "\\x1b[31m\\u202e" + '"}]')
    request: dict[str, Any] = {"topic": hostile, "labels": {"sender": hostile}}
    file = tmp_path / "request.json"
    file.write_text(json.dumps(request))
    for command in ("evaluate", "explain"):
        _, out, _ = warden("policy", command, "--request", file, "--bundle", path, "--no-charter")
        assert "\x1b" not in out
        assert "\u202e" not in out
