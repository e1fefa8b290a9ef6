"""Every decision of the console does what the command line's does: once, about what was shown, by who signed in."""

from __future__ import annotations

import html
import re
import threading
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from consolebed import LOOK_FIRST, QUESTION, REVIEW, ConsoleBed, asked_bed, csrf_in, seen_in, text_of
from warden.cli import compose
from warden.cli.console_parts import reviewer_of
from warden.cli.main import run
from warden.engine.review import select
from warden.model.review import Reviewer, ReviewKind, Selection
from warden.server.console.items import NOTES, STEPS
from warden.server.console.model import LINK, Role, Visitor
from warden.server.console.model import PASSPHRASE as BY_PASSPHRASE
from warden.server.console.queue import read_filters, wanted_of
from warden.store.console_queries import read_page

__all__ = ["asked_bed"]

ESCALATING = "delete the production cluster now"
TWO = REVIEW.replace("allow_same_uid", 'two_persons = ["messaging.answer"]\nallow_same_uid')


def decided(bed: ConsoleBed) -> list[tuple[str, str]]:
    """Verdict and person of every decision in the ledger."""
    return [(entry["verdict"], entry["by"]) for entry in bed.entries("review_decided")]


def test_accepting_sends_exactly_what_was_shown_once(bed: ConsoleBed) -> None:
    """The page shows the exact text; accepting records the signed-in person and delivers that text and no other."""
    browser = bed.signed_in()
    shown = re.search(r'aria-label="The exact text">(.*?)</div>', browser.get("/review/1").text, re.S)
    answer = browser.decide(1, "accept")
    assert (answer.status_code, answer.headers["location"]) == (303, "/review/1?note=accept")
    assert NOTES["accept"] in browser.get("/review/1?note=accept").text
    assert decided(bed) == [("accept", "console:ann")]
    assert bed.entries("review_decided")[0]["same_uid"] is False
    assert bed.released == [True]
    bed.deliver()
    (body,) = bed.sent()
    assert shown is not None
    assert text_of(shown[1]) == body


def test_an_edit_is_shown_as_a_diff_judged_again_and_sent(bed: ConsoleBed) -> None:
    """The preview decides nothing; the edit leaves with its new words, and the item shows what was changed."""
    browser = bed.signed_in()
    page = browser.get("/review/1").text
    fields = {
        "csrf": csrf_in(page),
        "seen": seen_in(page),
        "text": "Ask the platform team, please.",
        "reason": "shorter",
    }
    preview = browser.post("/review/1/preview", fields)
    assert "<ins>" in preview.text
    assert "<del>" in preview.text
    assert decided(bed) == []
    assert browser.post("/review/1/edit", fields).status_code == 303
    assert decided(bed) == [("edit", "console:ann")]
    bed.deliver()
    (body,) = bed.sent()
    assert body.startswith("Ask the platform team, please.")
    after = browser.get("/review/1").text
    assert "<ins>" in after


def test_a_response_goes_to_the_sender_and_ends_the_item(bed: ConsoleBed) -> None:
    """A person's own text leaves to the sender of an escalation."""
    bed.mail(ESCALATING)
    browser = bed.signed_in()
    assert browser.decide(2, "respond", text="Please open a change request.").status_code == 303
    assert decided(bed) == [("respond", "console:ann")]
    bed.deliver()
    assert any("Please open a change request." in body for body in bed.sent())


def test_ignoring_takes_a_reason_and_sends_nothing(bed: ConsoleBed) -> None:
    """Without a reason the page comes back with the problem; with one the item ends and nothing leaves."""
    browser = bed.signed_in()
    refused = browser.decide(1, "ignore", reason="")
    assert refused.status_code == 422
    assert "needs a reason" in refused.text.lower()
    assert browser.decide(1, "ignore", reason="settled by phone").status_code == 303
    bed.deliver()
    assert (decided(bed), bed.sent()) == ([("ignore", "console:ann")], [])


def test_taking_note_assigning_and_giving_back(bed: ConsoleBed) -> None:
    """Each is an entry of the ledger under the person's name, and none of them releases anything."""
    browser = bed.signed_in()
    for verb, fields in (("acknowledge", {}), ("assign", {"owner": "ben"}), ("reopen", {})):
        assert browser.decide(1, verb, **fields).status_code == 303, verb
    assert browser.decide(1, "assign", owner="nobody-we-know").status_code == 422
    assert [bed.entries(kind)[0]["by"] for kind in ("review_acknowledged", "review_assigned", "review_reopened")] == [
        "console:ann"
    ] * 3
    assert bed.released == []


