"""The policy matrix is what a person reviewed."""

from __future__ import annotations

from policy_matrix import FILE, render


def test_the_charter_decides_as_the_reviewed_matrix_says() -> None:
    """Every kind and combination of facts is decided, and by the rules, that `policy_matrix.txt` shows."""
    assert render() == FILE.read_text(encoding="utf-8")


def test_no_matrix_line_allows_what_the_charter_forbids() -> None:
    """In the reviewed file itself, nothing with a secret, for another recipient or of an unknown kind is allowed."""
    for line in FILE.read_text(encoding="utf-8").splitlines()[1:]:
        kind, facts, decision, _ = line.split(" | ")
        if kind == "delete_branch" or ("secret present" in facts and kind not in ("mark_read", "escalate", "skip")):
            assert decision == "deny", line
        if kind in ("reply", "route_answer") and "recipient is another" in facts:
            assert decision == "deny", line