def test_planning_again_and_judging_again(bed: ConsoleBed) -> None:
    """An escalation is planned again by the next run; an approval under a changed policy is stale, not dead."""
    bed.mail(ESCALATING)
    browser = bed.signed_in()
    assert browser.decide(2, "replan").status_code == 303
    (compose.load_settings().policy.dir / "more.yaml").write_text(
        LOOK_FIRST.replace("look-first", "look-too").replace("look first", "look too"), encoding="utf-8"
    )
    page = browser.get("/review/1").text
    assert "policy has changed" in page
    assert browser.decide(1, "accept").status_code == 409
    assert decided(bed) == [("replan", "console:ann")]
    assert browser.decide(1, "re-evaluate").status_code == 303
    live = browser.get("/review?kind=approval").text
    (number,) = set(re.findall(r'data-href="/review/(\d+)"', live))
    assert browser.decide(int(number), "accept").status_code == 303
    bed.deliver()
    assert len(bed.sent()) == 1


def test_of_two_reviewers_who_race_one_decides(bed: ConsoleBed) -> None:
    """Both looked at the same item; at the same moment one accepts and one ignores: one is told that it changed."""
    browsers = {"accept": bed.signed_in("ann"), "ignore": bed.signed_in("ben")}
    pages = {verb: browser.get("/review/1").text for verb, browser in browsers.items()}
    statuses: dict[str, int] = {}
    start = threading.Barrier(2)

    def decide(verb: str) -> None:
        fields = {"csrf": csrf_in(pages[verb]), "seen": seen_in(pages[verb]), "reason": "mine"}
        start.wait()
        statuses[verb] = browsers[verb].post(f"/review/1/{verb}", fields).status_code

    threads = [threading.Thread(target=decide, args=(verb,)) for verb in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses.values()) == [303, 409]
    assert len(decided(bed)) == 1


def test_a_page_that_was_opened_before_somebody_else_decided_is_refused_with_what_was_typed(bed: ConsoleBed) -> None:
    """The second person sees who was faster and keeps the words they typed."""
    bed.mail(ESCALATING)
    ann, ben = bed.signed_in("ann"), bed.signed_in("ben")
    page = ben.get("/review/2").text
    ann.decide(2, "acknowledge")
    fields = {"csrf": csrf_in(page), "seen": seen_in(page), "text": "my long and careful answer"}
    refused = ben.post("/review/2/respond", fields)
    assert refused.status_code == 409
    assert "changed since it was shown" in refused.text
    assert "my long and careful answer" in refused.text
    ann.decide(2, "ignore", reason="done")
    gone = ben.post("/review/2/respond", fields)
    assert gone.status_code == 409
    assert "console:ann" in gone.text


def test_mail_that_joins_an_escalation_makes_an_older_page_stale(bed: ConsoleBed) -> None:
    """What came after the page was opened was not seen: a response is refused until the person looked again."""
    seen = re.compile(r'name="seen" value="([0-9a-f]{24})"')
    bed.mail(ESCALATING)
    browser = bed.signed_in()
    before = seen.search(browser.get("/review/2").text)
    hub = compose.open_hub(compose.load_settings())
    thread = hub.list_unread("ops-warden").messages[-1].content.thread_id
    hub.close()
    assert run(["hub", "send", "--from", "flex-auth", "--to", "ops-warden", "--subject", "more", "--body", ESCALATING,
                "--thread", thread, "--quiet"]) == 0  # fmt: skip
    assert run(["worker", "run", "--execute", "--quiet"]) == 0
    after = seen.search(browser.get("/review/2").text)
    assert before is not None
    assert after is not None
    assert before[1] != after[1]
    answer = browser.send("/review/2/respond", seen=before[1], text="an answer to the first mail only")
    assert answer.status_code == 409


def test_an_expired_approval_cannot_be_accepted(bed: ConsoleBed) -> None:
    """Past its time the page offers to judge it again, accepting is refused, and nothing is recorded as a person's denial."""
    browser = bed.signed_in()
    before = browser.get("/review/1").text
    bed.later = timedelta(days=4)
    page = browser.get("/review/1").text
    assert "Nobody decided in time, and nobody denied it." in page
    assert "/review/1/accept" not in page
    fields = {"csrf": csrf_in(before), "seen": seen_in(before)}
    assert browser.post("/review/1/accept", fields).status_code == 409
    assert decided(bed) == []


def test_a_decision_that_names_nothing_or_another_item_is_refused(bed: ConsoleBed) -> None:
    """`seen` is part of the decision: empty, made up, or of another item, it decides nothing."""
    bed.mail(ESCALATING)
    browser = bed.signed_in()
    other = seen_in(browser.get("/review/2").text)
    for seen in ("", "0" * 24, other, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")):
        assert browser.send("/review/1/accept", seen=seen).status_code == 409
    assert browser.send("/review/77/accept", seen=other).status_code == 404
    assert browser.send("/review/1/explode", seen=other).status_code == 404
    assert decided(bed) == []


def test_a_batch_decides_each_by_itself(bed: ConsoleBed) -> None:
    """A selection is decided item by item; one that changed meanwhile is refused and stops no other."""
    bed.mail(QUESTION, sender="second-agent")
    bed.mail(ESCALATING)
    browser = bed.signed_in()
    chosen = re.findall(r'name="item" value="([^"]+)"', browser.get("/review").text)
    assert len(chosen) == 3
    answer = browser.send("/review/batch", verb="accept", item=[*chosen, "1:" + "0" * 24])
    assert "2 of 4 done" in answer.text
    assert [by for _, by in decided(bed)] == ["console:ann", "console:ann"]
    bed.deliver()
    assert (len(bed.sent()), len(bed.sent("second-agent"))) == (1, 1)


@pytest.mark.parametrize(
    "fields", [{"verb": "accept"}, {"verb": "edit", "item": "1:x"}, {"verb": "accept", "item": "x"}]
)
def test_a_batch_of_nothing_or_of_nonsense_is_refused(bed: ConsoleBed, fields: dict[str, str]) -> None:
    """No selection, a decision that needs a text, and what no queue has are told, not guessed."""
    assert bed.signed_in().send("/review/batch", **fields).status_code == 422


def test_two_people_release_what_takes_two(bed: ConsoleBed) -> None:
    """The first person's word counts and releases nothing; the same person again neither; the second one releases it."""
    (compose.load_settings().config_dir / "config.toml").write_text(f"[review]\n{TWO}", encoding="utf-8")
    ann, ben = bed.signed_in("ann"), bed.signed_in("ben")
    assert ann.decide(1, "accept").headers["location"] == "/review/1?note=missing"
    assert ann.decide(1, "accept").headers["location"] == "/review/1?note=missing"
    assert (bed.released, decided(bed)) == ([], [])
    assert ben.decide(1, "accept").headers["location"] == "/review/1?note=accept"
    assert decided(bed) == [("accept", "console:ben")]


def test_one_human_is_one_person_at_the_console_and_on_the_command_line(
    bed: ConsoleBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`person:ann` and `console:ann` are the same human: the rule of two people is not met by one who uses both."""
    import os

    mine = REVIEW.replace("uid = 4242", f"uid = {os.getuid()}").replace(
        "allow_same_uid", 'two_persons = ["messaging.answer"]\nallow_same_uid'
    )
    (compose.load_settings().config_dir / "config.toml").write_text(f"[review]\n{mine}", encoding="utf-8")
    assert run(["review", "accept", "1"]) == 0
    assert bed.entries("review_approved")[0]["by"] == "person:ann"
    ann = bed.signed_in("ann")
    assert ann.decide(1, "accept").headers["location"] == "/review/1?note=missing"
    assert decided(bed) == []
    assert bed.signed_in("ben").decide(1, "accept").headers["location"] == "/review/1?note=accept"


def test_who_asked_for_a_release_does_not_give_it(bed: ConsoleBed) -> None:
    """A sender who is a user of the console cannot release the answer to their own mail."""
    bed.mail(QUESTION, sender="ben")
    assert bed.signed_in("ben").decide(2, "accept").status_code == 403
    assert bed.signed_in("ann").decide(2, "accept").status_code == 303


def test_a_link_shows_no_more_than_the_uid_that_made_it() -> None:
    """Made by the worker's own uid, a session is the worker's; it is a declared person's only under that person's uid."""
    bed = ConsoleBed(review=REVIEW.replace("allow_same_uid = true\n", ""))
    bed.mail(QUESTION)
    settings, process = compose.load_settings(), Reviewer("uid:0")
    owner = compose.ledger_files(settings).database.stat().st_uid

    def who(user: str, method: str, uid: int | None) -> tuple[bool, bool]:
        found = reviewer_of(settings, process, Visitor(user, Role.REVIEWER, method, uid, "k"))
        assert found.identity == f"console:{user}"
        return found.declared, found.is_worker

    assert who("ann", BY_PASSPHRASE, None) == (True, False)
    assert who("zoe", BY_PASSPHRASE, None) == (False, False)
    assert who("ann", LINK, 4242) == (True, False)
    assert who("ben", LINK, 4242) == (False, False)
    assert who("ann", LINK, owner) == (owner == 4242, True)
    bed.add("ann", passphrase=None)
    browser = bed.browser()
    browser.use_link(bed.accounts.make_link("ann", owner, "test"))
    refused = browser.decide(1, "accept")
    assert refused.status_code == 403
    assert "worker" in refused.text
    assert bed.entries("review_decided") == []
    bed.close()


def test_a_viewer_sees_the_queue_and_no_way_to_decide(bed: ConsoleBed) -> None:
    """No form of a decision is on the page, and posting one anyway is refused."""
    browser = bed.signed_in("vic", Role.VIEWER)
    page = browser.get("/review/1").text
    assert "/review/1/accept" not in page
    assert browser.send("/review/1/accept", seen="0" * 24).status_code == 403


def test_the_next_item_is_where_a_decision_may_lead(bed: ConsoleBed) -> None:
    """The next item is the approval that expires first; with nothing left it is the queue."""
    browser = bed.signed_in()
    assert browser.get("/review/next").headers["location"] == "/review/1"
    assert browser.decide(1, "ignore", reason="done", then="next").headers["location"] == "/review/next?after=1"
    assert browser.get("/review/next?after=1").headers["location"] == "/review"


def test_the_timeline_runs_from_arrival_to_receipt(bed: ConsoleBed) -> None:
    """Every entry about the message is there in order, in words, with its number."""
    browser = bed.signed_in()
    browser.decide(1, "accept")
    bed.deliver()
    link = re.search(r'href="(/messages/[^"]+)"', browser.get("/messages").text)
    assert link is not None
    page = browser.get(html.unescape(link[1])).text
    places = [
        page.index(f"<b>{STEPS[kind]}</b>") for kind in ("message_seen", "review_asked", "review_decided", "received")
    ]
    assert places == sorted(places)
    assert "console:ann" in page


def test_filters_narrow_the_queue(bed: ConsoleBed) -> None:
    """Kind, sender, owner, rule, state and age each choose; a word that there is not is refused."""
    bed.mail(ESCALATING, sender="second-agent")
    browser = bed.signed_in()

    def numbers(query: str) -> list[str]:
        return re.findall(r'data-href="/review/(\d+)"', browser.get(f"/review?{query}").text)

    assert numbers("") == ["1", "2"]
    assert numbers("kind=approval") == ["1"]
    assert numbers("sender=second-agent") == ["2"]
    assert numbers("owner=ann") == ["1", "2"]
    assert numbers("owner=ben") == []
    assert numbers("rule=look-first") == ["1"]
    assert numbers("older=1h") == []
    assert numbers("state=decided") == []
    assert numbers("state=all") == ["1", "2"]
    assert numbers("after=1") == ["2"]
    for query in ("kind=x", "state=x", "older=x", "after=x", "after=-1"):
        assert browser.get(f"/review?{query}").status_code == 422


def test_the_console_finds_what_the_command_line_finds(bed: ConsoleBed) -> None:
    """Whoever owns items by assignment, capability, action, reason or default, and whichever rule decided: a page of the queue
    has the items that `warden review list` has."""
    owners = '[review.owners]\n"messaging.answer" = "ben"\n"asks-for-change" = "ann"\n'
    people = "[review.people.ann]\n[review.people.ben]\n[review.people.cy]\n"
    (compose.load_settings().config_dir / "config.toml").write_text(
        f'[review]\nowner = "cy"\nallow_same_uid = true\n{people}{owners}', encoding="utf-8"
    )
    bed.mail(ESCALATING, "What is the weather on the moon?", sender="second-agent")
    assert run(["review", "assign", "3", "ann"]) == 0
    with bed.parts.open_desk(True) as place:
        for owner in ("", "ann", "ben", "cy", "zoe"):
            for rule in ("", "look-first", "look.yaml/look-first", "yaml/look-first", "first", "%", "tier-auto"):
                for kind, reason in (("", ""), ("approval", ""), ("escalation", ""), ("", "approval"), ("", "%")):
                    filters = read_filters({"owner": owner, "rule": rule, "kind": kind})
                    wanted = replace(wanted_of(place.desk, filters), reason=reason)
                    found = place.read(partial(read_page, wanted=wanted, after=0, limit=50)).items
                    chosen = Selection(ReviewKind(kind) if kind else None, owner=owner, rule=rule, reason=reason)
                    assert found == select(place.desk, chosen), (owner, rule, kind, reason)
